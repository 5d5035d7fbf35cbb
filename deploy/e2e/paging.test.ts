import { afterAll, beforeAll, expect, inject, it } from 'vitest';
import { reviewItemId } from '#ingest/fleet/review-item.js';
import { openReviewItems } from '#ingest/fleet/review-items.js';
import { scanOfSpec } from '#ingest/testing/bodies.js';
import { createRollupWorker } from '#rollups/worker.js';
import { noticeOf } from '#ingest/delivery/testing/notice.js';
import { inOrg } from '#schemas/postgres/session.js';
import { Seed } from '#ingest/testing/board-seed.js';
import { jsonHeaders, startGateway, type Refusal, type TestGateway } from '#ingest/testing/gateway.js';
import { insertToolCalls } from '#ingest/testing/tool-call-rows.js';

const COUNT = 5;
const COMMENTS = `/v1/review-items/${reviewItemId('org_a', 'acme/paged', 'security-blocker', `sha256:${'0'.repeat(64)}`)}/comments`;
let gateway: TestGateway;
beforeAll(async () => {
  gateway = await startGateway(inject('clickhouseUrl'));
  const numbers = Array.from({ length: COUNT }, (_, i) => String(i));
  const findings = numbers.map((n) => ({
    id: `mcp-x-${n}`,
    severity: 'high',
    category: 'mcp',
    title: n,
    file: `${n}.json`,
  }));
  const report = {
    score: { grade: 'F', numericScore: 10 },
    findings: { total: COUNT, critical: 0, high: COUNT, medium: 0, low: 0, info: 0 },
  };
  for (const n of numbers) {
    const scan = scanOfSpec({
      repository: n === '0' ? 'acme/paged' : `acme/r${n}`,
      bundleDigest: `sha256:${n.repeat(64)}`,
      expectedBundleDigest: null,
      report,
      findings,
      remediation: null,
      filesScanned: 1,
    });
    await post('/v1/ingest/scan', gateway.ingestToken, scan);
    await post('/v1/policy-promotions', gateway.ingestToken, {
      pack: `pack${n}`,
      policyName: 'p',
      owners: [],
      sha256: `sha256:${n.repeat(64)}`,
      verified: true,
      reviewItems: [],
    });
    await post('/v1/tokens', gateway.adminToken, { name: n, scopes: ['read'] });
    await post('/v1/alerts/destinations', gateway.adminToken, {
      name: `destination-${n}`,
      kind: 'pagerduty',
      secrets: { routingKey: 'FAKE' },
    });
  }
  // Dead, so that no attempt changes them while they are read.
  await inOrg(gateway.postgres, 'org_a', (tx) =>
    tx.query(
      `INSERT INTO alert_delivery (org_id, destination_id, idempotency_key, key, notice, is_ticket, state, ended_at)
       SELECT org_id, id, name, name, $1, false, 'dead', now() FROM alert_destination`,
      [JSON.stringify(noticeOf())],
    ),
  );
  // Now, so that no background work does while the trail is read.
  await openReviewItems(gateway.app.plane, gateway.store.client, 'org_a');
  for (const n of numbers) await post(COMMENTS, gateway.adminToken, { text: n });
  await inOrg(gateway.postgres, 'org_a', async (tx) => {
    for (const n of numbers)
      await tx.query(
        `INSERT INTO alert_episode (id, org_id, key, number, rule, kind, severity, title, summary, since, observed_at)
         VALUES ($1, 'org_a', $1, 1, 'shieldwatch-drift', 'drift', 'critical', $1, $1, date_trunc('hour', now()), now())`,
        [n],
      );
  });
  // Several of one time: the cursor tells them apart.
  await insertToolCalls(
    gateway.store.client,
    numbers.flatMap((n) =>
      [n, 'paged'].map((session) => ({
        session_id: session,
        tool_call_id: n,
        occurred_at: new Date(Math.floor((Date.now() - Number(n)) / 60_000) * 60_000).toISOString(),
        outcome: 'allowed',
      })),
    ),
  );
  await new Seed(gateway.store.client, 'org_a').drills(
    numbers.map((n) => ({
      seat: n.repeat(32),
      client: 'codex',
      repository: 'acme/paged',
      timestamp: new Date(Date.now() - 60_000).toISOString(),
      durationMs: 1,
      result: 'proved',
    })),
  );
  const entries = numbers.map((n) => ({ timestamp: `2026-11-20T10:0${n}:00.000Z`, tool: 'Bash', decision: 'allow' }));
  await post('/v1/ingest/runtime', gateway.ingestToken, { repository: 'acme/paged', entries });
  await createRollupWorker({ clickhouse: gateway.store.client, settleMs: 0 }).tick();
  // After the jobs, which would join the session again.
  await gateway.store.client.insert({
    table: 'agent_event_v1',
    format: 'JSONEachRow',
    values: numbers.map((n) => ({
      org_id: 'org_a',
      event_id: n,
      occurred_at: new Date(Date.now() - 60_000).toISOString().slice(0, 23).replace('T', ' '),
      agent: 'claude-code',
      kind: 'turn',
      session_id: 'paged',
      // Each a gap before it, at one time.
      sequence: Number(n) * 2 + 1,
    })),
  });
  const key = {
    org_id: 'org_a',
    repo: 'acme/paged',
    is_head: false,
    min_severity: 'info',
    producer_version: '1',
    version: 1,
    scans: 1,
    score_sum: 1,
    score_min: 1,
    score_max: 1,
    score_last: 1,
    grade_last: 'F',
  };
  await gateway.store.client.insert({
    table: 'score_trend_v1',
    format: 'JSONEachRow',
    values: numbers.map((n) => ({ ...key, bucket_start: `2026-11-20 1${n}:00:00` })),
  });
});
afterAll(() => gateway.close());

