import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { selectRows } from '#schemas/clickhouse/client.js';
import { repositoryAttributes, repositoryId } from '#schemas/records/repository.js';
import { INGEST_SCOPES } from '#ingest/auth/caller.js';
import { mintToken } from '#ingest/auth/tokens.js';
import { setPlan } from '#ingest/control/orgs.js';
import { openReviewItems, readReviewComments } from '#ingest/fleet/review-items.js';
import { reviewItemId } from '#ingest/fleet/review-item.js';
import { SERIES_TABLE } from '#ingest/queries/series-table.js';
import { driftOfSpec, scanOfSpec } from '#ingest/testing/bodies.js';
import { createRollupWorker } from '#rollups/worker.js';
import { jsonHeaders, startGateway, type Refusal, type TestGateway } from '#ingest/testing/gateway.js';
import { insertToolCalls } from '#ingest/testing/tool-call-rows.js';

/** Nothing of the other repository is named without it. */
const MARK = 'another-team';
const OTHER = `${MARK}/app`;

let gateway: TestGateway;
/** Of the repository `acme/mine`, for reading and for sending. */
let reader: string;
let sender: string;
beforeAll(async () => {
  gateway = await startGateway(inject('clickhouseUrl'));
  // The days of the contract's examples are months ago.
  await setPlan(gateway.app.plane, 'org_a', 'enterprise');
  const bound = async (scopes: Parameters<typeof mintToken>[1]['scopes']) =>
    (await mintToken(gateway.postgres, { orgId: 'org_a', name: 'bound', scopes, repository: 'acme/mine' })).token;
  reader = await bound(['read']);
  sender = await bound(INGEST_SCOPES);
  const report = {
    score: { grade: 'F', numericScore: 10 },
    findings: { total: 1, critical: 1, high: 0, medium: 0, low: 0, info: 0 },
  };
  for (const repository of ['acme/mine', OTHER]) {
    const findings = [{ id: 'mcp-x-1', severity: 'critical', category: 'mcp', title: repository, file: repository }];
    const scan = await call(
      'POST',
      '/v1/ingest/scan',
      gateway.ingestToken,
      scanOfSpec({ repository, report, findings, remediation: null, filesScanned: 3 }),
    );
    expect(scan.statusCode, scan.body).toBe(200);
  }
  await insertToolCalls(gateway.store.client, [
    { repo: OTHER, session_id: MARK, tool_call_id: MARK, occurred_at: new Date().toISOString(), outcome: 'allowed' },
    { repo: 'acme/mine', tool_call_id: 'mine', occurred_at: new Date().toISOString(), outcome: 'allowed' },
  ]);
  await openReviewItems(gateway.app.plane, gateway.store.client, 'org_a');
  // The item that is reached for below is there.
  const other = reviewItemId('org_a', OTHER, 'security-blocker', scanOfSpec().bundleDigest);
  expect(
    await readReviewComments(gateway.app.plane, gateway.store.client, { orgId: 'org_a', repository: null }, other, {
      after: 0,
      limit: 1,
    }),
  ).toEqual([]);
  await createRollupWorker({ clickhouse: gateway.store.client, settleMs: 0 }).tick();
});
afterAll(() => gateway.close());

function call(method: string, url: string, token: string, body?: unknown) {
  return gateway.app.inject({
    method: method as 'GET',
    url,
    headers: body === undefined ? { authorization: `Bearer ${token}` } : jsonHeaders(token),
    ...(body === undefined ? {} : { payload: JSON.stringify(body) }),
  });
}
const refusal = async (method: string, url: string, token: string, body?: unknown): Promise<[number, string]> => {
  const answer = await call(method, url, token, body);
  return [answer.statusCode, answer.json<Refusal>().error.code];
};

