import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { selectRows } from '#schemas/clickhouse/client.js';
import { jsonHeaders, startGateway, type TestGateway } from '#ingest/testing/gateway.js';
import { mergedRequests, outcomeCaptures, type OutcomeCapture } from '#ingest/testing/outcomes.js';
import { createRollupWorker } from '#rollups/worker.js';
import { sessionTimelineList, type TimelineEntry } from '#schemas/http/tool-calls.js';

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
  await createRollupWorker({ clickhouse: gateway.store.client, settleMs: 0 }).tick();
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

/** Returns the calls of a session in their order: `outcome cause`, and `?` if the join or the outcome rests on order. */
async function outcomesOf({ sessionId, calls }: OutcomeCapture): Promise<string> {
  const rows = await selectRows<{ id: string; text: string }>(
    gateway.store.client,
    `SELECT tool_call_id AS id, concat(trimRight(concat(outcome, ' ', cause)), if(is_inferred, '?', '')) AS text
     FROM tool_call_outcome WHERE session_id = {sessionId:String} ORDER BY occurred_at, text`,
    { sessionId },
  );
  return rows
    .map(({ id, text }) => ({ at: calls.findIndex((call) => call.id === id) + 1, text }))
    .sort((a, b) => a.at - b.at)
    .map(({ at, text }) => (at === 0 ? text : `${String(at)} ${text}`))
    .join(', ');
}

/**
 * What the ledger says. Codex reports no hooks of a session, so a call that ran although it was denied has no cause, and one
 * that nobody recorded is unknown. Parallel calls of Gemini CLI, which have no id, are joined by order and may be taken for each other.
 */
const OUTCOMES: Readonly<Record<string, string>> = {
  'claude-code/auto-mode': '1 enforced, 2 allowed, 3 overruled agent_rule',
  'claude-code/continue-false': '1 failed_open ignored_answer?',
  'claude-code/default-mode': '1 enforced, 2 allowed, 3 overruled agent_rule',
  'claude-code/denied': '1 enforced, 2 allowed, 3 allowed',
  'claude-code/deny-rule': '1 enforced, 2 overruled agent_rule, 3 allowed',
  'claude-code/hook-killed-closed':
    '1 denied_elsewhere sole_hook, 2 denied_elsewhere sole_hook, 3 denied_elsewhere sole_hook',
  'claude-code/hook-killed': '1 failed_open hook_failed?, 2 failed_open hook_failed?, 3 failed_open hook_failed?',
  'claude-code/hook-timeout-closed': '1 enforced, 2 overruled failed_closed, 3 overruled failed_closed',
  'claude-code/hook-timeout': '1 failed_open timeout?, 2 allowed, 3 allowed',
  'claude-code/invalid-input': '3 allowed',
  'claude-code/mod-allows': '1 overruled mods, 2 allowed, 3 allowed',
  'claude-code/mod-answers': '1 unjudged hook_not_run, 2 unjudged hook_not_run, 3 unjudged hook_not_run',
  'claude-code/no-hook': '1 unjudged no_hook, 2 unjudged no_hook, 3 unjudged no_hook',
  'claude-code/other-hook-denies': '1 enforced, 2 overruled other_hook, 3 overruled other_hook',
  'claude-code/other-hook-rewrites': '1 allowed, 2 allowed',
  'claude-code/parallel-one-killed': '1 failed_open hook_failed?, 2 allowed, 3 allowed, 4 allowed',
  'claude-code/parallel': '1 enforced, 2 allowed, 3 allowed, 4 allowed',
  'claude-code/text-before-json': '1 failed_open ignored_answer?, 2 allowed, 3 allowed',
  'codex/continue-false': '1 bypassed denial_lost, 2 allowed, 3 allowed',
  'codex/denied': '1 enforced, 2 allowed, 3 allowed',
  'codex/deny-rule': '1 overruled, 2 allowed',
  'codex/hook-killed-closed': '',
  'codex/hook-killed': '1 unjudged hook_not_trusted, 2 unjudged hook_not_trusted, 3 unjudged hook_not_trusted',
  'codex/hook-timeout-closed': '1 bypassed denial_lost, 2 allowed, 3 allowed',
  'codex/hook-timeout': '1 bypassed denial_lost, 2 allowed, 3 allowed',
  'codex/no-hook': '1 unjudged hook_not_trusted, 2 unjudged hook_not_trusted, 3 unjudged hook_not_trusted',
  'codex/other-hook-denies': '1 enforced, 2 unknown, 3 unknown',
  'codex/parallel-one-killed': '1 bypassed denial_lost, 2 allowed, 3 allowed, 4 allowed',
  'codex/parallel': '1 enforced, 2 allowed, 3 allowed, 4 allowed',
  'codex/sandboxed': '1 enforced, 2 allowed, 3 allowed',
  'codex/text-before-json': '1 bypassed denial_lost, 2 allowed, 3 allowed',
  'codex/untrusted-hook': '1 unjudged hook_not_trusted, 2 unjudged hook_not_trusted, 3 unjudged hook_not_trusted',
  'gemini-cli/continue-false': 'enforced?',
  'gemini-cli/default-mode': 'denied_elsewhere?, denied_elsewhere?, denied_elsewhere?',
  'gemini-cli/denied': 'enforced?, allowed?, allowed?',
  'gemini-cli/deny-rule': 'overruled?, allowed?',
  'gemini-cli/hook-killed-closed':
    'denied_elsewhere failed_closed?, denied_elsewhere failed_closed?, denied_elsewhere failed_closed?',
  'gemini-cli/hook-killed': 'failed_open hook_failed?, failed_open hook_failed?, failed_open hook_failed?',
  'gemini-cli/hook-timeout': 'failed_open timeout?, allowed?, allowed?',
  'gemini-cli/no-hook': 'unjudged no_hook?, unjudged no_hook?, unjudged no_hook?',
  'gemini-cli/other-hook-denies': 'enforced?, overruled?, overruled?',
  'gemini-cli/parallel-one-killed': 'allowed?, failed_open hook_failed?, allowed?, allowed?',
  'gemini-cli/parallel': 'allowed?, allowed?, enforced?, allowed?',
  'gemini-cli/text-before-json': 'failed_open ignored_answer?, allowed?, allowed?',
};