async function post(url: string, token: string, body: object): Promise<void> {
  const answer = await gateway.app.inject({
    method: 'POST',
    url,
    payload: JSON.stringify(body),
    headers: jsonHeaders(token),
  });
  expect(answer.statusCode, answer.body).toBe(200);
}

interface Page {
  entries: unknown[];
  nextCursor: string | null;
}

/** Every list that comes in pages, and where its entries stand; one without a line fails. */
const LISTS: Readonly<Record<string, { url: string; field: string }>> = {
  listRepos: { url: '/v1/repos?', field: 'repos' },
  listTokens: { url: '/v1/tokens?', field: 'tokens' },
  listAudit: { url: '/v1/audit?', field: 'entries' },
  listReviewComments: { url: `${COMMENTS}?`, field: 'comments' },
  listDestinations: { url: '/v1/alerts/destinations?', field: 'destinations' },
  listDeliveries: { url: '/v1/alerts/deliveries?', field: 'deliveries' },
  listPolicyPromotions: { url: '/v1/policy-promotions?status=open&', field: 'policyPromotions' },
  listAlerts: { url: '/v1/alerts?state=all&', field: 'alerts' },
  listFindings: { url: '/v1/findings?repository=acme%2Fpaged&', field: 'findings' },
  listDrills: { url: '/v1/drills?', field: 'seats' },
  listToolCalls: { url: '/v1/tool-calls?session=paged&', field: 'toolCalls' },
  listSessions: { url: '/v1/sessions?', field: 'sessions' },
  showSession: { url: '/v1/sessions/paged?', field: 'calls' },
  showSessionTimeline: { url: '/v1/sessions/paged/timeline?', field: 'entries' },
  readSeries: { url: '/v1/series/score_trend?bucket=hour&from=2026-11-20&to=2026-11-21&', field: 'points' },
  explain: {
    url: '/v1/explain?series=blocked_command_rate&at=2026-11-20T10:00:00Z&repository=acme%2Fpaged&',
    field: 'facts',
  },
};

const read = async (list: string, query: string): Promise<Page> => {
  const { url = '', field = '' } = LISTS[list] ?? {};
  const answer = await gateway.app.inject({
    url: `${url}${query}`,
    headers: { authorization: `Bearer ${gateway.adminToken}` },
  });
  expect(answer.statusCode, `${list}: ${answer.body}`).toBe(200);
  const body = answer.json<Record<string, unknown>>();
  return { entries: body[field] as unknown[], nextCursor: body['nextCursor'] as string | null };
};

it('every list yields each entry once in pages of any size', async () => {
  const paged = gateway.app.apiRoutes
    .filter(({ query }) => query !== undefined && 'cursor' in query.shape)
    .map(({ id }) => id);
  expect(Object.keys(LISTS).sort()).toEqual(paged.sort());
  for (const list of Object.keys(LISTS)) {
    const whole = await read(list, 'limit=1000');
    expect([list, whole.entries.length >= COUNT, whole.nextCursor]).toEqual([list, true, null]);
    for (const limit of [1, 2, whole.entries.length]) {
      const seen: unknown[] = [];
      for (let cursor: string | null = ''; cursor !== null;) {
        const { entries, nextCursor } = await read(
          list,
          `limit=${String(limit)}${cursor === '' ? '' : `&cursor=${encodeURIComponent(cursor)}`}`,
        );
        expect(entries.length).toBeLessThanOrEqual(limit);
        seen.push(...entries);
        cursor = nextCursor;
      }
      expect(seen, `${list} by ${String(limit)}`).toEqual(whole.entries);
    }
  }
});

it('a cursor of another list, or an invented one, is refused by name or starts somewhere, and reveals nothing', async () => {
  const cursors = await Promise.all(
    Object.keys(LISTS).map(async (list) => (await read(list, 'limit=1')).nextCursor ?? ''),
  );
  for (const [list, { url }] of Object.entries(LISTS)) {
    for (const cursor of [...cursors, 'made-up', '%00', 'W10', 'bnVsbA', 'eyJfX3Byb3RvX18iOjF9', 'A'.repeat(1_999)]) {
      const answer = await gateway.app.inject({
        url: `${url}cursor=${encodeURIComponent(cursor)}`,
        headers: { authorization: `Bearer ${gateway.adminToken}` },
      });
      expect([200, 400], `${list} after ${cursor.slice(0, 50)}: ${answer.body}`).toContain(answer.statusCode);
      if (answer.statusCode === 400) expect(answer.json<Refusal>().error.field, list).toBe('cursor');
    }
  }
});
