import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { selectRows } from '#schemas/clickhouse/client.js';
import { openPostgres, type Postgres } from '#schemas/postgres/client.js';
import { inOrg } from '#schemas/postgres/session.js';
import { postgresPrograms, startPostgresServer, type TestServer } from '#schemas/testing/postgres-server.js';
import { repositoryId } from '#schemas/records/repository.js';
import { HEADER_ORG_ID, HEADER_REPOSITORY } from '#schemas/semconv.js';
import { INGEST_SCOPES } from './auth/caller.js';
import { mintToken } from './auth/tokens.js';
import { addMember } from './control/members.js';
import { noticeOf } from './delivery/testing/notice.js';
import { openReviewItems } from './fleet/review-items.js';
import { driftOfSpec, scanOfSpec } from './testing/bodies.js';
import { startGateway, type TestGateway } from './testing/gateway.js';
import { insertToolCalls } from './testing/tool-call-rows.js';

/** Every name of organisation A contains it, so an answer with it reveals data of A. */
const MARK = 'belongs-to-a';
const REPOSITORY = `${MARK}/app`;
const DESTINATION = `${MARK}-destination`;

interface Ids {
  repoId: string;
  itemId: string;
  approvalId: string;
  tokenId: string;
  memberId: string;
  purgeId: string;
  findingKey: string;
  promotionId: string;
  deliveryId: string;
}

/** How B tries to access A's data on one route. `own`: the URL names nothing of A, and B gets its own data. */
interface Reach {
  url: string;
  body?: unknown;
  expected: 'own' | 404;
}

const PROMOTION = {
  pack: 'team',
  policyName: 'p',
  owners: [],
  sha256: `sha256:${'0'.repeat(64)}`,
  verified: true,
  reviewItems: [],
};

/** An alert of A. */
const ALERT = 'alert_of_a';
const ALERT_TABLES = ['alert_routes', 'alert_evaluation', 'alert_episode', 'alert_decision', 'alert_mute'];

