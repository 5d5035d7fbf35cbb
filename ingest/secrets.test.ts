import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { selectRows } from '#schemas/clickhouse/client.js';
import { repositoryId } from '#schemas/records/repository.js';
import { driftOfSpec, scanOfSpec } from './testing/bodies.js';
import { jsonHeaders, startGateway, type TestGateway } from './testing/gateway.js';

const SECRET = ['ghp', 'FAKE0000fake0000FAKE0000fake0000FAKE'].join('_');
const REPOSITORY = 'acme/planted';

const lines: string[] = [];
let gateway: TestGateway;
let ownerToken: string;
beforeAll(async () => {
  const open = { rate: 1e9, burst: 1e9 };
  gateway = await startGateway(inject('clickhouseUrl'), {
    quotas: { requests: open, bytes: open, entries: open, failures: open },
    logger: { level: 'trace', stream: { write: (line: string) => void lines.push(line) } },
  });
  await gateway.app.asMachine('org_a', 'POST', '/v1/members', { login: 'owner', role: 'owner' });
  ownerToken = (
    JSON.parse(
      (
        await gateway.app.asMachine('org_a', 'POST', '/v1/tokens', {
          name: 'o',
          scopes: ['read', 'admin'],
          member: 'owner',
        })
      ).body,
    ) as { token: string }
  ).token;
});
afterAll(() => gateway.close());

/** A scan that uses every text field. */
const fullScan = () => ({
  ...scanOfSpec({ repository: REPOSITORY }),
  report: {
    score: { grade: 'C', numericScore: 66, breakdown: { secrets: 1, permissions: 2, hooks: 3, mcp: 4, agents: 5 } },
    findings: { total: 1, critical: 0, high: 1, medium: 0, low: 0, info: 0 },
    runtimeConfidence: null,
  },
  policy: {
    status: 'failed',
    policyName: 'policy',
    policyPack: 'enterprise',
    violations: [{ rule: 'text' }],
    minScore: 10,
    exceptionSummary: { total: 1, active: 1, expiringSoon: 0, expired: 0, entries: [{ reason: 'text' }] },
  },
  supplyChain: {
    totalPackages: 1,
    riskyPackages: 0,
    criticalCount: 0,
    highCount: 0,
    packages: [{ name: 'text' }],
    provenance: { source: 'text' },
  },
  ciContext: { provider: 'github-actions', repository: 'text', workflow: 'text', runId: 'text', sha: 'text' },
  ci: {
    provider: 'github-actions',
    github: { workflow: 'text', runId: 'text', sha: 'text', actor: 'text', ref: 'text' },
  },
  remediation: { totalFindings: 1, autoFixable: 0, manualReview: 1, phases: ['text'] },
  findings: [
    {
      id: 'text',
      severity: 'high',
      category: 'mcp',
      title: 'text',
      file: 'text',
      description: 'text',
      action: 'text',
      recommendedCommand: 'text',
      fix: { description: 'text', auto: false },
      fingerprint: 'text::text::sha256:abcd',
    },
  ],
  toolVersion: 'text',
  minSeverity: 'info',
  errors: ['text'],
  outputDir: 'text',
  targetPath: 'text',
  verification: { outputDir: 'text' },
  unknown: 'text',
});
const entry = {
  timestamp: '2026-11-20T10:00:00.000Z',
  tool: 'Bash',
  decision: 'block',
  reason: 'text',
  durationMs: 1,
  eventId: 'text',
  toolCallId: 'text',
  agent: 'text',
  ruleName: 'text',
  matchedRule: { tool: 'text', pattern: 'text', reason: 'text' },
  unknown: 'text',
};

const ALERT_ROUTE = {
  name: 'text',
  match: { owners: ['text'], repositories: ['text'] },
  destinations: ['text'],
};

interface Sample {
  method: 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  url: string;
  body: () => object;
  /** Token that sends it; default: the owner's. */
  by?: 'ingest';
}

