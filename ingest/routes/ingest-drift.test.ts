import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { selectRows } from '#schemas/clickhouse/client.js';
import type { MintedToken } from '#schemas/http/control.js';
import type { DriftAnswer } from '#schemas/http/ingest-drift.js';
import { driftOfSpec } from '../testing/bodies.js';
import { jsonHeaders, startGateway, type Refusal, type TestGateway } from '../testing/gateway.js';

let gateway: TestGateway;
beforeAll(async () => {
  gateway = await startGateway(inject('clickhouseUrl'));
});
afterAll(() => gateway.close());

const send = (url: string, payload: unknown, headers: Record<string, string>) =>
  gateway.app.inject({ method: 'POST', url, payload: JSON.stringify(payload), headers });
const post = (payload: unknown) => send('/v1/ingest/drift', payload, jsonHeaders(gateway.ingestToken));
const facts = (repository: string) =>
  selectRows<Record<string, unknown>>(
    gateway.store.client,
    `SELECT * FROM drift_event WHERE org_id = 'org_a' AND repo = {repository:String}`,
    { repository },
  );

describe('a drift', () => {
  it('of CONTRACT 4.3, word for word, is answered as the contract says and is one fact, however often it is sent', async () => {
    const answers = [await post(driftOfSpec()), await post(driftOfSpec())];
    const [first, second] = answers.map((answer) => answer.json<DriftAnswer>());
    expect(answers.map((answer) => answer.statusCode)).toEqual([200, 200]);
    expect(first).toEqual({
      ok: true,
      driftEventId: second?.driftEventId,
      alertRouted: false,
      rollupsUpdated: ['drift_history'],
    });
    expect(first?.driftEventId).toMatch(/^drift_[0-9A-Z]{26}$/);
    expect(await facts('acme/agent-platform')).toMatchObject([
      {
        event_id: first?.driftEventId,
        occurred_at: '2026-06-21T18:01:10.000Z',
        score_previous: 66,
        score_current: 41,
        score_delta: -25,
        is_regression: true,
        has_critical: true,
        new_findings: 1,
        resolved_findings: 0,
      },
    ]);
  });

  it.each([
    [{ scoreDelta: -24 }, 'body_invalid', 'scoreDelta'],
    [{ currentScore: 101, scoreDelta: 35 }, 'body_invalid', 'currentScore'],
    [{ timestamp: '2036-01-01T00:00:00Z' }, 'timestamp_in_future', 'timestamp'],
    [{ newFindings: [{ id: 'a', severity: 'bad', title: 't', file: 'f' }] }, 'body_invalid', 'newFindings[0].severity'],
    [
      { newFindings: [{ id: 'a', severity: 'low', title: 't', file: 'f', evidence: 'x' }] },
      'field_refused',
      'newFindings[0].evidence',
    ],
  ])('with %j is refused by name', async (over, code, field) => {
    const answer = await post(driftOfSpec(over));
    expect([answer.statusCode, answer.json<Refusal>().error.code, answer.json<Refusal>().error.field]).toEqual([
      400,
      code,
      field,
    ]);
  });
});

