import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { selectRows } from '#schemas/clickhouse/client.js';
import { packageRoot } from '#schemas/root.js';
import { jsonHeaders, startGateway, type TestGateway } from '../testing/gateway.js';

let gateway: TestGateway;
beforeAll(async () => {
  gateway = await startGateway(inject('clickhouseUrl'));
});
afterAll(() => gateway.close());

/** Returns a request that a real client sent, reduced to its tool calls and hooks. */
const capture = (name: string): string =>
  readFileSync(join(packageRoot(), 'ingest/testing/agent-logs', `${name}.logs.json`), 'utf8');

async function send(body: string): Promise<void> {
  const answer = await gateway.app.inject({
    method: 'POST',
    url: '/v1/logs',
    payload: body,
    headers: jsonHeaders(gateway.ingestToken),
  });
  expect(answer.statusCode, answer.body).toBe(200);
}

const attribute = (key: string, stringValue: string) => ({ key, value: { stringValue } });

const events = (agent: string) =>
  selectRows(
    gateway.store.client,
    `SELECT event_name, tool, tool_call_id, decision, decision_raw, decision_source, success, toString(occurred_at) AS occurred_at
     FROM agent_event WHERE agent = {agent:String} AND tool != '' AND kind != 'hook_run' ORDER BY occurred_at, event_name`,
    { agent },
  );

describe('log records of real agents become agent events', () => {
  it('of Claude Code, a call that a hook denied among them, each once however often it is sent', async () => {
    for (let i = 0; i < 3; i += 1) await send(capture('claude-code'));
    expect(await events('claude-code')).toEqual([
      {
        event_name: 'tool_decision',
        tool: 'Bash',
        tool_call_id: 'toolu_01FAKE000000abcdefghij',
        decision: 'allow',
        decision_raw: 'accept',
        decision_source: 'config',
        success: '',
        occurred_at: '2026-11-23 23:59:58.338',
      },
      {
        event_name: 'tool_result',
        tool: 'Bash',
        tool_call_id: 'toolu_01FAKE000000abcdefghij',
        decision: '',
        decision_raw: '',
        decision_source: '',
        success: 'true',
        occurred_at: '2026-11-23 23:59:58.370',
      },
      {
        event_name: 'tool_decision',
        tool: 'Bash',
        tool_call_id: 'toolu_01FAKE000100abcdefghij',
        decision: 'block',
        decision_raw: 'reject',
        decision_source: 'hook',
        success: '',
        occurred_at: '2026-11-23 23:59:58.464',
      },
    ]);
    expect(
      await selectRows(
        gateway.store.client,
        `SELECT sum(hooks_blocking) AS blocking, max(duration_ms) AS slowest FROM agent_event WHERE hook_event = 'PreToolUse'`,
      ),
    ).toEqual([{ blocking: 1, slowest: 59 }]);
  });

  it('of Codex, which sends no time of its own and another name for the session', async () => {
    await send(capture('codex'));
    expect(await events('codex')).toMatchObject([
      {
        event_name: 'tool_decision',
        tool: 'exec_command',
        tool_call_id: 'call_FAKE0000',
        decision: 'allow',
        decision_raw: 'approved',
      },
      { event_name: 'tool_result', tool_call_id: 'call_FAKE0000', success: 'true' },
      { event_name: 'tool_decision', tool_call_id: 'call_FAKE0002', decision: 'allow' },
      { event_name: 'tool_result', tool_call_id: 'call_FAKE0002', success: 'true' },
    ]);
    expect(
      await selectRows(
        gateway.store.client,
        `SELECT DISTINCT session_id, agent_version FROM agent_event WHERE agent = 'codex'`,
      ),
    ).toEqual([{ session_id: '01a20ae3-a14f-7d60-a707-7716f372abd9', agent_version: '0.169.0' }]);
  });

  it('of Gemini CLI, whose denied calls have no decision', async () => {
    const record = {
      timeUnixNano: '1795478400000000000',
      attributes: [
        attribute('event.name', 'gemini_cli.tool_call'),
        attribute('function_name', 'run_shell_command'),
        attribute('success', 'false'),
        attribute('error_type', 'policy_violation'),
      ],
    };
    await send(JSON.stringify({ resourceLogs: [{ resource: {}, scopeLogs: [{ logRecords: [record] }] }] }));
    expect(await events('gemini-cli')).toMatchObject([
      { event_name: 'tool_call', tool: 'run_shell_command', decision: 'block', success: 'false' },
    ]);
  });

  it('that OTLP names in its field EventName alone, two of them that differ in nothing else', async () => {
    const logRecords = [
      'codex.tool_decision',
      'codex.tool_result',
      'gemini_cli.tool_call',
      'claude_code.tool_result',
      'other.event',
    ].map((eventName) => ({
      timeUnixNano: '1795478400000000000',
      eventName,
      attributes: [attribute('tool_name', 'by-field')],
    }));
    const scoped = {
      scope: { name: 'com.anthropic.claude_code.events' },
      logRecords: [
        {
          timeUnixNano: '1795478400000000000',
          eventName: 'tool_decision',
          attributes: [attribute('tool_name', 'by-field')],
        },
      ],
    };
    for (let i = 0; i < 2; i += 1)
      await send(JSON.stringify({ resourceLogs: [{ resource: {}, scopeLogs: [{ logRecords }, scoped] }] }));
    expect(
      await selectRows(
        gateway.store.client,
        "SELECT agent, event_name FROM agent_event WHERE tool = 'by-field' ORDER BY agent, event_name",
      ),
    ).toEqual([
      { agent: 'claude-code', event_name: 'tool_decision' },
      { agent: 'claude-code', event_name: 'tool_result' },
      { agent: 'codex', event_name: 'tool_decision' },
      { agent: 'codex', event_name: 'tool_result' },
      { agent: 'gemini-cli', event_name: 'tool_call' },
    ]);
  });
});

