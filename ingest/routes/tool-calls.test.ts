import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import type { z } from 'zod';
import {
  sessionDetail,
  sessionList,
  sessionTimelineList,
  toolCallList,
  type TimelineEntry,
} from '#schemas/http/tool-calls.js';
import { mintToken } from '../auth/tokens.js';
import { setPlan } from '../control/orgs.js';
import { startGateway, type Refusal, type TestGateway } from '../testing/gateway.js';
import { insertToolCalls } from '../testing/tool-call-rows.js';

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
const NOW = Math.floor(Date.now() / HOUR) * HOUR;
const at = (ms: number): string => new Date(NOW + ms).toISOString();

type Calls = z.infer<typeof toolCallList>;
type Sessions = z.infer<typeof sessionList>;
type Session = z.infer<typeof sessionDetail>;

let gateway: TestGateway;
let bound: string;
const get = (url: string, token = gateway.readToken) =>
  gateway.app.inject({ url, headers: { authorization: `Bearer ${token}` } });
/** Reads an answer and holds it to the documented schema. */
async function read<T>(schema: z.ZodType<T>, url: string, token?: string): Promise<T> {
  const answer = await get(url, token);
  expect(answer.statusCode, answer.body).toBe(200);
  return schema.parse(answer.json());
}
const calls = (query: string, token?: string): Promise<Calls> => read(toolCallList, `/v1/tool-calls${query}`, token);
const ids = ({ toolCalls }: Calls): string[] => toolCalls.map(({ toolCallId }) => toolCallId);

beforeAll(async () => {
  gateway = await startGateway(inject('clickhouseUrl'));
  bound = (await mintToken(gateway.postgres, { orgId: 'org_a', name: 'web', scopes: ['read'], repository: 'acme/web' }))
    .token;
  const denied = {
    judgement: 'block',
    judged_by: ['hook'],
    judged_at: at(-3 * HOUR),
    rule_id: 'r1',
    rule_name: 'deny[0]:Bash',
    rule_category: 'egress',
    reason: 'curl is not allowed',
    judge_duration_us: 2_500,
    judgement_ids: ['j1'],
  };
  await insertToolCalls(gateway.store.client, [
    {
      tool_call_id: 'enforced',
      occurred_at: at(-3 * HOUR),
      outcome: 'enforced',
      ...denied,
      repo_source: 'hook',
      repo_claimed: 'evil/claimed',
      decided_at: at(-3 * HOUR + 5),
      agent_decision: 'reject',
      agent_decision_source: 'hook',
      permission_mode: 'default',
      agent_event_ids: ['e1'],
    },
    {
      tool_call_id: 'bypassed',
      occurred_at: at(-2 * HOUR),
      outcome: 'bypassed',
      cause: 'mods',
      ...denied,
      repo_source: 'hook',
      agent_decision: 'accept',
      ran_at: at(-2 * HOUR + 10),
      result_at: at(-2 * HOUR + 20),
      success: 'true',
      duration_ms: 10,
    },
    {
      tool_call_id: 'elsewhere',
      occurred_at: at(-2 * HOUR + 1),
      outcome: 'unjudged',
      cause: 'no_hook',
      repo: 'acme/api',
      repo_source: 'session',
      result_at: at(-2 * HOUR + 20),
      success: 'false',
      error_type: 'timeout',
      is_inferred: true,
    },
    {
      tool_call_id: 'nowhere',
      occurred_at: at(-HOUR),
      outcome: 'unknown',
      repo: '',
      session_id: 'session/2',
      agent: 'codex',
      tool: 'Read',
      missing: ['result'],
    },
    { tool_call_id: 'old', occurred_at: at(-100 * DAY), outcome: 'allowed', session_id: 'session-old' },
    { tool_call_id: 'theirs', occurred_at: at(-HOUR), outcome: 'bypassed', org_id: 'org_b' },
  ]);
  // Names of repositories are resolved among those that reported.
  await gateway.store.client.insert({
    table: 'repository_activity_v1',
    format: 'JSONEachRow',
    values: ['acme/web', 'acme/api'].map((repo) => ({
      org_id: 'org_a',
      repo,
      first_seen: NOW / 1_000,
      last_seen: NOW / 1_000,
    })),
  });
});
afterAll(() => gateway.close());