/** One line per route; a route without one fails the test below. */
const REACHES: Readonly<Record<string, (ids: Ids) => Reach>> = {
  otlp_traces: () => ({ url: '/v1/traces', body: { resourceSpans: [] }, expected: 'own' }),
  otlp_metrics: () => ({ url: '/v1/metrics', body: { resourceMetrics: [] }, expected: 'own' }),
  otlp_logs: () => ({ url: '/v1/logs', body: { resourceLogs: [] }, expected: 'own' }),
  ingestScan: () => ({ url: '/v1/ingest/scan', body: scanOfSpec({ repository: REPOSITORY }), expected: 'own' }),
  ingestRuntime: () => ({
    url: '/v1/ingest/runtime',
    body: {
      repository: REPOSITORY,
      entries: [{ timestamp: new Date().toISOString(), tool: 'Bash', decision: 'allow' }],
    },
    expected: 'own',
  }),
  ingestDrift: () => ({ url: '/v1/ingest/drift', body: driftOfSpec({ repository: REPOSITORY }), expected: 'own' }),
  fleet: () => ({ url: '/v1/org/org_a/fleet', expected: 404 }),
  listReviewItems: ({ repoId }) => ({ url: `/v1/repo/${repoId}/review-items`, expected: 404 }),
  changeReviewItem: ({ itemId }) => ({
    url: `/v1/review-items/${itemId}`,
    body: { status: 'approved' },
    expected: 404,
  }),
  listReviewComments: ({ itemId }) => ({ url: `/v1/review-items/${itemId}/comments`, expected: 404 }),
  commentOnReviewItem: ({ itemId }) => ({
    url: `/v1/review-items/${itemId}/comments`,
    body: { text: 'mine' },
    expected: 404,
  }),
  posture: ({ repoId }) => ({ url: `/v1/repo/${repoId}/posture`, expected: 404 }),
  listRepos: () => ({ url: '/v1/repos', expected: 'own' }),
  addRepo: () => ({ url: '/v1/repos', body: { repository: REPOSITORY }, expected: 'own' }),
  changeRepo: ({ repoId }) => ({ url: `/v1/repo/${repoId}`, body: { githubRepoId: '7' }, expected: 404 }),
  removeRepo: ({ repoId }) => ({ url: `/v1/repo/${repoId}`, expected: 404 }),
  // B may request a merge; only B's rows are moved.
  mergeRepos: () => ({ url: '/v1/repos/merge', body: { from: REPOSITORY, into: 'acme/none' }, expected: 'own' }),
  listRepoMerges: () => ({ url: '/v1/repos/merges', expected: 'own' }),
  showBaseline: ({ repoId }) => ({ url: `/v1/repo/${repoId}/baseline`, expected: 404 }),
  setBaseline: ({ repoId }) => ({ url: `/v1/repo/${repoId}/baseline`, body: {}, expected: 404 }),
  listSeries: () => ({ url: '/v1/series', expected: 'own' }),
  readSeries: ({ repoId }) => ({ url: `/v1/series/score_trend?repository=${repoId}&from=2026-06-01`, expected: 404 }),
  explain: ({ repoId }) => ({
    url: `/v1/explain?series=score_trend&at=2026-06-21&bucket=day&repository=${repoId}`,
    expected: 404,
  }),
  prometheusMetrics: () => ({ url: '/v1/metrics/prometheus', expected: 'own' }),
  listFindings: ({ repoId }) => ({ url: `/v1/findings?status=all&repository=${repoId}`, expected: 404 }),
  listToolCalls: ({ repoId }) => ({ url: `/v1/tool-calls?repository=${repoId}`, expected: 404 }),
  listDrills: ({ repoId }) => ({ url: `/v1/drills?repository=${repoId}`, expected: 404 }),
  listSessions: ({ repoId }) => ({ url: `/v1/sessions?repository=${repoId}`, expected: 404 }),
  showSession: () => ({ url: `/v1/sessions/${MARK}`, expected: 404 }),
  showSessionTimeline: () => ({ url: `/v1/sessions/${MARK}/timeline`, expected: 404 }),
  triageFinding: ({ repoId, findingKey }) => ({
    url: `/v1/repo/${repoId}/findings/triage`,
    body: { findingKey, state: 'muted', reason: 'r' },
    expected: 404,
  }),
  showOrg: () => ({ url: '/v1/org/org_a', expected: 404 }),
  changeOrg: () => ({ url: '/v1/org/org_a', body: { name: 'taken' }, expected: 404 }),
  deleteOrg: () => ({ url: '/v1/org/org_a', body: { name: 'A' }, expected: 404 }),
  listMembers: () => ({ url: '/v1/members', expected: 'own' }),
  addMember: () => ({ url: '/v1/members', body: { login: 'bob', role: 'viewer' }, expected: 'own' }),
  changeMember: ({ memberId }) => ({ url: `/v1/members/${memberId}`, body: { role: 'viewer' }, expected: 404 }),
  removeMember: ({ memberId }) => ({ url: `/v1/members/${memberId}`, expected: 404 }),
  listPurges: () => ({ url: '/v1/purges', expected: 'own' }),
  showPurge: ({ purgeId }) => ({ url: `/v1/purges/${purgeId}`, expected: 404 }),
  // B may request a purge; only B's rows are removed.
  requestPurge: ({ tokenId }) => ({ url: '/v1/purges', body: { repository: REPOSITORY, tokenId }, expected: 'own' }),
  listTokens: () => ({ url: '/v1/tokens', expected: 'own' }),
  mintToken: () => ({ url: '/v1/tokens', body: { name: 'n', scopes: ['read'] }, expected: 'own' }),
  rotateToken: ({ tokenId }) => ({ url: `/v1/tokens/${tokenId}/rotate`, body: {}, expected: 404 }),
  revokeToken: ({ tokenId }) => ({ url: `/v1/tokens/${tokenId}`, expected: 404 }),
  requestPolicyPromotion: () => ({ url: '/v1/policy-promotions', body: PROMOTION, expected: 'own' }),
  listPolicyPromotions: () => ({ url: '/v1/policy-promotions', expected: 'own' }),
  decidePolicyPromotion: ({ promotionId }) => ({
    url: `/v1/policy-promotions/${promotionId}`,
    body: { status: 'approved' },
    expected: 404,
  }),
  listAlerts: () => ({ url: '/v1/alerts?state=all', expected: 'own' }),
  explainAlert: () => ({ url: `/v1/alerts/${ALERT}`, expected: 404 }),
  changeAlert: () => ({ url: `/v1/alerts/${ALERT}`, body: { acknowledged: true }, expected: 404 }),
  showAlertRoutes: () => ({ url: '/v1/alerts/routes', expected: 'own' }),
  // B replaces its own routes, of which there are none.
  replaceAlertRoutes: () => ({ url: '/v1/alerts/routes', body: { version: 0, routes: [] }, expected: 'own' }),
  backtestAlerts: () => ({
    url: '/v1/alerts/backtest',
    body: { from: new Date(Date.now() - 86_400_000).toISOString(), to: new Date().toISOString() },
    expected: 'own',
  }),
  listAudit: () => ({ url: '/v1/audit', expected: 'own' }),
  exportAudit: () => ({ url: '/v1/audit/export', expected: 'own' }),
  verifyAudit: () => ({ url: '/v1/audit/verify', expected: 'own' }),
  listDestinations: () => ({ url: '/v1/alerts/destinations', expected: 'own' }),
  addDestination: () => ({
    url: '/v1/alerts/destinations',
    body: {
      name: `of-b-${randomUUID()}`,
      kind: 'pagerduty',
      secrets: { routingKey: 'FAKE' },
    },
    expected: 'own',
  }),
  removeDestination: () => ({ url: `/v1/alerts/destinations/${DESTINATION}`, expected: 404 }),
  testDestination: () => ({ url: `/v1/alerts/destinations/${DESTINATION}/test`, expected: 404 }),
  listDeliveries: () => ({ url: '/v1/alerts/deliveries', expected: 'own' }),
  showDelivery: ({ deliveryId }) => ({ url: `/v1/alerts/deliveries/${deliveryId}`, expected: 404 }),
  resendDelivery: ({ deliveryId }) => ({ url: `/v1/alerts/deliveries/${deliveryId}/resend`, expected: 404 }),
};