describe('the outcome ledger', () => {
  it.each(CAPTURES.map((capture) => [capture.name, capture] as const))(
    'names what became of %s',
    async (name, capture) => {
      expect(await outcomesOf(capture)).toBe(OUTCOMES[name]);
    },
  );

  it('never says that a call ran that did not, nor the reverse, where the client sends ids', async () => {
    const wrong: string[] = [];
    for (const { name, sessionId, calls } of CAPTURES) {
      const rows = await selectRows<{ id: string; has_run: boolean }>(
        gateway.store.client,
        "SELECT tool_call_id AS id, has_run FROM tool_call_outcome WHERE session_id = {sessionId:String} AND outcome != 'unknown'",
        { sessionId },
      );
      for (const { id, has_run: hasRun } of rows) {
        const call = calls.find((one) => one.id === id);
        if (call !== undefined && call.ran !== hasRun) wrong.push(`${name} ${call.name}`);
      }
    }
    // The sandbox lets the command start, and then keeps it from writing its file.
    expect(wrong).toEqual(['codex/sandboxed harmless']);
  });
});

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

describe('the timeline of a session of each real client', () => {
  let other: TestGateway;
  const read = async (of: TestGateway, url: string): Promise<Record<string, unknown>> => {
    const answer = await of.app.inject({ url, headers: { authorization: `Bearer ${of.readToken}` } });
    expect(answer.statusCode, answer.body).toBe(200);
    return answer.json();
  };
  const entriesOf = async (of: TestGateway, { sessionId }: OutcomeCapture): Promise<TimelineEntry[]> =>
    sessionTimelineList.parse(await read(of, `/v1/sessions/${sessionId}/timeline?limit=1000`)).entries;

  beforeAll(async () => {
    other = await startGateway(inject('clickhouseUrl'));
    // Each request of a client by itself, the last first, and the first ones again.
    const requests = CAPTURES.flatMap((capture) => mergedRequests([capture])).reverse();
    for (const { path, body } of [...requests, ...requests.slice(0, 40)]) {
      const answer = await other.app.inject({
        method: 'POST',
        url: path,
        payload: JSON.stringify(body),
        headers: jsonHeaders(other.ingestToken),
      });
      expect(answer.statusCode, answer.body).toBe(200);
    }
    await createRollupWorker({ clickhouse: other.store.client, settleMs: 0 }).tick();
  });
  afterAll(() => other.close());

  it('is the same in any order of arrival and however often it is sent, as are its row and what it used', async () => {
    expect(new Set(CAPTURES.map(({ name }) => name.split('/')[0]))).toEqual(
      new Set(['claude-code', 'codex', 'gemini-cli']),
    );
    for (const capture of CAPTURES) {
      const entries = await entriesOf(gateway, capture);
      expect(entries.length, capture.name).toBeGreaterThan(2);
      expect(await entriesOf(other, capture), capture.name).toEqual(entries);
      const url = `/v1/sessions/${capture.sessionId}`;
      expect(await read(other, url), capture.name).toEqual(await read(gateway, url));
    }
    const usage = 'SELECT * FROM agent_usage_hour ORDER BY ALL';
    expect(await selectRows(other.store.client, usage)).toEqual(await selectRows(gateway.store.client, usage));
  });

  it('has verdicts with the outcome of their call, and what the agent reports, in order', async () => {
    const capture = CAPTURES.find(({ name }) => name === 'claude-code/denied');
    if (capture === undefined) throw new Error('no such capture');
    const entries = await entriesOf(gateway, capture);
    const times = entries.map(({ occurredAt }) => occurredAt);
    expect(times).toEqual([...times].sort());
    expect(entries.find(({ kind }) => kind === 'judgement')).toMatchObject({ decision: 'block', outcome: 'enforced' });
    expect(entries.filter(({ kind }) => kind === 'model_call').every(({ inputTokens }) => inputTokens !== null)).toBe(
      true,
    );
    const numbers = entries.flatMap(({ sequence, kind }) => (sequence === null || kind === 'gap' ? [] : [sequence]));
    expect(numbers).toEqual([...numbers].sort((a, b) => a - b));
    // The recording keeps some of the client's events only: those that it lacks are gaps.
    const last = Math.max(...numbers);
    const lost = entries.reduce((sum, { lostEvents }) => sum + (lostEvents ?? 0), 0);
    const [arrived] = await selectRows<{ events: number }>(
      gateway.store.client,
      'SELECT count() AS events FROM agent_event WHERE session_id = {sessionId:String}',
      { sessionId: capture.sessionId },
    );
    expect(lost + (arrived?.events ?? 0)).toBe(last + 1);
  });

  it('uses what the model calls behind each point of agent_usage report', async () => {
    const points = await selectRows<{ hour: number; repo: string; events: number }>(
      gateway.store.client,
      'SELECT toUnixTimestamp(bucket_start) AS hour, repo, sum(model_calls) + sum(errors) AS events FROM agent_usage_hour GROUP BY hour, repo ORDER BY hour, repo',
    );
    expect(points.some(({ repo }) => repo !== '')).toBe(true);
    for (const { hour, repo, events } of points.filter((point) => point.repo !== ''))
      expect(
        await read(
          gateway,
          `/v1/explain?series=agent_usage&bucket=hour&at=${new Date(hour * 1_000).toISOString()}&repository=${encodeURIComponent(repo)}`,
        ),
      ).toMatchObject({ total: events });
    for (const hour of new Set(points.map((point) => point.hour)))
      expect(
        await read(
          gateway,
          `/v1/explain?series=agent_usage_org&bucket=hour&at=${new Date(hour * 1_000).toISOString()}`,
        ),
      ).toMatchObject({
        total: points.filter((point) => point.hour === hour).reduce((sum, { events }) => sum + events, 0),
      });
  });
});