describe('GET /v1/tool-calls', () => {
  it('lists what was decided and what happened, newest first, with missing parts as null', async () => {
    const { toolCalls, historyFrom } = await calls('');
    expect(toolCalls.map(({ toolCallId, outcome }) => [toolCallId, outcome])).toEqual([
      ['nowhere', 'unknown'],
      ['elsewhere', 'unjudged'],
      ['bypassed', 'bypassed'],
      ['enforced', 'enforced'],
    ]);
    expect(historyFrom).toBeNull();
    const [nowhere, elsewhere, , enforced] = toolCalls;
    expect(enforced).toMatchObject({
      repository: 'acme/web',
      repositorySource: 'hook',
      repositoryClaimed: 'evil/claimed',
      isInferred: false,
      cause: null,
      occurredAt: at(-3 * HOUR),
      askedAt: null,
      decidedAt: at(-3 * HOUR + 5),
      ranAt: null,
      judgement: {
        decision: 'block',
        by: ['hook'],
        ruleId: 'r1',
        ruleName: 'deny[0]:Bash',
        ruleCategory: 'egress',
        reason: 'curl is not allowed',
        durationMs: 2.5,
      },
      agentDecision: { decision: 'reject', source: 'hook' },
      result: null,
      evidence: { judgements: ['j1'], agentEvents: ['e1'] },
    });
    expect(elsewhere).toMatchObject({
      repositorySource: 'session',
      isInferred: true,
      cause: 'no_hook',
      judgement: null,
      agentDecision: null,
      result: { success: false, errorType: 'timeout', durationMs: null },
    });
    expect(nowhere).toMatchObject({
      repository: null,
      repositorySource: null,
      repositoryClaimed: null,
      missing: ['result'],
    });
  });

  it.each([
    ['?outcome=bypassed', ['bypassed']],
    ['?repository=acme%2Fapi', ['elsewhere']],
    ['?session=session%2F2', ['nowhere']],
    ['?agent=codex', ['nowhere']],
    ['?tool=Read', ['nowhere']],
    ['?cause=mods', ['bypassed']],
    [`?from=${at(-3 * HOUR)}&to=${at(-2 * HOUR)}`, ['enforced']],
    [`?to=${at(-2 * HOUR)}`, ['enforced']],
    ['?session=none', []],
    ['?cause=%27%20OR%201%3D1', []],
  ])('%s lists %j', async (query, expected) => {
    expect(ids(await calls(query))).toEqual(expected);
  });

  it.each([
    ['?outcome=blocked', 'outcome'],
    ['?from=yesterday', 'from'],
    ['?to=9999-01-01', 'to'],
    [`?from=${at(0)}&to=${at(-HOUR)}`, 'from'],
    [`?from=${at(-500 * DAY)}`, 'from'],
    ['?cursor=made-up', 'cursor'],
    ['?limit=0', 'limit'],
  ])('refuses %s by name', async (query, field) => {
    const answer = await get(`/v1/tool-calls${query}`);
    expect([answer.statusCode, answer.json<Refusal>().error.code, answer.json<Refusal>().error.field]).toEqual([
      400,
      'query_invalid',
      field,
    ]);
  });

  it('refuses a filter that it does not have, and a repository that is not there', async () => {
    expect((await get('/v1/tool-calls?rule=x')).statusCode).toBe(400);
    expect((await get('/v1/tool-calls?repository=acme%2Fnone')).statusCode).toBe(404);
  });
});

describe('GET /v1/sessions', () => {
  it('lists sessions that were active in the range, with their calls by outcome', async () => {
    const { sessions } = await read(sessionList, '/v1/sessions');
    expect(sessions.map(({ sessionId, toolCalls, outcomes }) => [sessionId, toolCalls, outcomes])).toEqual([
      ['session/2', 1, { unknown: 1 }],
      ['session-1', 3, { bypassed: 1, enforced: 1, unjudged: 1 }],
    ]);
    const named = async (query: string): Promise<string[]> =>
      (await read(sessionList, `/v1/sessions${query}`)).sessions.map(({ sessionId }) => sessionId);
    expect(await named('?agent=codex')).toEqual(['session/2']);
    expect(await named(`?to=${at(-2 * HOUR)}`)).toEqual(['session-1']);
    expect(await named(`?from=${at(-HOUR)}`)).toEqual(['session/2']);
    expect(await named('?repository=acme%2Fweb')).toEqual(['session-1']);
  });

  it('shows one with its calls in order, in pages', async () => {
    const session = await read(sessionDetail, '/v1/sessions/session-1');
    expect(session.calls.map(({ toolCallId }) => toolCallId)).toEqual(['enforced', 'bypassed', 'elsewhere']);
    expect([session.startedAt, session.historyFrom, session.nextCursor]).toEqual([at(-3 * HOUR), null, null]);
    const first = await read(sessionDetail, '/v1/sessions/session-1?limit=2');
    expect(first.calls).toEqual(session.calls.slice(0, 2));
    const rest = await read(sessionDetail, `/v1/sessions/session-1?limit=2&cursor=${first.nextCursor ?? ''}`);
    expect([rest.calls, rest.nextCursor]).toEqual([session.calls.slice(2), null]);
    expect((await read(sessionDetail, '/v1/sessions/session%2F2')).calls).toHaveLength(1);
  });

  it('answers 404 for a session that is not there, or of another organisation', async () => {
    for (const [url, token] of [
      ['/v1/sessions/none', gateway.readToken],
      ['/v1/sessions/session%2F2', gateway.otherToken],
    ] as const)
      expect([url, (await get(url, token)).statusCode]).toEqual([url, 404]);
    expect(ids(await calls('', gateway.otherToken))).toEqual(['theirs']);
  });
});