/** A body with every text field for each route that takes one; a route without a sample fails. */
const SAMPLES: Readonly<Record<string, () => Sample>> = {
  ingestScan: () => ({ method: 'POST', url: '/v1/ingest/scan', by: 'ingest', body: fullScan }),
  ingestRuntime: () => ({
    method: 'POST',
    url: '/v1/ingest/runtime',
    by: 'ingest',
    body: () => ({ repository: REPOSITORY, sessionId: 'text', entries: [entry] }),
  }),
  ingestDrift: () => ({
    method: 'POST',
    url: '/v1/ingest/drift',
    by: 'ingest',
    body: () => driftOfSpec({ repository: REPOSITORY }),
  }),
  requestPolicyPromotion: () => ({
    method: 'POST',
    url: '/v1/policy-promotions',
    by: 'ingest',
    body: () => ({
      pack: 'team',
      policyName: 'text',
      owners: ['text'],
      sha256: `sha256:${'0'.repeat(64)}`,
      verified: true,
      reviewItems: [{ id: 'text', status: 'open', severity: 'high', title: 'text' }],
    }),
  }),
  decidePolicyPromotion: () => ({
    method: 'PATCH',
    url: `/v1/policy-promotions/${promotionId}`,
    body: () => ({ status: 'rejected', note: 'text' }),
  }),
  changeReviewItem: () => ({
    method: 'PATCH',
    url: `/v1/review-items/${itemId}`,
    body: () => ({ assignee: 'owner', comment: 'text' }),
  }),
  commentOnReviewItem: () => ({
    method: 'POST',
    url: `/v1/review-items/${itemId}/comments`,
    body: () => ({ text: 'text' }),
  }),
  triageFinding: () => ({
    method: 'PUT',
    url: `/v1/repo/${repositoryId('org_a', REPOSITORY)}/findings/triage`,
    body: () => ({ findingKey: 'text|text|sha256:abcd', state: 'muted', reason: 'text' }),
  }),
  addRepo: () => ({ method: 'POST', url: '/v1/repos', body: () => ({ repository: 'acme/added', githubRepoId: '1' }) }),
  changeRepo: () => ({
    method: 'PATCH',
    url: `/v1/repo/${repositoryId('org_a', REPOSITORY)}`,
    body: () => ({ githubRepoId: '7', defaultProvider: 'local' }),
  }),
  mergeRepos: () => ({
    method: 'POST',
    url: '/v1/repos/merge',
    body: () => ({ from: 'acme/none', into: 'acme/added' }),
  }),
  setBaseline: () => ({
    method: 'PUT',
    url: `/v1/repo/${repositoryId('org_a', REPOSITORY)}/baseline`,
    body: () => ({ scanId: 'text' }),
  }),
  changeOrg: () => ({ method: 'PATCH', url: '/v1/org/org_a', body: () => ({ name: 'text', githubOrgLogin: 'text' }) }),
  addMember: () => ({ method: 'POST', url: '/v1/members', body: () => ({ login: 'someone', role: 'viewer' }) }),
  changeMember: () => ({ method: 'PATCH', url: '/v1/members/owner', body: () => ({ role: 'owner' }) }),
  mintToken: () => ({
    method: 'POST',
    url: '/v1/tokens',
    body: () => ({ name: 'text', scopes: ['read'], repository: REPOSITORY, member: 'owner' }),
  }),
  rotateToken: () => ({ method: 'POST', url: '/v1/tokens/none/rotate', body: () => ({ overlapHours: 1 }) }),
  requestPurge: () => ({
    method: 'POST',
    url: '/v1/purges',
    body: () => ({ repository: 'acme/none', tokenId: 'text', from: '2020-01-01', to: '2020-01-02' }),
  }),
  addDestination: () => ({
    method: 'POST',
    url: '/v1/alerts/destinations',
    body: () => ({
      name: 'text',
      kind: 'slack-bot',
      config: { channel: 'C0123456789' },
      secrets: { token: 'text' },
    }),
  }),
  replaceAlertRoutes: () => ({
    method: 'PUT',
    url: '/v1/alerts/routes',
    body: () => ({ version: 0, routes: [ALERT_ROUTE] }),
  }),
  changeAlert: () => ({
    method: 'PATCH',
    url: '/v1/alerts/none',
    body: () => ({ assignee: 'owner', mute: { until: '2026-12-31T00:00:00Z', reason: 'text' } }),
  }),
  backtestAlerts: () => ({
    method: 'POST',
    url: '/v1/alerts/backtest',
    body: () => ({ from: '2026-01-01T00:00:00Z', to: '2026-01-02T00:00:00Z', routes: [ALERT_ROUTE] }),
  }),
  deleteOrg: () => ({ method: 'DELETE', url: '/v1/org/org_none', body: () => ({ name: 'text' }) }),
};
/** Bodies that are forwarded unchanged: `routes/otlp.test.ts` and the collector's suites test their strings. */
const ELSEWHERE = ['otlp_traces', 'otlp_metrics', 'otlp_logs', 'driftWebhook'];

let itemId = '';
let promotionId = '';

function send({ method, url, by }: Sample, body: unknown) {
  return gateway.app.inject({
    method,
    url,
    payload: JSON.stringify(body),
    headers: jsonHeaders(by === 'ingest' ? gateway.ingestToken : ownerToken),
  });
}