const otherId = repositoryId('org_a', OTHER);
/** How a bound token reaches for the other repository on every address that can be read; a route without a line fails. */
const READS: Readonly<Record<string, readonly [url: string, expected: number]>> = {
  fleet: ['/v1/org/org_a/fleet', 200],
  listReviewItems: [`/v1/repo/${otherId}/review-items`, 404],
  listReviewComments: [
    `/v1/review-items/${reviewItemId('org_a', OTHER, 'security-blocker', scanOfSpec().bundleDigest)}/comments`,
    404,
  ],
  posture: [`/v1/repo/${otherId}/posture`, 404],
  listRepos: ['/v1/repos', 200],
  showBaseline: [`/v1/repo/${otherId}/baseline`, 404],
  listSeries: ['/v1/series', 200],
  readSeries: [`/v1/series/score_trend?from=2026-06-20&repository=${otherId}`, 404],
  explain: [`/v1/explain?series=score_trend&at=2026-06-21&bucket=day&repository=${otherId}`, 404],
  prometheusMetrics: ['/v1/metrics/prometheus', 200],
  listFindings: [`/v1/findings?status=all&repository=${otherId}`, 404],
  listDrills: [`/v1/drills?repository=${otherId}`, 404],
  listToolCalls: [`/v1/tool-calls?repository=${otherId}`, 404],
  listSessions: [`/v1/sessions?repository=${otherId}`, 404],
  showSession: [`/v1/sessions/${MARK}`, 404],
  showSessionTimeline: [`/v1/sessions/${MARK}/timeline`, 404],
  showOrg: ['/v1/org/org_a', 403],
  listPolicyPromotions: ['/v1/policy-promotions', 403],
  listAlerts: ['/v1/alerts?state=all', 403],
  explainAlert: ['/v1/alerts/none', 403],
  showAlertRoutes: ['/v1/alerts/routes', 403],
};

