import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { selectRows } from '#schemas/clickhouse/client.js';
import { jsonHeaders, startGateway, type TestGateway } from '../testing/gateway.js';
import { mergedRequests, outcomeCaptures, type OutcomeCapture } from '../testing/outcomes.js';

/**
 * Sessions of the real Claude Code, Codex and Gemini CLI, each of which makes one kind of evidence about tool calls. The
 * first call is denied by policy unless the scenario says otherwise.
 */
const CAPTURES = outcomeCaptures(Date.now() - 60_000);

let gateway: TestGateway;
beforeAll(async () => {
  gateway = await startGateway(inject('clickhouseUrl'));
  // Twice, because exporters repeat requests.
  for (const { path, body } of [...mergedRequests(CAPTURES), ...mergedRequests(CAPTURES)]) {
    const answer = await gateway.app.inject({
      method: 'POST',
      url: path,
      payload: JSON.stringify(body),
      headers: jsonHeaders(gateway.ingestToken),
    });
    expect(answer.statusCode, answer.body).toBe(200);
    expect(JSON.parse(answer.body)).toEqual({});
  }
});
afterAll(() => gateway.close());

interface Facts {
  readonly judged: string;
  readonly hooks: string;
  readonly decided: string;
  readonly results: string;
}

/** Returns the facts of a session, in the order of time; a call is named by its number, if the client sends ids. */
async function factsOf({ sessionId, calls }: OutcomeCapture): Promise<Facts> {
  const rows = await selectRows<{ kind: string; id: string; text: string }>(
    gateway.store.client,
    `SELECT kind, id, text FROM (
       SELECT 'judged' AS kind, tool_call_id AS id, decision AS text, occurred_at AS at FROM runtime_event WHERE session_id = {sessionId:String}
       UNION ALL
       SELECT kind, tool_call_id,
         multiIf(kind = 'hook_run', multiIf(hooks_blocking > 0, 'blocked', hooks_cancelled > 0, 'cancelled', hooks_failed > 0, 'failed', 'success'),
           kind = 'tool_decision', concat(decision, ' ', decision_source), trimBoth(concat(decision, ' ', success, ' ', error_type))),
         occurred_at
       FROM agent_event WHERE session_id = {sessionId:String} AND kind IN ('hook_run', 'tool_decision', 'tool_result')
     ) ORDER BY at, id, text`,
    { sessionId },
  );
  const line = (kind: string): string =>
    rows
      .filter((row) => row.kind === kind)
      .map(({ id, text }) => (id === '' ? text : `${String(calls.findIndex((call) => call.id === id) + 1)} ${text}`))
      .join(', ');
  return {
    judged: line('judged'),
    hooks: line('hook_run'),
    decided: line('tool_decision'),
    results: line('tool_result'),
  };
}