/** Public routes, without a token whose organisation could be wrong; their secret is in the URL. */
const WITHOUT_TOKEN = new Set(['driftWebhook']);

const programs = await postgresPrograms();

describe.each([
  { database: 'embedded Postgres', isServer: false },
  {
    database:
      programs === undefined ? 'a Postgres server (NOT RUN: no server programs on this machine)' : 'a Postgres server',
    isServer: true,
  },
])('on $database', ({ isServer }) => {
  const isRun = !isServer || programs !== undefined;
  let server: TestServer | undefined;
  let gateway: TestGateway;
  let ids: Ids;
  let ownerOfB: string;
  /** Database roles that ran statements, except those of the test itself. */
  const users = new Set<string>();
  let isWatching = false;

  beforeAll(async () => {
    if (!isRun) return;
    if (isServer && programs !== undefined) server = await startPostgresServer(programs);
    const postgres = await openPostgres(server === undefined ? {} : { url: server.url });
    gateway = await startGateway(inject('clickhouseUrl'), { postgres: watched(postgres) });
    ids = await fillA();
    await addMember(gateway.app.plane, { orgId: 'org_b', actor: 'test' }, { login: 'owner-b', role: 'owner' });
    const [owner] = await inOrg(gateway.postgres, 'org_b', (tx) => tx.query<{ id: string }>('SELECT id FROM member'));
    ownerOfB = (
      await inOrg(gateway.postgres, 'org_b', (tx) =>
        mintToken(tx, {
          orgId: 'org_b',
          name: 'o',
          scopes: [...INGEST_SCOPES, 'read', 'admin'],
          memberId: owner?.id ?? '',
        }),
      )
    ).token;
  });
  afterAll(async () => {
    if (!isRun) return;
    await gateway.close();
    await server?.stop();
  });

  /** Records the role of each statement, once the transaction has set it. */
  function watched(postgres: Postgres): Postgres {
    const note = (rows: { current_user: string }[]): void => {
      for (const row of rows) if (isWatching) users.add(row.current_user);
    };
    const asked = 'SELECT current_user::text AS current_user';
    return {
      ...postgres,
      query: async (sql, params) => {
        note(await postgres.query<{ current_user: string }>(asked));
        return postgres.query(sql, params);
      },
      transaction: (work) =>
        postgres.transaction(async (tx) => {
          let statements = 0;
          return work({
            execute: (sql) => tx.execute(sql),
            query: async (sql, params) => {
              if (statements > 0) note(await tx.query<{ current_user: string }>(asked));
              statements += 1;
              return tx.query(sql, params);
            },
          });
        }),
    };
  }

  const call = (method: string, url: string, token: string, body?: unknown, headers: Record<string, string> = {}) =>
    gateway.app.inject({
      method: method as 'GET',
      url,
      headers: {
        authorization: `Bearer ${token}`,
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...headers,
      },
      ...(body === undefined ? {} : { payload: JSON.stringify(body) }),
    });

  async function fillA(): Promise<Ids> {
    const actor = { orgId: 'org_a', actor: MARK };
    const report = {
      score: { grade: 'F', numericScore: 10 },
      findings: { total: 1, critical: 1, high: 0, medium: 0, low: 0, info: 0 },
    };
    const findings = [{ id: 'mcp-x-1', severity: 'critical', category: 'mcp', title: MARK, file: MARK }];
    const scan = await call(
      'POST',
      '/v1/ingest/scan',
      gateway.ingestToken,
      scanOfSpec({ repository: REPOSITORY, report, findings, remediation: null, filesScanned: 3 }),
    );
    expect(scan.statusCode, scan.body).toBe(200);
    await call('POST', '/v1/ingest/drift', gateway.ingestToken, driftOfSpec({ repository: REPOSITORY }));
    await insertToolCalls(gateway.store.client, [
      {
        repo: REPOSITORY,
        session_id: MARK,
        tool_call_id: MARK,
        occurred_at: new Date().toISOString(),
        outcome: 'allowed',
      },
    ]);
    const repoId = repositoryId('org_a', REPOSITORY);
    // Runs now, so that background work does not while the state of A is compared.
    await openReviewItems(gateway.app.plane, gateway.store.client, 'org_a');
    const [item] = (await call('GET', `/v1/repo/${repoId}/review-items`, gateway.readToken)).json<
      { id: string; approvalId: string }[]
    >();
    expect(
      (await gateway.app.asMachine('org_a', 'POST', `/v1/review-items/${item?.id ?? ''}/comments`, { text: MARK }))
        .status,
    ).toBe(200);
    const owner = await addMember(gateway.app.plane, actor, { login: MARK, role: 'owner' });
    await addMember(gateway.app.plane, actor, { login: `${MARK}-2`, role: 'owner' });
    const token = await inOrg(gateway.postgres, 'org_a', (tx) =>
      mintToken(tx, { orgId: 'org_a', name: MARK, scopes: ['read'] }),
    );
    const purge = JSON.parse(
      (await gateway.app.asMachine('org_a', 'POST', '/v1/purges', { repository: `${MARK}/none` })).body,
    ) as { id: string };
    const baseline = await call('PUT', `/v1/repo/${repoId}/baseline`, gateway.adminToken, {});
    expect(baseline.statusCode, baseline.body).toBe(200);
    const asked = JSON.parse(
      (await gateway.app.asMachine('org_a', 'POST', '/v1/policy-promotions', { ...PROMOTION, policyName: MARK })).body,
    ) as { id: string };
    if (item === undefined) throw new Error('no review item');
    await inOrg(gateway.postgres, 'org_a', async (tx) => {
      await tx.query(
        `INSERT INTO alert_episode (id, org_id, key, number, rule, kind, severity, repository, title, summary, since, observed_at, is_unsettled)
         VALUES ($1, 'org_a', $2, 1, 'shieldwatch-drift', 'drift', 'critical', $2, $2, $2, now(), now(), false)`,
        [ALERT, MARK],
      );
      await tx.query(
        "INSERT INTO alert_mute (org_id, key, until, reason, set_by) VALUES ('org_a', $1, now() + interval '1 day', $1, $1)",
        [MARK],
      );
      await tx.query("INSERT INTO alert_routes (org_id, version, routes, updated_by) VALUES ('org_a', 1, '[]', $1)", [
        MARK,
      ]);
    });
    return {
      repoId,
      itemId: item.id,
      approvalId: item.approvalId,
      tokenId: token.id,
      memberId: owner.id,
      purgeId: purge.id,
      findingKey: `mcp-x|${MARK}|sha256:no-evidence`,
      promotionId: asked.id,
      deliveryId: await deliveryOfA(),
    };
  }

  /** A dead notice of a destination of A. */
  async function deliveryOfA(): Promise<string> {
    const added = await call('POST', '/v1/alerts/destinations', gateway.adminToken, {
      name: DESTINATION,
      kind: 'pagerduty',
      secrets: { routingKey: 'FAKE' },
    });
    expect(added.statusCode, added.body).toBe(200);
    const { id: destinationId } = added.json<{ id: string }>();
    return inOrg(gateway.postgres, 'org_a', async (tx) => {
      // A number that is in no answer by chance.
      const id = '987654321012345';
      await tx.query(
        `INSERT INTO alert_delivery (id, org_id, destination_id, idempotency_key, key, notice, is_ticket, state, ended_at)
         OVERRIDING SYSTEM VALUE VALUES ($1, 'org_a', $2, 'one', 'one', $3, true, 'dead', now())`,
        [id, destinationId, JSON.stringify(noticeOf({ title: MARK }))],
      );
      await tx.query(
        "INSERT INTO alert_ticket (org_id, destination_id, key, external_id, episode) VALUES ('org_a', $1, $2, $2, 1)",
        [destinationId, MARK],
      );
      return id;
    });
  }

  /** Returns everything of A in both stores, apart from values that change with time. */
  async function stateOfA(): Promise<string> {
    const tables = [
      'org',
      'repo',
      'member',
      'token',
      'scan_receipt',
      'review_item',
      'review_item_comment',
      'finding_triage',
      'baseline',
      'policy_promotion',
      ...ALERT_TABLES,
      'alert_destination',
      'alert_delivery',
      'alert_ticket',
      'audit_entry',
    ];
    const rows = await inOrg(gateway.postgres, 'org_a', async (tx) => {
      const all: unknown[] = [];
      for (const table of tables)
        all.push(
          (await tx.query(`SELECT * FROM ${table} ORDER BY 1, 2`)).map((row) => ({ ...row, last_used_at: undefined })),
        );
      return all;
    });
    const facts = await Promise.all(
      ['scan', 'finding', 'runtime_event', 'drift_event', 'drill_event', 'repository_activity'].map((view) =>
        selectRows(gateway.store.client, `SELECT * FROM ${view} WHERE org_id = 'org_a' ORDER BY ALL`),
      ),
    );
    return JSON.stringify([rows, facts]);
  }

  it.runIf(isRun)('has a case for every route', () => {
    const routes = gateway.app.apiRoutes.filter(({ id }) => !WITHOUT_TOKEN.has(id)).map(({ id }) => id);
    expect(Object.keys(REACHES).sort()).toEqual(routes.sort());
    expect(gateway.app.apiRoutes.filter(({ scopes }) => scopes.length === 0).map(({ id }) => id)).toEqual([
      ...WITHOUT_TOKEN,
    ]);
  });

  it.runIf(isRun)("no route reads or changes another organisation's data", async () => {
    await expect
      .poll(
        async () =>
          (await call('GET', `/v1/purges/${ids.purgeId}`, gateway.adminToken)).json<{ status: string }>().status,
      )
      .toBe('done');
    const before = await stateOfA();
    isWatching = true;
    // Reads first: until B has written, no answer to B may contain a word of A.
    const routes = gateway.app.apiRoutes.filter(({ id }) => id in REACHES);
    const [reads, writes] = [
      routes.filter(({ method }) => method === 'GET'),
      routes.filter(({ method }) => method !== 'GET'),
    ];
    for (const { id, method } of [...reads, ...writes]) {
      const { url, body, expected } = REACHES[id]?.(ids) ?? { url: '', body: undefined, expected: 404 };
      // Headers and a parameter by which a client might try to select the tenant.
      const forged = { [HEADER_ORG_ID]: 'org_a', [HEADER_REPOSITORY]: REPOSITORY };
      const answer = await call(method, url, ownerOfB, body, forged);
      expect(answer.statusCode, `${id}: ${answer.body.slice(0, 300)}`).toBe(expected === 404 ? 404 : 200);
      const leaks =
        method === 'GET' && [MARK, ...(Object.values(ids) as string[])].some((word) => answer.body.includes(word));
      expect(leaks, `${id} reveals the other organisation`).toBe(false);
      const named = await call(method, `${url}${url.includes('?') ? '&' : '?'}org_id=org_a`, ownerOfB, body);
      expect(named.statusCode, `${id} with org_id`).toBeLessThan(500);
    }
    const alias = await call('PATCH', `/v1/review-items/${ids.approvalId}`, ownerOfB, { status: 'approved' });
    expect(alias.statusCode).toBe(404);
    isWatching = false;
    expect(await stateOfA()).toBe(before);
  });

  it.runIf(isRun)('every statement of a request runs as a role that sees one organisation', () => {
    const roles = ['shieldwatch_app', 'shieldwatch_auth', 'shieldwatch_worker'];
    expect([...users].filter((user) => !roles.includes(user))).toEqual([]);
    expect(users).toContain('shieldwatch_app');
  });

  it.runIf(isRun)('such a role sees nothing of others even in plain SQL, and cannot change its role', async () => {
    await inOrg(gateway.postgres, 'org_b', async (tx) => {
      for (const table of [
        'org',
        'repo',
        'member',
        'token',
        'scan_receipt',
        'review_item',
        'review_item_comment',
        'baseline',
        'purge',
        'repo_merge',
        'policy_promotion',
        ...ALERT_TABLES,
        'alert_destination',
        'alert_delivery',
        'alert_ticket',
        'audit_entry',
      ]) {
        expect(
          await tx.query(`SELECT * FROM ${table} WHERE ${table === 'org' ? 'id' : 'org_id'} = 'org_a'`),
          table,
        ).toEqual([]);
      }
      expect(await tx.query("UPDATE member SET role = 'viewer' WHERE org_id = 'org_a' RETURNING id")).toEqual([]);
    });
    const tries = [
      "INSERT INTO member (id, org_id, login, role) VALUES ('x', 'org_a', 'x', 'owner')",
      "UPDATE audit_entry SET record = '{}'",
      'DELETE FROM audit_entry',
      'TRUNCATE audit_entry',
      'SELECT * FROM outbox',
      'SELECT * FROM schema_migration',
    ];
    for (const sql of tries)
      await expect(
        inOrg(gateway.postgres, 'org_b', (tx) => tx.query(sql)),
        sql,
      ).rejects.toThrow();
  });

  it.runIf(isRun)(
    'row level security is on, and forced on the owner too, for every table but the list of migrations',
    async () => {
      const tables = await gateway.postgres.query<{ name: string; secured: boolean }>(
        `SELECT relname AS name, relrowsecurity AND relforcerowsecurity AS secured FROM pg_class
       WHERE relkind IN ('r', 'p') AND relnamespace = current_schema()::regnamespace ORDER BY relname`,
      );
      expect(tables.length).toBeGreaterThan(10);
      expect(tables.filter(({ secured }) => !secured).map(({ name }) => name)).toEqual(['schema_migration']);
      const roles = await gateway.postgres.query<{ rolname: string }>(
        "SELECT rolname FROM pg_roles WHERE rolname LIKE 'shieldwatch\\_%' AND rolname <> 'shieldwatch_owner' AND (rolsuper OR rolbypassrls OR rolcreaterole OR rolcanlogin)",
      );
      expect(roles).toEqual([]);
    },
  );

  it.runIf(isRun)("denied access is in the audit trail of the caller's organisation", async () => {
    const { entries } = (await call('GET', '/v1/audit?limit=1000', ownerOfB)).json<{ entries: { record: string }[] }>();
    const denied = entries
      .map(({ record }) => JSON.parse(record) as { action: string; subject: string })
      .filter(({ action }) => action === 'access.denied');
    expect(denied.map(({ subject }) => subject)).toContain('GET /v1/org/:orgId/fleet');
  });
});