describe('the findings that a drift lists', () => {
  const moved = (id: string, over: object = {}) => ({
    id,
    severity: 'critical',
    title: 'Hardcoded key',
    file: 'CLAUDE.md',
    ...over,
  });
  const drift = (over: object) => driftOfSpec({ scoreDelta: 0, previousScore: 41, currentScore: 41, ...over });

  it('are no drift where only their lines moved', async () => {
    const answer = await post(
      drift({
        repository: 'acme/moved',
        newFindings: [
          moved('secrets-a-33'),
          moved('secrets-a-90'),
          moved('mcp-b-7', { file: '.mcp.json', severity: 'low' }),
        ],
        resolvedFindings: [moved('secrets-a-10'), moved('secrets-a-67')],
        isRegression: true,
        hasCritical: true,
      }),
    );
    expect(answer.json<DriftAnswer>().warnings?.join()).toContain('2 are in both');
    expect(await facts('acme/moved')).toMatchObject([
      {
        is_regression: true,
        has_critical: false,
        new_findings: 1,
        resolved_findings: 0,
        resolved_list: [],
        new_list: [
          { finding_key: '', id: 'mcp-b-7', severity: 'low', category: '', title: 'Hardcoded key', file: '.mcp.json' },
        ],
      },
    ]);
    await post(
      drift({
        repository: 'acme/only-moved',
        newFindings: [moved('secrets-a-33')],
        resolvedFindings: [moved('secrets-a-10')],
        isRegression: true,
        hasCritical: true,
      }),
    );
    expect(await facts('acme/only-moved')).toMatchObject([
      { is_regression: false, has_critical: false, new_findings: 0, resolved_findings: 0 },
    ]);
  });

  it('are a drift where their evidence, severity, file or title differs', async () => {
    const hash = (letter: string): object => ({
      category: 'mcp',
      fingerprint: `mcp-a-1::.mcp.json::sha256:${letter.repeat(64)}`,
    });
    for (const [repository, after, before] of [
      ['acme/evidence', hash('a'), hash('b')],
      ['acme/severity', { severity: 'high' }, { severity: 'low' }],
      ['acme/file', { file: 'a' }, { file: 'b' }],
      ['acme/title', { title: 'a' }, { title: 'b' }],
    ] as const) {
      await post(
        drift({ repository, newFindings: [moved('mcp-a-1', after)], resolvedFindings: [moved('mcp-a-2', before)] }),
      );
      expect([repository, await facts(repository)]).toMatchObject([
        repository,
        [{ is_regression: true, new_findings: 1, resolved_findings: 1 }],
      ]);
    }
  });
});

describe('the webhook of `agentshield watch`', () => {
  const payload = {
    event: 'agentshield.drift',
    timestamp: '2026-06-21T18:01:10.000Z',
    isRegression: false,
    hasCritical: false,
    score: { previous: 41, current: 66, delta: 25 },
    newFindings: [],
    resolvedFindings: [{ id: 'a-1', severity: 'critical', title: 't', file: 'CLAUDE.md' }],
  };
  /** Sends like the watcher: no header except the content type. */
  const post = (path: string, body: unknown = payload) =>
    send(path, body, { 'content-type': 'application/json', 'user-agent': 'node' });

  async function address(): Promise<MintedToken> {
    const body = { name: 'laptop', scopes: ['webhook:drift'], repository: 'acme/watched' };
    const answer = await send('/v1/tokens', body, jsonHeaders(gateway.adminToken));
    expect(answer.statusCode, answer.body).toBe(200);
    return answer.json<MintedToken>();
  }

  it('goes to an address of its own, which names the repository', async () => {
    const { webhookPath } = await address();
    const answer = await post(webhookPath ?? '');
    expect(answer.statusCode, answer.body).toBe(200);
    expect(await facts('acme/watched')).toMatchObject([
      { score_previous: 41, score_current: 66, is_regression: false, resolved_findings: 1 },
    ]);
  });

  it('opens nothing else, is no address to anybody without it, and ends when it is revoked', async () => {
    const { id, token, webhookPath } = await address();
    for (const url of ['/v1/ingest/drift', '/v1/logs'])
      expect((await send(url, payload, jsonHeaders(token))).statusCode).toBe(403);
    expect((await post(`/v1/webhooks/drift/${gateway.ingestToken}`)).statusCode).toBe(401);
    expect((await post('/v1/webhooks/drift/nonsense')).statusCode).toBe(401);
    await gateway.app.inject({
      method: 'DELETE',
      url: `/v1/tokens/${id}`,
      headers: { authorization: `Bearer ${gateway.adminToken}` },
    });
    await expect.poll(async () => (await post(webhookPath ?? '')).statusCode, { interval: 100 }).toBe(401);
  });
});
