import { afterAll, beforeAll, expect, inject, it } from 'vitest';
import type { z } from 'zod';
import type { toolCallList } from '#schemas/http/tool-calls.js';
import { createRollupWorker } from '#rollups/worker.js';
import { jsonHeaders, startGateway, type TestGateway } from '#ingest/testing/gateway.js';

const NOW = Date.now();
/** Start of the hour before the last: calls that follow each other lie in one hour. */
const T = Math.floor(NOW / 3_600_000) * 3_600_000 - 3_600_000;
const iso = (ms: number): string => new Date(T + ms).toISOString();

let gateway: TestGateway;
beforeAll(async () => {
  gateway = await startGateway(inject('clickhouseUrl'));
});
afterAll(() => gateway.close());

const roll = (): Promise<unknown> => createRollupWorker({ clickhouse: gateway.store.client, settleMs: 0 }).tick();
async function post(url: string, body: object): Promise<void> {
  const answer = await gateway.app.inject({
    method: 'POST',
    url,
    headers: jsonHeaders(gateway.ingestToken),
    payload: JSON.stringify(body),
  });
  expect(answer.statusCode, answer.body).toBe(200);
}
async function get<T>(url: string): Promise<T> {
  const answer = await gateway.app.inject({ url, headers: { authorization: `Bearer ${gateway.readToken}` } });
  expect(answer.statusCode, answer.body).toBe(200);
  return answer.json<T>();
}

/** What the hook reports of a denied call. */
const hook = (sessionId: string, ms: number): Promise<void> =>
  post('/v1/ingest/runtime', {
    repository: 'acme/web',
    sessionId,
    entries: [
      {
        timestamp: iso(ms),
        tool: 'Bash',
        decision: 'block',
        reason: 'curl is not allowed',
        ruleName: 'deny[0]:Bash',
        ruleCategory: 'egress',
        agent: 'claude-code',
        toolCallId: `toolu_${sessionId}`,
        durationMs: 3,
      },
    ],
  });

const attributes = (values: Record<string, string>): object[] =>
  Object.entries(values).map(([key, value]) => ({ key, value: { stringValue: value } }));
/** What Claude Code itself reports of it; its resource claims another repository if `claim` is given. */
const agent = (sessionId: string, ms: number, claim?: string): Promise<void> =>
  post('/v1/logs', {
    resourceLogs: [
      {
        resource: {
          attributes: attributes({
            'service.name': 'claude-code',
            ...(claim === undefined ? {} : { 'vcs.owner.name': 'acme', 'vcs.repository.name': claim }),
          }),
        },
        scopeLogs: [
          {
            scope: { name: 'com.anthropic.claude_code.events' },
            logRecords: (
              [
                ['user_prompt', ms - 1_000, {}],
                [
                  'tool_decision',
                  ms + 5,
                  { tool_name: 'Bash', tool_use_id: `toolu_${sessionId}`, decision: 'reject', source: 'hook' },
                ],
                [
                  'tool_decision',
                  ms + 1_000,
                  { tool_name: 'Read', tool_use_id: `toolu_${sessionId}_read`, decision: 'accept', source: 'config' },
                ],
                [
                  'tool_result',
                  ms + 1_010,
                  { tool_name: 'Read', tool_use_id: `toolu_${sessionId}_read`, success: 'true', duration_ms: '10' },
                ],
              ] as const
            ).map(([name, at, values]) => ({
              timeUnixNano: String(BigInt(T + at) * 1_000_000n),
              body: { stringValue: `claude_code.${name}` },
              attributes: attributes({
                'event.name': name,
                'session.id': sessionId,
                ...values,
              }),
            })),
          },
        ],
      },
    ],
  });

it('shows rule, category and reason of a rejected call whichever half came first, and attributes the session by the hook', async () => {
  await hook('hook-first', 0);
  await roll();
  await agent('hook-first', 0);
  await agent('agent-first', 60_000, 'claimed');
  await roll();
  await hook('agent-first', 60_000);
  await roll();
  const callsOf = async (session: string) =>
    (await get<z.infer<typeof toolCallList>>(`/v1/tool-calls?session=${session}`)).toolCalls;
  for (const [session, claimed] of [
    ['hook-first', null],
    ['agent-first', 'acme/claimed'],
  ] as const) {
    expect(await callsOf(session)).toMatchObject([
      // Nobody judged it; the repository is the one that the hook named for another call, here also of what came before.
      {
        tool: 'Read',
        outcome: 'unjudged',
        repository: 'acme/web',
        repositorySource: 'session',
        repositoryClaimed: claimed,
        judgement: null,
        result: { success: true, durationMs: 10 },
      },
      {
        toolCallId: `toolu_${session}`,
        outcome: 'enforced',
        repository: 'acme/web',
        repositorySource: 'hook',
        repositoryClaimed: claimed,
        judgement: {
          decision: 'block',
          ruleName: 'deny[0]:Bash',
          ruleCategory: 'egress',
          reason: 'curl is not allowed',
          durationMs: 3,
        },
        agentDecision: { decision: 'reject', source: 'hook' },
      },
    ]);
    expect(await get(`/v1/sessions/${session}`)).toMatchObject({
      repository: 'acme/web',
      repositorySource: 'hook',
      repositoryClaimed: claimed,
      toolCalls: 2,
      outcomes: { enforced: 1, unjudged: 1 },
    });
  }
});

it('opens the calls behind a point, and the facts of which they were made', async () => {
  const { points } = await get<{ points: Record<string, unknown>[] }>(
    `/v1/series/tool_call_outcomes?bucket=hour&outcome=enforced&from=${iso(0)}&to=${iso(3_600_000)}`,
  );
  expect(points).toMatchObject([{ repository: 'acme/web', outcome: 'enforced', ruleCategory: 'egress', calls: 2 }]);
  const explained = await get<{
    total: number;
    facts: { session_id?: string; sessionId?: string; outcome: string }[];
    evidence: { fact: string; count: number }[];
  }>(`/v1/explain?series=tool_call_outcomes&bucket=hour&at=${iso(0)}&repository=acme%2Fweb&outcome=enforced`);
  expect([explained.total, explained.facts.map(({ sessionId }) => sessionId)]).toEqual([
    2,
    ['hook-first', 'agent-first'],
  ]);
  expect(explained.evidence.map(({ fact, count }) => [fact, count])).toEqual([
    ['tool_call_outcome', 4],
    ['runtime_event', 2],
    ['agent_event', 6],
  ]);
  expect(await get(`/v1/series/judged_share?bucket=hour&from=${iso(0)}&to=${iso(3_600_000)}`)).toMatchObject({
    points: [{ agent: 'claude-code', ran: 2, judged: 0 }],
  });
});