it.each(['codex-token-usage-keeps-its-type', 'event-named-by-its-field-alone-is-an-agent-event'])(
  'without a collector %s, too',
  async (name) => {
    const read = (file: string): string => readFileSync(join(packageRoot(), 'collector/cases', name, file), 'utf8');
    const { signal, body } = JSON.parse(read('input.json')) as { signal: string; body: object };
    const answer = await gateway.app.inject({
      method: 'POST',
      url: `/v1/${signal}`,
      payload: JSON.stringify(body),
      headers: jsonHeaders(gateway.ingestToken),
    });
    expect(answer.statusCode, answer.body).toBe(200);
    expect(await selectRows(gateway.store.client, read('query.sql'))).toEqual(JSON.parse(read('expected.json')));
  },
);

describe('a decision of an agent', () => {
  it('is allow or block for every word of Codex 0.171, and unknown for another: kept, and counted in quarantine by its word', async () => {
    const words = {
      allow: [
        'approved',
        'approved_for_session',
        'approved_with_amendment',
        'approved_execpolicy_amendment',
        'approved_mcp_policy_amendment',
        'approved_with_network_policy_allow',
      ],
      block: ['denied', 'denied_with_network_policy_deny', 'abort', 'timed_out'],
      unknown: ['approved_by_nobody_yet', 'Some text, not a word'],
    };
    const logRecords = Object.values(words)
      .flat()
      .map((word) => ({
        timeUnixNano: '1795478400000000000',
        attributes: [
          attribute('event.name', 'codex.tool_decision'),
          attribute('tool_name', 'word'),
          attribute('decision', word),
        ],
      }));
    for (let i = 0; i < 2; i += 1)
      await send(JSON.stringify({ resourceLogs: [{ resource: {}, scopeLogs: [{ logRecords }] }] }));
    expect(
      await selectRows(
        gateway.store.client,
        "SELECT decision, arraySort(groupArray(decision_raw)) AS words FROM agent_event WHERE tool = 'word' GROUP BY decision ORDER BY decision",
      ),
    ).toEqual(Object.entries(words).map(([decision, each]) => ({ decision, words: each.toSorted() })));
    expect(
      await selectRows(
        gateway.store.client,
        "SELECT record, problem, count() AS records FROM quarantine WHERE problem LIKE 'decision unknown%' GROUP BY record, problem ORDER BY problem",
      ),
    ).toEqual([
      { record: 'agent_event', problem: 'decision unknown', records: 1 },
      { record: 'agent_event', problem: 'decision unknown: approved_by_nobody_yet', records: 1 },
    ]);
  });
});