describe('GET /v1/sessions/{sessionId}/timeline', () => {
  const time = (ms: number): string => at(ms).replace('T', ' ').replace('Z', '');
  const timeline = async (query = '', token?: string): Promise<TimelineEntry[]> =>
    (await read(sessionTimelineList, `/v1/sessions/session-1/timeline${query}`, token)).entries;
  /** Kind, milliseconds after the start, number and what was lost. */
  const orderOf = (entries: readonly TimelineEntry[]): unknown[] =>
    entries.map(({ kind, occurredAt, sequence, lostEvents }) => [
      kind,
      Date.parse(occurredAt) - (NOW - 3 * HOUR),
      sequence,
      lostEvents,
    ]);
  const event = (ms: number, sequence: number, kind: string, more: Record<string, unknown> = {}) => ({
    org_id: 'org_a',
    repo: 'acme/web',
    event_id: `${kind}-${String(ms)}-${String(sequence)}`,
    occurred_at: time(-3 * HOUR + ms),
    agent: 'claude-code',
    session_id: 'session-1',
    kind,
    sequence,
    ...more,
  });

  beforeAll(async () => {
    const events = [
      // Of an hour before the first event that is shown: of the two before number 2, one never arrived.
      event(-HOUR, 0, '', { event_name: 'plugin_loaded' }),
      event(10, 2, 'turn'),
      event(20, 4, 'model_call', { model: 'm', input_tokens: 7, output_tokens: 3, cost_usd: 0.5, success: 'false' }),
      event(20, 3, 'mcp_connection'),
      // No kind: nothing to show but what was masked, and its number.
      event(30, 5, '', { masked: 2, event_name: 'assistant_response' }),
      event(40, 6, '', { event_name: 'hook_execution_start' }),
      // Three were lost, and the client was started again.
      event(50, 10, 'subagent'),
      event(60, 0, 'turn'),
      event(70, 1, 'error', { error_type: 'overloaded_error', repo: 'acme/api' }),
    ];
    for (const values of [events, [...events].reverse()])
      await gateway.store.client.insert({ table: 'agent_event_v1', format: 'JSONEachRow', values });
    await gateway.store.client.insert({
      table: 'runtime_event_v1',
      format: 'JSONEachRow',
      values: [
        {
          org_id: 'org_a',
          repo: 'acme/web',
          event_id: 'j1',
          occurred_at: time(-3 * HOUR + 15),
          agent: 'claude-code',
          session_id: 'session-1',
          tool: 'Bash',
          tool_call_id: 'enforced',
          decision: 'block',
          rule_name: 'deny[0]:Bash',
          reason: 'curl is not allowed',
          duration_us: 2_500,
        },
      ],
    });
    await gateway.store.client.insert({
      table: 'drift_event_v1',
      format: 'JSONEachRow',
      values: [
        [25, 'acme/web'],
        [26, 'acme/else'],
        [DAY, 'acme/web'],
      ].map(([ms, repo]) => ({
        org_id: 'org_a',
        repo,
        event_id: `drift-${String(ms)}`,
        occurred_at: time(-3 * HOUR + Number(ms)),
        score_previous: 80,
        score_current: 60,
      })),
    });
  });

  it('orders verdicts, events, masked values and drift by time and number, and shows what never arrived', async () => {
    const entries = await timeline();
    expect(orderOf(entries)).toEqual([
      ['gap', 10, 2, 1],
      ['turn', 10, 2, null],
      ['judgement', 15, null, null],
      ['mcp_connection', 20, 3, null],
      ['model_call', 20, 4, null],
      ['drift', 25, null, null],
      ['event', 30, 5, null],
      ['gap', 50, 10, 3],
      ['subagent', 50, 10, null],
      ['turn', 60, 0, null],
      ['error', 70, 1, null],
    ]);
    expect(entries[2]).toMatchObject({
      decision: 'block',
      ruleName: 'deny[0]:Bash',
      reason: 'curl is not allowed',
      outcome: 'enforced',
      toolCallId: 'enforced',
      inputTokens: null,
    });
    expect(entries[4]).toMatchObject({ model: 'm', inputTokens: 7, outputTokens: 3, costUsd: 0.5, success: false });
    expect(entries[5]).toMatchObject({ repository: 'acme/web', scorePrevious: 80, scoreCurrent: 60, eventName: null });
    expect(entries[6]).toMatchObject({ maskedValues: 2, eventName: 'assistant_response' });
  });

  it('comes in pages of any size', async () => {
    const whole = await timeline();
    for (const limit of [1, 3, 11]) {
      const seen: TimelineEntry[] = [];
      for (let cursor: string | null = ''; cursor !== null;) {
        const url: string = `/v1/sessions/session-1/timeline?limit=${String(limit)}${cursor === '' ? '' : `&cursor=${cursor}`}`;
        const { entries, nextCursor }: z.infer<typeof sessionTimelineList> = await read(sessionTimelineList, url);
        seen.push(...entries);
        cursor = nextCursor;
      }
      expect(seen).toEqual(whole);
    }
    const forged = Buffer.from('[1,9007199254740991,9,"x","y","z"]').toString('base64url');
    expect((await get(`/v1/sessions/session-1/timeline?cursor=${forged}`)).statusCode).toBe(200);
  });

  it('shows a token that is bound to a repository what happened there, and nothing of another organisation', async () => {
    expect((await timeline('', bound)).map(({ kind }) => kind)).toEqual(
      (await timeline()).map(({ kind }) => kind).filter((kind) => kind !== 'error'),
    );
    for (const [url, token] of [
      ['/v1/sessions/none/timeline', gateway.readToken],
      ['/v1/sessions/session%2F2/timeline', bound],
    ] as const)
      expect([url, (await get(url, token)).statusCode]).toEqual([url, 404]);
    // A session of the same name.
    expect(await timeline('', gateway.otherToken)).toEqual([]);
  });
});

