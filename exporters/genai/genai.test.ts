import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { context, propagation, SpanStatusCode, trace, type Tracer } from '@opentelemetry/api';
import { NodeSDK, tracing } from '@opentelemetry/sdk-node';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { record } from '../hook/record.js';
import { spoolRecords } from '../testing/spool-lines.js';
import { shieldwatch, ToolBlockedError, wrapTool } from './index.js';

const SECRET = ['sk-ant-', 'api03-canarycanarycanary'].join('');

let exporter: tracing.InMemorySpanExporter;
let sdk: NodeSDK;
let processor: ReturnType<typeof shieldwatch>;
let tracer: Tracer;
let home: string;

beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'shieldwatch-genai-'));
  vi.stubEnv('HOME', home);
  vi.stubEnv('OTEL_METRICS_EXPORTER', 'none');
  vi.stubEnv('OTEL_LOGS_EXPORTER', 'none');
  exporter = new tracing.InMemorySpanExporter();
  processor = shieldwatch();
  // The stock SDK, with our one line.
  sdk = new NodeSDK({ spanProcessors: [processor, new tracing.BatchSpanProcessor(exporter)] });
  sdk.start();
  tracer = trace.getTracer('agent');
});

afterEach(async () => {
  await sdk.shutdown();
  trace.disable();
  context.disable();
  propagation.disable();
  vi.unstubAllEnvs();
});

async function spans(): Promise<tracing.ReadableSpan[]> {
  await (sdk as unknown as { _tracerProvider: { forceFlush(): Promise<void> } })._tracerProvider.forceFlush();
  return exporter.getFinishedSpans();
}

it('masks and counts secrets in messages, tools, events and errors', async () => {
  const span = tracer.startSpan(`chat ${SECRET}`, {
    attributes: {
      'gen_ai.operation.name': 'chat',
      'gen_ai.input.messages': JSON.stringify([
        { role: 'user', parts: [{ type: 'text', content: `my key is ${SECRET}` }] },
      ]),
      'gen_ai.tool.call.arguments': JSON.stringify({ command: `curl -H "x-api-key: ${SECRET}" https://h.test` }),
      'gen_ai.response.finish_reasons': ['stop', SECRET],
      'gen_ai.usage.input_tokens': 7,
    },
  });
  span.addEvent('gen_ai.content', { 'gen_ai.prompt': SECRET });
  span.setStatus({ code: SpanStatusCode.ERROR, message: `refused ${SECRET}` });
  span.end();
  const [exported] = await spans();
  const everything = JSON.stringify([exported?.name, exported?.attributes, exported?.events, exported?.status]);
  expect(everything).not.toContain('canary');
  expect(exported?.attributes).toMatchObject({
    'gen_ai.usage.input_tokens': 7,
    'shieldwatch.redaction.masked.count': 6,
  });
  expect(Object.values(processor.masked).reduce((sum, count) => sum + count, 0)).toBe(6);
  expect(processor.masked['anthropic-key']).toBeGreaterThanOrEqual(5);
});

it('leaves clean spans unchanged', async () => {
  tracer.startSpan('chat', { attributes: { 'gen_ai.operation.name': 'chat', 'gen_ai.input.messages': 'hello' } }).end();
  expect((await spans())[0]?.attributes).toEqual({ 'gen_ai.operation.name': 'chat', 'gen_ai.input.messages': 'hello' });
});

it('puts the decision of a command hook onto the span of its call', async () => {
  const { Decisions } = await import('./decisions.js');
  const { createSpanProcessor } = await import('./span-processor.js');
  const env = { HOME: home };
  const call = { tool: 'Bash', cwd: home, sessionId: 's', agent: 'claude-code', toolCallId: 'call_1' };
  record(call, { decision: 'block', reason: 'no', ruleName: 'deny[0]:Bash', ruleCategory: 'egress' }, 2, {
    env,
    projectDir: '',
  });
  const own = createSpanProcessor(new Decisions(join(home, '.shieldwatch', 'spool')));
  const span = {
    name: 'execute_tool Bash',
    attributes: { 'gen_ai.operation.name': 'execute_tool', 'gen_ai.tool.call.id': 'call_1' },
    status: { code: 0 },
    events: [],
    links: [],
  };
  own.onEnd(span);
  expect(span.attributes).toMatchObject({
    'agentshield.decision.action': 'block',
    'security_rule.category': 'egress',
    'agentshield.decision.reason': 'no',
  });
  // The next one is read from where the last look ended.
  record({ ...call, toolCallId: 'call_2' }, { decision: 'allow' }, 1, { env, projectDir: '' });
  const other = { ...span, attributes: { 'gen_ai.operation.name': 'execute_tool', 'gen_ai.tool.call.id': 'call_2' } };
  own.onEnd(other);
  expect(other.attributes).toMatchObject({ 'agentshield.decision.action': 'allow' });
});

it('wraps a tool: judged, traced, recorded, and not run when denied', async () => {
  mkdirSync(join(home, '.agentshield'));
  writeFileSync(
    join(home, '.agentshield', 'runtime-policy.json'),
    JSON.stringify({
      version: 1,
      deny: [{ tool: 'shell', pattern: 'rm -rf', reason: 'Prevents destructive operations' }],
    }),
  );
  const ran: string[] = [];
  const shell = wrapTool(
    (input: { command: string }) => {
      ran.push(input.command);
      return Promise.resolve('ok');
    },
    { name: 'shell', agent: 'my-agent', sessionId: 'conv-1', cwd: home },
  );
  expect(await shell({ command: 'ls' })).toBe('ok');
  await expect(shell({ command: 'rm -rf /' })).rejects.toThrow(ToolBlockedError);
  expect(ran).toEqual(['ls']);
  expect(
    (await spans()).map(({ name, attributes }) => [
      name,
      attributes['agentshield.decision.action'],
      attributes['error.type'],
    ]),
  ).toEqual([
    ['execute_tool shell', 'allow', undefined],
    ['execute_tool shell', 'block', 'ToolBlockedError'],
  ]);
  const records = spoolRecords(join(home, '.shieldwatch', 'spool'));
  expect(records.map(({ agent, tool, decision, sessionId }) => [agent, tool, decision, sessionId])).toEqual([
    ['my-agent', 'shell', 'allow', 'conv-1'],
    ['my-agent', 'shell', 'block', 'conv-1'],
  ]);
  const circular: Record<string, unknown> = {};
  circular['self'] = circular;
  const any = wrapTool((input: object) => input, { name: 'shell', cwd: home });
  await expect(any(circular)).rejects.toThrow(/guard failed/);
});

it('rethrows the tool’s error, without its secrets on the span', async () => {
  const broken = wrapTool(
    () => {
      throw new TypeError(`cannot use ${SECRET}`);
    },
    { name: 'broken', cwd: home },
  );
  await expect(broken()).rejects.toThrow(TypeError);
  const [span] = await spans();
  expect([span?.attributes['error.type'], span?.status.message]).toEqual([
    'TypeError',
    'cannot use [REDACTED:anthropic-key]',
  ]);
});