describe('a token that is bound to a repository', () => {
  it('reads nothing of another repository, on any route', async () => {
    expect(Object.keys(READS).sort()).toEqual(
      gateway.app.apiRoutes
        .filter(({ scopes }) => scopes.includes('read'))
        .map(({ id }) => id)
        .sort(),
    );
    for (const [id, [url, expected]] of Object.entries(READS)) {
      const answer = await call('GET', url, reader);
      expect([id, answer.statusCode]).toEqual([id, expected]);
      // An answer may repeat what was asked for, and that is the id.
      expect(answer.body, id).not.toContain(MARK);
    }
    // Not asked for by name it is its own: nothing is refused, and nothing else is there.
    for (const url of [
      '/v1/findings?status=all',
      '/v1/series/score_trend?from=2026-06-20',
      '/v1/tool-calls',
      '/v1/sessions',
    ]) {
      const answer = await call('GET', url, reader);
      expect(answer.statusCode).toBe(200);
      expect(answer.body).not.toContain(MARK);
    }
    for (const url of ['/v1/findings?status=all', '/v1/tool-calls', '/v1/sessions', '/v1/metrics/prometheus'])
      expect((await call('GET', url, reader)).body).toContain('acme/mine');
  });

  it('reads and explains no series of the whole organisation, and the attempt is audited', async () => {
    const ofOrganisation = [...SERIES_TABLE.values()]
      .filter(({ views }) => views.every(({ types }) => !('repo' in types)))
      .map(({ name }) => name);
    expect(ofOrganisation).toContain('cross_repo_org_rollup');
    for (const name of ofOrganisation)
      expect([name, ...(await refusal('GET', `/v1/series/${name}`, reader))]).toEqual([
        name,
        403,
        'repository_not_allowed',
      ]);
    for (const repository of ['acme%2Fmine', otherId]) {
      const url = `/v1/explain?series=cross_repo_org_rollup&at=2026-06-21T17:00:00Z&repository=${repository}`;
      expect(await refusal('GET', url, reader)).toEqual([403, 'repository_not_allowed']);
      expect((await call('GET', url, gateway.readToken)).statusCode).toBe(200);
    }
    const { entries } = (await call('GET', '/v1/audit?limit=1000', gateway.adminToken)).json<{
      entries: { record: string }[];
    }>();
    const denied = entries
      .map(({ record }) => JSON.parse(record) as { action: string; subject: string; detail: { code: string } })
      .filter(({ action }) => action === 'access.denied');
    expect(denied.filter(({ subject }) => /series|explain/.test(subject))).toEqual(
      ['GET /v1/explain', 'GET /v1/series/:name']
        .map((subject) => expect.objectContaining({ subject, detail: { code: 'repository_not_allowed' } }) as unknown)
        .reverse(),
    );
  });

  it('sees only its repository in the fleet, and no total number of repositories', async () => {
    const promotion = {
      pack: 'team',
      policyName: 'p',
      owners: [],
      sha256: `sha256:${'0'.repeat(64)}`,
      verified: true,
      reviewItems: [],
    };
    expect((await call('POST', '/v1/policy-promotions', gateway.ingestToken, promotion)).statusCode).toBe(200);
    const fleet = async (token: string) =>
      (await call('GET', '/v1/org/org_a/fleet', token)).json<{
        operatorReadback: { policyPromotionsRequiringApproval: string[] };
      }>().operatorReadback;
    expect((await fleet(reader)).policyPromotionsRequiringApproval).toEqual([]);
    expect((await fleet(gateway.readToken)).policyPromotionsRequiringApproval).toHaveLength(1);
    await gateway.store.client.insert({
      table: 'repository_activity_v1',
      format: 'JSONEachRow',
      values: Array.from({ length: 30 }, (_, i) => ({
        org_id: 'org_a',
        repo: `${MARK}/r${String(i)}`,
        first_seen: '2026-11-20 10:00:00.000',
        last_seen: '2026-11-20 10:00:00.000',
      })),
    });
    await setPlan(gateway.app.plane, 'org_a', 'team');
    const isReported = async (token: string): Promise<boolean> =>
      (await call('POST', '/v1/logs', token, { resourceLogs: [] })).body.includes('are in use');
    for (let i = 0; i < 5; i += 1) expect(await isReported(sender)).toBe(false);
    await expect.poll(() => isReported(gateway.ingestToken)).toBe(true);
    await setPlan(gateway.app.plane, 'org_a', 'enterprise');
  });

  it('matches the repository in every spelling of its name, by REST and by OTLP', async () => {
    const spelled = (
      await mintToken(gateway.postgres, {
        orgId: 'org_a',
        name: 'spelled',
        scopes: INGEST_SCOPES,
        repository: 'GitHub.com/Acme/Mine',
      })
    ).token;
    const entries = [{ timestamp: new Date().toISOString(), tool: 'Bash', decision: 'allow' }];
    for (const [index, token] of [spelled, sender].entries()) {
      for (const repository of ['acme/mine', 'ACME/Mine', 'github.com/acme/mine', undefined]) {
        const answer = await call('POST', '/v1/ingest/runtime', token, {
          repository,
          sessionId: `s-${String(index)}-${String(repository)}`,
          entries,
        });
        expect([repository, answer.statusCode]).toEqual([repository, 200]);
      }
    }
    const ofOtlp = (name: string): object => ({
      resource: {
        attributes: Object.entries(repositoryAttributes(name)).map(([key, value]) => ({
          key,
          value: { stringValue: value },
        })),
      },
      scopeSpans: [
        {
          spans: [
            {
              traceId: '1'.repeat(32),
              spanId: '2'.repeat(16),
              name: 'x',
              startTimeUnixNano: '1',
              endTimeUnixNano: '2',
            },
          ],
        },
      ],
    });
    const answer = await call('POST', '/v1/traces', gateway.ingestToken, {
      resourceSpans: ['Acme/Mine', 'github.com/acme/mine', 'gitlab.com/Acme/Mine'].map(ofOtlp),
    });
    expect(answer.statusCode, answer.body).toBe(200);
    expect(
      await selectRows(
        gateway.store.client,
        "SELECT Repository AS repo, count() AS rows FROM otel_traces WHERE SpanName = 'x' GROUP BY repo ORDER BY repo",
      ),
    ).toEqual([
      { repo: 'acme/mine', rows: 2 },
      { repo: 'gitlab.com/acme/mine', rows: 1 },
    ]);
    expect(
      await selectRows(
        gateway.store.client,
        'SELECT repo, uniqExact(session_id) AS sessions FROM runtime_event GROUP BY repo',
      ),
    ).toEqual([{ repo: 'acme/mine', sessions: 8 }]);
    expect(
      await gateway.postgres.query<{ full_name: string }>("SELECT full_name FROM repo WHERE full_name ILIKE '%mine%'"),
    ).toEqual([{ full_name: 'acme/mine' }]);
    expect((await call('GET', '/v1/repo/ACME%2FMine/posture', reader)).statusCode).toBe(200);
  });

  it('sends nothing under the name of another repository', async () => {
    const entries = [{ timestamp: new Date().toISOString(), tool: 'Bash', decision: 'allow' }];
    for (const [url, body] of [
      ['/v1/ingest/scan', scanOfSpec({ repository: OTHER })],
      ['/v1/ingest/runtime', { repository: OTHER, entries }],
      ['/v1/ingest/drift', driftOfSpec({ repository: OTHER })],
    ] as const)
      expect([url, ...(await refusal('POST', url, sender, body))]).toEqual([url, 403, 'repository_not_allowed']);
  });
});