const EXPECTED: Readonly<Record<string, Facts>> = {
  'claude-code/auto-mode': {
    judged: '1 block, 2 allow, 3 allow',
    hooks: 'blocked, success, success',
    decided: '1 block hook, 2 allow config, 3 block config',
    results: '2 true',
  },
  'claude-code/continue-false': { judged: '1 block', hooks: 'success', decided: '1 allow config', results: '1 true' },
  'claude-code/default-mode': {
    judged: '1 block, 2 allow, 3 allow',
    hooks: 'blocked, success, success',
    decided: '1 block hook, 2 allow config, 3 block config',
    results: '2 true',
  },
  'claude-code/denied': {
    judged: '1 block, 2 allow, 3 allow',
    hooks: 'blocked, success, success',
    decided: '1 block hook, 2 allow config, 3 allow config',
    results: '2 true, 3 false ShellError',
  },
  'claude-code/deny-rule': {
    judged: '1 block, 2 allow, 3 allow',
    hooks: 'blocked, success, success',
    decided: '1 block hook, 2 block config, 3 allow config',
    results: '3 false ShellError',
  },
  'claude-code/hook-killed-closed': {
    judged: '',
    hooks: 'blocked, blocked, blocked',
    decided: '1 block hook, 2 block hook, 3 block hook',
    results: '',
  },
  'claude-code/hook-killed': {
    judged: '',
    hooks: 'failed, failed, failed',
    decided: '1 allow config, 2 allow config, 3 allow config',
    results: '1 true, 2 true, 3 false ShellError',
  },
  'claude-code/hook-timeout-closed': {
    judged: '1 block, 2 allow, 3 allow',
    hooks: 'blocked, blocked, blocked',
    decided: '1 block hook, 2 block hook, 3 block hook',
    results: '',
  },
  'claude-code/hook-timeout': {
    judged: '1 block, 2 allow, 3 allow',
    hooks: 'cancelled, cancelled, cancelled',
    decided: '1 allow config, 2 allow config, 3 allow config',
    results: '1 true, 2 true, 3 false ShellError',
  },
  'claude-code/invalid-input': { judged: '3 allow', hooks: 'success', decided: '3 allow config', results: '3 true' },
  'claude-code/mod-allows': {
    judged: '1 block, 2 allow, 3 allow',
    hooks: 'blocked, success, success',
    decided: '1 allow hook, 2 allow hook, 3 allow hook',
    results: '1 true, 2 true, 3 false ShellError',
  },
  'claude-code/mod-answers': {
    judged: '',
    hooks: '',
    decided: '1 allow config, 2 allow config, 3 allow config',
    results: '1 true, 2 true, 3 false ShellError',
  },
  'claude-code/no-hook': {
    judged: '',
    hooks: '',
    decided: '1 allow config, 2 allow config, 3 allow config',
    results: '1 true, 2 true, 3 false ShellError',
  },
  'claude-code/other-hook-denies': {
    judged: '1 block, 2 allow, 3 allow',
    hooks: 'blocked, blocked, blocked',
    decided: '1 block hook, 2 block hook, 3 block hook',
    results: '',
  },
  'claude-code/other-hook-rewrites': {
    judged: '1 allow, 2 allow',
    hooks: 'success, success',
    decided: '1 allow hook, 2 allow hook',
    results: '1 true, 2 true',
  },
  'claude-code/parallel-one-killed': {
    judged: '2 allow, 1 block, 3 allow, 4 allow',
    hooks: 'failed, success, success, success',
    decided: '1 allow config, 2 allow config, 3 allow config, 4 allow config',
    results: '1 true, 2 true, 3 true, 4 true',
  },
  'claude-code/parallel': {
    judged: '3 allow, 2 allow, 1 block, 4 allow',
    hooks: 'success, success, blocked, success',
    decided: '3 allow config, 2 allow config, 1 block hook, 4 allow config',
    results: '2 true, 3 true, 4 true',
  },
  'claude-code/text-before-json': {
    judged: '1 block, 2 allow, 3 allow',
    hooks: 'success, success, success',
    decided: '1 allow config, 2 allow config, 3 allow config',
    results: '1 true, 2 true, 3 false ShellError',
  },
  'codex/continue-false': {
    judged: '1 block, 2 allow, 3 allow',
    hooks: '',
    decided: '1 allow Config, 2 allow Config, 3 allow Config',
    results: '1 true, 2 true, 3 true',
  },
  'codex/denied': {
    judged: '1 block, 2 allow, 3 allow',
    hooks: '',
    decided: '2 allow Config, 3 allow Config',
    results: '2 true, 3 true',
  },
  'codex/deny-rule': { judged: '1 allow, 2 allow', hooks: '', decided: '2 allow Config', results: '1 false, 2 true' },
  'codex/hook-killed-closed': { judged: '', hooks: '', decided: '', results: '' },
  'codex/hook-killed': {
    judged: '',
    hooks: '',
    decided: '1 allow Config, 2 allow Config, 3 allow Config',
    results: '1 true, 2 true, 3 true',
  },
  'codex/hook-timeout-closed': {
    judged: '1 block, 2 allow, 3 allow',
    hooks: '',
    decided: '1 allow Config, 2 allow Config, 3 allow Config',
    results: '1 true, 2 true, 3 true',
  },
  'codex/hook-timeout': {
    judged: '1 block, 2 allow, 3 allow',
    hooks: '',
    decided: '1 allow Config, 2 allow Config, 3 allow Config',
    results: '1 true, 2 true, 3 true',
  },
  'codex/no-hook': {
    judged: '',
    hooks: '',
    decided: '1 allow Config, 2 allow Config, 3 allow Config',
    results: '1 true, 2 true, 3 true',
  },
  'codex/other-hook-denies': { judged: '1 block, 2 allow, 3 allow', hooks: '', decided: '', results: '' },
  'codex/parallel-one-killed': {
    judged: '2 allow, 3 allow, 1 block, 4 allow',
    hooks: '',
    decided: '3 allow Config, 2 allow Config, 1 allow Config, 4 allow Config',
    results: '2 true, 3 true, 1 true, 4 true',
  },
  'codex/parallel': {
    judged: '2 allow, 3 allow, 1 block, 4 allow',
    hooks: '',
    decided: '3 allow Config, 2 allow Config, 4 allow Config',
    results: '3 true, 2 true, 4 true',
  },
  'codex/sandboxed': {
    judged: '1 block, 2 allow, 3 allow',
    hooks: '',
    decided: '2 allow Config, 3 allow Config',
    results: '2 true, 3 true',
  },
  'codex/text-before-json': {
    judged: '1 block, 2 allow, 3 allow',
    hooks: '',
    decided: '1 allow Config, 2 allow Config, 3 allow Config',
    results: '1 true, 2 true, 3 true',
  },
  'codex/untrusted-hook': {
    judged: '',
    hooks: '',
    decided: '1 allow Config, 2 allow Config, 3 allow Config',
    results: '1 true, 2 true, 3 true',
  },
  'gemini-cli/continue-false': { judged: 'block', hooks: 'success', decided: '', results: 'false stop_execution' },
  'gemini-cli/default-mode': {
    judged: '',
    hooks: '',
    decided: '',
    results: 'false tool_not_registered, false tool_not_registered, false tool_not_registered',
  },
  'gemini-cli/denied': {
    judged: 'block, allow, allow',
    hooks: 'blocked, success, success',
    decided: '',
    results: 'block false policy_violation, allow true, allow true',
  },
  'gemini-cli/deny-rule': {
    judged: 'allow, allow',
    hooks: 'success, success',
    decided: '',
    results: 'block false policy_violation, allow true',
  },
  'gemini-cli/hook-killed-closed': {
    judged: '',
    hooks: 'blocked, blocked, blocked',
    decided: '',
    results: 'block false policy_violation, block false policy_violation, block false policy_violation',
  },
  'gemini-cli/hook-killed': {
    judged: '',
    hooks: 'failed, failed, failed',
    decided: '',
    results: 'allow true, allow true, allow true',
  },
  'gemini-cli/hook-timeout': {
    judged: 'block, allow, allow',
    hooks: 'cancelled, cancelled, cancelled',
    decided: '',
    results: 'allow true, allow true, allow true',
  },
  'gemini-cli/no-hook': { judged: '', hooks: '', decided: '', results: 'allow true, allow true, allow true' },
  'gemini-cli/other-hook-denies': {
    judged: 'block, allow, allow',
    hooks: 'blocked, success, success, success, success, success',
    decided: '',
    results: 'block false policy_violation, block false policy_violation, block false policy_violation',
  },
  'gemini-cli/parallel-one-killed': {
    judged: 'allow, block, allow, allow',
    hooks: 'failed, success, success, success',
    decided: '',
    results: 'allow true, allow true, allow true, allow true',
  },
  'gemini-cli/parallel': {
    judged: 'allow, allow, block, allow',
    hooks: 'success, blocked, success, success',
    decided: '',
    results: 'block false policy_violation, allow true, allow true, allow true',
  },
  'gemini-cli/text-before-json': {
    judged: 'block, allow, allow',
    hooks: 'success, success, success',
    decided: '',
    results: 'allow true, allow true, allow true',
  },
};