describe('a token bound to a repository', () => {
  it('sees calls and counts of that repository only', async () => {
    expect(ids(await calls('', bound))).toEqual(['bypassed', 'enforced']);
    const { toolCalls } = await calls('', bound);
    expect(toolCalls.find(({ toolCallId }) => toolCallId === 'enforced')?.repositoryClaimed).toBe('another repository');
    expect((await get('/v1/sessions', bound)).body).not.toContain('evil/claimed');
    const { sessions } = await read(sessionList, '/v1/sessions', bound);
    expect(sessions.map(({ sessionId, toolCalls, outcomes }) => [sessionId, toolCalls, outcomes])).toEqual([
      ['session-1', 2, { bypassed: 1, enforced: 1 }],
    ]);
    const session = await read(sessionDetail, '/v1/sessions/session-1', bound);
    expect([session.toolCalls, session.calls.map(({ toolCallId }) => toolCallId)]).toEqual([
      2,
      ['enforced', 'bypassed'],
    ]);
    expect((await get('/v1/sessions/session%2F2', bound)).statusCode).toBe(404);
    expect((await get('/v1/tool-calls?repository=acme%2Fapi', bound)).statusCode).toBe(404);
  });
});

describe('the history of the plan', () => {
  it('cuts the lists at 90 days on team, and shows all on enterprise', async () => {
    const query = `?from=${at(-120 * DAY)}`;
    const past = `?from=${at(-120 * DAY)}&to=${at(-95 * DAY)}`;
    const cut = await calls(query);
    expect([ids(cut).includes('old'), cut.historyFrom === cut.from]).toEqual([false, true]);
    for (const url of [`/v1/tool-calls${past}`, `/v1/sessions${past}`, '/v1/sessions/session-old']) {
      const answer = await get(url);
      expect([url, answer.statusCode, answer.json<Refusal>().error.code]).toEqual([url, 403, 'plan_limit']);
    }
    await setPlan(gateway.app.plane, 'org_a', 'enterprise');
    await expect.poll(async () => (await get(`/v1/tool-calls${past}`)).statusCode).toBe(200);
    expect(ids(await calls(query))).toContain('old');
    expect((await read<Sessions>(sessionList, `/v1/sessions${past}`)).sessions).toHaveLength(1);
    expect((await read<Session>(sessionDetail, '/v1/sessions/session-old')).calls).toHaveLength(1);
  });
});