/** Returns the body once per string, with the secret appended, and once with the secret in its place. */
function planted(body: object): unknown[] {
  const places: string[] = [];
  const walk = (node: unknown, path: string, at?: string, text?: (before: string) => string): unknown => {
    if (typeof node === 'string') {
      if (at === undefined) places.push(path);
      return path === at && text !== undefined ? text(node) : node;
    }
    if (Array.isArray(node)) return node.map((each, index) => walk(each, `${path}/${String(index)}`, at, text));
    if (typeof node !== 'object' || node === null) return node;
    return Object.fromEntries(
      Object.entries(node).map(([name, each]) => [name, walk(each, `${path}/${name}`, at, text)]),
    );
  };
  walk(body, '');
  return places.flatMap((place) =>
    [(before: string) => `${before} ${SECRET}`, (before: string) => `${before}/${SECRET}`, () => SECRET].map((text) =>
      walk(body, '', place, text),
    ),
  );
}

/** Returns every row of every table of both stores. */
async function stores(): Promise<string[]> {
  const { client } = gateway.store;
  const tables = await selectRows<{ name: string }>(
    client,
    "SELECT name FROM system.tables WHERE database = currentDatabase() AND engine LIKE '%MergeTree'",
  );
  const rows = await Promise.all(
    tables.map(async ({ name }) => `${name}: ${JSON.stringify(await selectRows(client, `SELECT * FROM ${name}`))}`),
  );
  const found = await gateway.postgres.query<{ name: string }>(
    "SELECT tablename AS name FROM pg_tables WHERE schemaname = 'public'",
  );
  for (const { name } of found)
    rows.push(`${name}: ${JSON.stringify(await gateway.postgres.query(`SELECT * FROM ${name}`))}`);
  return rows;
}

describe('a secret in any string of any body', () => {
  it('is in no table, answer or log line', async () => {
    expect(
      (
        await send(
          { method: 'POST', url: '/v1/ingest/scan', by: 'ingest', body: fullScan },
          { ...fullScan(), bundleDigest: `sha256:${'1'.repeat(64)}` },
        )
      ).statusCode,
    ).toBe(200);
    const items = await gateway.app.inject({
      url: `/v1/repo/${repositoryId('org_a', REPOSITORY)}/review-items`,
      headers: { authorization: `Bearer ${ownerToken}` },
    });
    itemId = items.json<{ id: string }[]>()[0]?.id ?? '';
    promotionId = (
      await send(
        { method: 'POST', url: '/v1/policy-promotions', by: 'ingest', body: () => ({}) },
        SAMPLES['requestPolicyPromotion']?.().body(),
      )
    ).json<{ id: string }>().id;

    const operations = gateway.app.apiRoutes
      .filter(({ body, rawBody }) => body !== undefined || rawBody !== undefined)
      .map(({ id }) => id);
    expect(Object.keys(SAMPLES).concat(ELSEWHERE).sort()).toEqual(operations.sort());
    const statuses = new Map<number, number>();
    const leaks = new Set<string>();
    let sent = 0;
    for (const [id, sampleOf] of Object.entries(SAMPLES)) {
      const sample = sampleOf();
      for (const [index, body] of planted(sample.body()).entries()) {
        // A new digest each time, or only the first scan would be accepted.
        const fresh =
          id === 'ingestScan' && !JSON.stringify((body as { bundleDigest: string }).bundleDigest).includes(SECRET)
            ? {
                ...(body as object),
                bundleDigest: `sha256:${String(index).padStart(64, '0')}`,
                expectedBundleDigest: null,
              }
            : body;
        const answer = await send(sample, fresh);
        sent += 1;
        statuses.set(answer.statusCode, (statuses.get(answer.statusCode) ?? 0) + 1);
        expect(answer.statusCode, `${id}: ${answer.body}`).toBeLessThan(500);
        if ((answer.body + JSON.stringify(answer.headers)).includes(SECRET)) leaks.add(id);
      }
    }
    process.stdout.write(
      `planted: ${String(sent)} bodies over ${String(Object.keys(SAMPLES).length)} addresses; by status ${JSON.stringify(Object.fromEntries([...statuses].sort()))}\n`,
    );
    expect(statuses.get(200) ?? 0).toBeGreaterThan(sent / 3);
    const held = (await stores())
      .filter((table) => table.includes(SECRET))
      .map((table) => table.slice(0, table.indexOf(':')));
    expect([[...leaks], held]).toEqual([[], []]);
    expect(lines.join('').includes(SECRET)).toBe(false);
    expect(lines.length).toBeGreaterThan(sent);
  }, 600_000);
});