describe('the facts of a recorded session', () => {
  it.each(CAPTURES.map((capture) => [capture.name, capture] as const))('hold what %s sent', async (name, capture) => {
    expect(await factsOf(capture)).toEqual(EXPECTED[name]);
  });

  it('hold the permission mode that each client reports', async () => {
    const rows = await selectRows(
      gateway.store.client,
      `SELECT agent, permission_mode, count(DISTINCT session_id) AS sessions FROM agent_event
       WHERE permission_mode != '' GROUP BY agent, permission_mode ORDER BY agent, permission_mode`,
    );
    const sessions = (client: string): number => CAPTURES.filter(({ name }) => name.startsWith(`${client}/`)).length;
    expect(rows).toEqual([
      { agent: 'claude-code', permission_mode: 'auto', sessions: 1 },
      { agent: 'claude-code', permission_mode: 'bypassPermissions', sessions: sessions('claude-code') - 2 },
      { agent: 'claude-code', permission_mode: 'default', sessions: 1 },
      { agent: 'codex', permission_mode: 'danger-full-access', sessions: sessions('codex') - 1 },
      { agent: 'codex', permission_mode: 'read-only', sessions: 1 },
      { agent: 'gemini-cli', permission_mode: 'default', sessions: 1 },
      { agent: 'gemini-cli', permission_mode: 'yolo', sessions: sessions('gemini-cli') - 1 },
    ]);
  });

  it('tell a session with a plugin of a third party, which may hold a mod', async () => {
    const rows = await selectRows<{ id: string }>(
      gateway.store.client,
      "SELECT DISTINCT session_id AS id FROM agent_event WHERE event_name = 'plugin_loaded'",
    );
    const withMods = CAPTURES.filter(({ name }) => name.startsWith('claude-code/mod-'));
    expect(rows.map(({ id }) => id).sort()).toEqual(withMods.map(({ sessionId }) => sessionId).sort());
  });

  it('hold no name of the machine on which they were recorded', () => {
    const text = JSON.stringify(CAPTURES);
    expect(text.match(/\/tmp\/|\/root|\/home\/(?!dev\b)|fake-key/g)).toBeNull();
  });
});
