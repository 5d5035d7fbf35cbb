import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { selectRows } from '#schemas/clickhouse/client.js';
import { landingDays, readingsOf } from '#schemas/clickhouse/facts.js';
import { rebuildFacts } from '#schemas/clickhouse/rebuild.js';
import { logKind, spanQuery } from '#schemas/dialects/dialects.js';
import { packageRoot } from '#schemas/root.js';
import { jsonHeaders, startGateway, type TestGateway } from '../testing/gateway.js';

/**
 * Spans emitted by the real libraries with their own test models. Each run makes the same two tool calls; the second one
 * fails. `npm run agents:spans` records them again.
 */
const FOLDER = join(packageRoot(), 'ingest/testing/agent-spans');

let gateway: TestGateway;
beforeAll(async () => {
  gateway = await startGateway(inject('clickhouseUrl'));
});
afterAll(() => gateway.close());

const TIME = /(imeUnixNano":")(\d+)/g;

/** Returns a capture with its times shifted to now, because events older than two years are quarantined. */
function capture(name: string): string {
  const text = readFileSync(join(FOLDER, `${name}.json`), 'utf8');
  const newest = [...text.matchAll(TIME)].map(([, , time = '0']) => BigInt(time)).reduce((a, b) => (a > b ? a : b));
  return text.replaceAll(TIME, (_, key: string, time: string) => `${key}${String(BigInt(time) - newest + NOW)}`);
}
const NOW = BigInt(Date.now()) * 1_000_000n;

async function send(body: string): Promise<void> {
  const answer = await gateway.app.inject({
    method: 'POST',
    url: '/v1/traces',
    payload: body,
    headers: jsonHeaders(gateway.ingestToken),
  });
  expect(answer.statusCode, answer.body).toBe(200);
}

interface Span {
  readonly traceId: string;
}
interface Capture {
  readonly resourceSpans: { readonly scopeSpans: { readonly spans: Span[] }[] }[];
}

const traceIds = (name: string): string[] =>
  (JSON.parse(capture(name)) as Capture).resourceSpans.flatMap(({ scopeSpans }) =>
    scopeSpans.flatMap(({ spans }) => spans.map(({ traceId }) => traceId)),
  );

/** Returns the agent events of a capture, one line each: `kind: event_name agent_name tool call model tokens success error`. */
async function events(name: string): Promise<{ agents: string[]; lines: string[] }> {
  const rows = await selectRows<{ agent: string; line: string }>(
    gateway.store.client,
    `SELECT agent, replaceRegexpAll(concatWithSeparator(' ', concat(kind, ':'), event_name, agent_name, session_id = '' ? '' : 'in-session', tool,
       tool_call_id, model, input_tokens + output_tokens = 0 ? '' : concat(toString(input_tokens), '+', toString(output_tokens)),
       decision, success = 'true' ? 'ok' : concat('failed ', error_type)), ' +', ' ') AS line
     FROM agent_event WHERE trace_id IN {ids:Array(String)} ORDER BY occurred_at, line`,
    { ids: traceIds(name) },
  );
  return { agents: [...new Set(rows.map(({ agent }) => agent))], lines: rows.map(({ line }) => line.trim()) };
}

const EXPECTED: Readonly<Record<string, { readonly agents: readonly string[]; readonly lines: readonly string[] }>> = {
  'agent-governance-toolkit': {
    agents: ['agent-governance-toolkit'],
    lines: [
      'guardrail: pre_tool triage allow ok',
      'guardrail: pre_tool triage block ok',
      'guardrail: pre_tool triage ask ok',
      ': agt.trust.verify triage ok',
      'guardrail: agt.approval.request triage block ok',
      'guardrail: agt.policy.evaluate triage ok',
    ],
  },
  // Client and server report the same two calls: two tool calls, not four.
  fastmcp: {
    agents: ['mcp-python-sdk', 'fastmcp'],
    lines: [
      'mcp_connection: server/discover ok',
      ': server/discover ok',
      ': tools/list ok',
      ': tools/list ok',
      ': tools/list in-session ok',
      'tool_call: execute_tool get_ticket ok',
      ': tools/call ok',
      ': execute_tool in-session get_ticket ok',
      'tool_call: execute_tool delete_file failed tool_error',
      ': execute_tool in-session delete_file failed tool_error',
      ': tools/call ok',
    ],
  },
  'traceloop-guardrails': {
    agents: ['traceloop'],
    lines: [
      ': guard allow ok',
      ': guard block ok',
      'guardrail: guardrail.run allow ok',
      'guardrail: guardrail.run block failed traceloop.sdk.guardrail.model.GuardValidationError',
    ],
  },
  'google-adk': {
    agents: ['google-adk'],
    lines: [
      'turn: invoke_workflow in-session failed ValueError',
      'turn: invoke_agent triage in-session failed ValueError',
      'model_call: generate_content triage in-session fake-1 10+5 ok',
      'tool_call: execute_tool triage get_ticket call_FAKE1 ok',
      'model_call: generate_content triage in-session fake-1 10+5 ok',
      'tool_call: execute_tool triage delete_file failed ValueError',
    ],
  },
  'openinference-langgraph': {
    agents: ['langchain'],
    lines: [
      'turn: AGENT in-session ok',
      'model_call: LLM in-session 10+5 ok',
      ': CHAIN in-session ok',
      'tool_call: TOOL in-session get_ticket ok',
      'turn: AGENT in-session ok',
      'model_call: LLM in-session 10+5 ok',
      ': CHAIN in-session ok',
      'tool_call: TOOL in-session delete_file failed ValueError',
      'turn: AGENT in-session ok',
      'model_call: LLM in-session 10+5 ok',
    ],
  },
  'openinference-openai-agents': {
    agents: ['openai-agents'],
    lines: [
      'turn: AGENT ok',
      'turn: AGENT triage ok',
      'model_call: LLM fake-1 10+5 ok',
      'tool_call: TOOL get_ticket ok',
      'model_call: LLM fake-1 10+5 ok',
      'tool_call: TOOL delete_file failed',
      'model_call: LLM fake-1 10+5 ok',
    ],
  },
  'openllmetry-langgraph': {
    agents: ['langchain'],
    lines: [
      ': create_agent triage ok',
      'turn: invoke_agent triage in-session ok',
      'turn: invoke_agent triage in-session ok',
      'model_call: chat triage in-session unknown 10+5 ok',
      ': execute_task triage in-session ok',
      'tool_call: execute_tool triage in-session get_ticket ok',
      'model_call: chat triage in-session unknown 10+5 ok',
      ': execute_task triage in-session ok',
      'tool_call: execute_tool triage in-session delete_file failed ValueError',
      'model_call: chat triage in-session unknown 10+5 ok',
    ],
  },
  'openllmetry-openai-agents': {
    agents: ['openai-agents'],
    lines: [
      'turn: workflow Agent Workflow ok',
      'turn: invoke_agent triage ok',
      'model_call: chat fake-1 ok',
      'tool_call: execute_tool get_ticket ok',
      'model_call: chat fake-1 ok',
      'tool_call: execute_tool delete_file failed',
      'model_call: chat fake-1 ok',
    ],
  },
  'pydantic-ai': {
    agents: ['pydantic-ai'],
    lines: [
      'turn: invoke_agent triage in-session ok',
      'model_call: chat triage in-session test 52+4 ok',
      'tool_call: execute_tool triage in-session get_ticket pyd_ai_tool_call_id__get_ticket ok',
      'model_call: chat triage in-session test 53+8 ok',
      'turn: invoke_agent triage in-session failed ValueError',
      'model_call: chat triage in-session test 52+5 ok',
      'tool_call: execute_tool triage in-session delete_file pyd_ai_tool_call_id__delete_file failed ValueError',
    ],
  },
  'vercel-ai': {
    agents: ['vercel-ai'],
    lines: [
      'turn: ai.generateText triage in-session ok',
      'model_call: ai.generateText.doGenerate triage in-session fake-1 10+5 ok',
      'tool_call: ai.toolCall triage in-session get_ticket call_FAKE1 ok',
      'model_call: ai.generateText.doGenerate triage in-session fake-1 10+5 ok',
      'tool_call: ai.toolCall triage in-session delete_file call_FAKE2 failed Error',
      'model_call: ai.generateText.doGenerate triage in-session fake-1 10+5 ok',
    ],
  },
};

describe('agent events from spans', () => {
  it.each(readdirSync(FOLDER).map((file) => file.replace('.json', '')))(
    'holds one event for each span of %s, however often it is sent',
    async (name) => {
      for (let i = 0; i < 3; i += 1) await send(capture(name));
      expect(await events(name)).toEqual(EXPECTED[name]);
    },
  );

  it('are the same after they are rebuilt from landing', async () => {
    await send(capture('pydantic-ai'));
    const before = await events('pydantic-ai');
    for (const day of await landingDays(gateway.store.client)) await rebuildFacts(gateway.store.client, day);
    expect(await events('pydantic-ai')).toEqual(before);
  });

  it('come from log records alone for agents that send both', async () => {
    const body = capture('pydantic-ai').replaceAll('"pydantic-ai"', '"com.anthropic.claude_code.tracing"');
    const other = body.replaceAll(/"traceId":"[0-9a-f]{32}"/g, `"traceId":"${'c'.repeat(32)}"`);
    await send(other);
    const rows = await selectRows(
      gateway.store.client,
      `SELECT * FROM agent_event WHERE trace_id = '${'c'.repeat(32)}'`,
    );
    expect(rows).toEqual([]);
  });

  it('are not made of our own records, which are other facts', async () => {
    const id = 'd'.repeat(32);
    await send(
      capture('pydantic-ai')
        .replaceAll(/"traceId":"[0-9a-f]{32}"/g, `"traceId":"${id}"`)
        .replaceAll('"execute_tool get_ticket"', '"agentshield.decision"'),
    );
    const rows = await selectRows<{ n: number }>(
      gateway.store.client,
      `SELECT countIf(tool = 'get_ticket') AS n FROM agent_event WHERE trace_id = '${id}'`,
    );
    expect(rows).toEqual([{ n: 0 }]);
  });

  it('hold no content: prompts, arguments and results are dropped before they land', async () => {
    for (const file of readdirSync(FOLDER)) await send(capture(file.replace('.json', '')));
    const keys = await selectRows<{ key: string }>(
      gateway.store.client,
      'SELECT DISTINCT arrayJoin(mapKeys(SpanAttributes)) AS key FROM otel_traces ORDER BY key',
    );
    expect(
      keys
        .map(({ key }) => key)
        .filter(
          (key) =>
            key !== 'llm.token_count.prompt' &&
            /messages|arguments|result|input\.value|[._]prompt$|task\.input/.test(key),
        ),
    ).toEqual([]);
  });

  it('are read by the query that the dialects write', async () => {
    const [logs = '', spans = ''] = await readingsOf(gateway.store.client, 'agent_event');
    const inStore = async (query: string): Promise<string> => {
      const [row] = await selectRows<{ text: string }>(
        gateway.store.client,
        'SELECT formatQuerySingleLine({query:String}) AS text',
        { query },
      );
      return (row?.text ?? '').replaceAll(/FROM \w+\.otel_/g, 'FROM otel_');
    };
    expect(await inStore(spans)).toBe(await inStore(spanQuery()));
    expect(await inStore(logs)).toContain((await inStore(`SELECT ${logKind()} AS kind`)).slice('SELECT '.length));
  });
});
