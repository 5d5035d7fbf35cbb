import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { selectRows } from '#schemas/clickhouse/client.js';
import { deleteFacts } from '#schemas/clickhouse/delete.js';
import { explainPoint } from '#schemas/clickhouse/explain.js';
import { freshDatabase, type TestDatabase } from '#schemas/testing/clickhouse.js';
import { activeFormula, backfillMonth, monthsOf, switchFormula } from './backfill.js';
import { rollupJobs, type RollupJob } from './jobs.js';
import { landDecisions, landScans } from './testing/landing-rows.js';
import { reconcileMonth } from './reconcile.js';
import { createRollupWorker } from './worker.js';

let db: TestDatabase;
beforeAll(async () => {
  db = await freshDatabase(inject('clickhouseUrl'));
});
afterAll(() => db.drop());

const tick = (jobs = rollupJobs()) => createRollupWorker({ clickhouse: db.client, settleMs: 0, jobs }).tick();
const select = (sql: string) => selectRows(db.client, sql);
const job = (name: string): RollupJob => {
  const found = rollupJobs().find((one) => one.name === name);
  if (found === undefined) throw new Error(`no job ${name}`);
  return found;
};
const MONTH = '2026-11-01';
const HOUR = Date.UTC(2026, 10, 20, 10) / 1_000;
const decision = (orgId: string, eventId: string, minute: string, blocked = false) => ({
  orgId,
  eventId,
  timestamp: `2026-11-20T10:${minute}:00.000Z`,
  tool: 'Bash',
  decision: blocked ? ('block' as const) : ('allow' as const),
});
const total = (orgId: string) =>
  select(`SELECT sum(total) AS total FROM blocked_command_rate_hour WHERE org_id = '${orgId}'`);
/** Pretends that everything was processed long ago: the reconciliation skips what is in progress. */
const forgetMarks = () => db.client.command({ query: 'TRUNCATE TABLE dirty_hour_v1' });

describe('explainPoint', () => {
  it('lists the facts behind a point, the ignored repeats, the formula and the run', async () => {
    await landDecisions(db.client, [decision('why', 'a', '01'), decision('why', 'b', '02', true)]);
    await landDecisions(db.client, [decision('why', 'b', '02', true), decision('other', 'c', '03')]);
    await tick();
    const point = {
      orgId: 'why',
      series: 'blocked_command_rate',
      repo: 'acme/app',
      at: HOUR + 1_234,
      grain: 'hour',
    } as const;
    const explained = await explainPoint(db.client, point);
    expect(explained).toMatchObject({
      from: '2026-11-20T10:00:00Z',
      to: '2026-11-20T11:00:00Z',
      rows: [{ tool: 'Bash', allowed: 1, blocked: 1, total: 2 }],
      computed: [{ formula: 0, facts: 2, run: { cause: 'mark' } }],
      facts: [
        {
          fact: 'runtime_event',
          count: 2,
          duplicatesIgnored: 1,
          isCutOff: false,
          rows: [{ event_id: 'a' }, { event_id: 'b' }],
        },
      ],
    });
    expect(await explainPoint(db.client, { ...point, grain: 'week', limit: 1 })).toMatchObject({
      from: '2026-11-16T00:00:00Z',
      to: '2026-11-23T00:00:00Z',
      rows: [{ total: 2 }],
      facts: [{ count: 2, isCutOff: true }],
    });
    expect(await explainPoint(db.client, { ...point, orgId: 'nobody' })).toMatchObject({
      rows: [],
      computed: [],
      facts: [{ count: 0, duplicatesIgnored: 0, rows: [] }],
    });
  });

  it('names the scan that a change is compared with, and for the organisation the newest of each repository', async () => {
    await landScans(db.client, [
      {
        orgId: 'why',
        eventId: 's1',
        generatedAt: '2026-11-20T08:00:00.000Z',
        score: 90,
        findings: { critical: 0, high: 0, medium: 0, low: 0, info: 0 },
      },
      {
        orgId: 'why',
        eventId: 's2',
        generatedAt: '2026-11-20T10:00:00.000Z',
        score: 50,
        findings: { critical: 0, high: 0, medium: 0, low: 0, info: 0 },
      },
    ]);
    await tick();
    const point = { orgId: 'why', repo: 'acme/app', at: HOUR, grain: 'hour' } as const;
    expect(await explainPoint(db.client, { ...point, series: 'drift_history' })).toMatchObject({
      comparedWith: { scan_id: 's1', score: 90 },
    });
    expect(await explainPoint(db.client, { ...point, series: 'cross_repo_org_rollup' })).toMatchObject({
      repo: null,
      rows: [{ repos: 1, score_mean: 50 }],
      computed: [{ facts: null, run: { cause: 'mark' } }],
      facts: [{ rows: [{ event_id: 's2' }] }, { fact: 'control_event', count: 0 }],
    });
  });
});

describe('backfill', () => {
  it('computes buckets without marks, month by month', async () => {
    await landDecisions(db.client, [decision('back', 'a', '01')]);
    await forgetMarks();
    await tick();
    expect(await total('back')).toEqual([{ total: 0 }]);
    expect(await monthsOf(db.client, job('blocked_command_rate'))).toContainEqual({
      job: 'blocked_command_rate',
      series: 'blocked_command_rate',
      formula: 0,
      month: MONTH,
    });
    expect(
      await backfillMonth(db.client, job('blocked_command_rate'), MONTH, { orgId: 'back', repo: 'acme/app' }),
    ).toEqual({ buckets: 1, failed: 0 });
    expect(await total('back')).toEqual([{ total: 1 }]);
  });

  it('writes a new formula beside the old one, which stays visible until the switch', async () => {
    await landDecisions(db.client, [decision('formula', 'a', '01'), decision('formula', 'b', '02', true)]);
    await tick();
    const first = job('blocked_command_rate');
    // The new formula counts a blocked call twice.
    const second = {
      ...first,
      formula: 1,
      sql: first.sql.replace("countIf(counts AND decision = 'block')", "2 * countIf(counts AND decision = 'block')"),
    };
    const blocked = () =>
      select(`SELECT sum(blocked) AS blocked FROM blocked_command_rate_hour WHERE org_id = 'formula'`);
    await backfillMonth(db.client, second, MONTH);
    expect(await blocked()).toEqual([{ blocked: 1 }]);
    // Both are maintained meanwhile.
    await landDecisions(db.client, [decision('formula', 'c', '03', true)]);
    await tick([first, second]);
    expect(await blocked()).toEqual([{ blocked: 2 }]);
    await switchFormula(db.client, 'blocked_command_rate', 1);
    expect(await activeFormula(db.client, 'blocked_command_rate')).toBe(1);
    expect(await blocked()).toEqual([{ blocked: 4 }]);
    await switchFormula(db.client, 'blocked_command_rate', 0);
    expect(await blocked()).toEqual([{ blocked: 2 }]);
  });
});

describe('reconciliation', () => {
  it('finds exactly the buckets that differ from their facts, and has them recomputed', async () => {
    await landDecisions(db.client, [decision('held', 'a', '01'), decision('held', 'b', '02')]);
    await landScans(db.client, [{ orgId: 'held', eventId: 's', generatedAt: '2026-11-20T10:00:00.000Z', score: 50 }]);
    await tick();
    await forgetMarks();
    // Other tests leave rows without marks, which this pass finds and fixes.
    for (const one of rollupJobs()) await reconcileMonth(db.client, one, MONTH);
    await tick();
    await forgetMarks();
    for (const one of rollupJobs()) expect(await reconcileMonth(db.client, one, MONTH), one.name).toBe(0);

    // Facts without a mark, one of an hour with a bucket and one of an hour without; and a missing bucket.
    await landDecisions(db.client, [
      decision('held', 'late', '03', true),
      { ...decision('held', 'new', '00'), timestamp: '2026-11-20T15:00:00.000Z' },
    ]);
    await db.client.command({ query: `DELETE FROM cross_repo_org_rollup_v1 WHERE org_id = 'held'` });
    await forgetMarks();
    expect(await reconcileMonth(db.client, job('blocked_command_rate'), MONTH)).toBe(2);
    await forgetMarks();
    expect(await reconcileMonth(db.client, job('cross_repo_org_rollup'), MONTH)).toBe(1);
    // What is in progress is not reported twice, so the other one is requested first.
    await forgetMarks();
    await reconcileMonth(db.client, job('blocked_command_rate'), MONTH);
    await db.client.command({
      query: `INSERT INTO dirty_hour_v1 SELECT 'scan', 'held', 'acme/app', toDateTime('2026-11-20 10:00:00', 'UTC'), now64(3)`,
    });
    await tick();
    expect(await total('held')).toEqual([{ total: 4 }]);
    expect(await select(`SELECT repos FROM cross_repo_org_rollup_hour WHERE org_id = 'held'`)).toEqual([{ repos: 1 }]);
  });
});

describe('deletion', () => {
  it('of a repository removes its facts, landing rows and points, and keeps all others', async () => {
    await landDecisions(db.client, [
      decision('gone', 'a', '01'),
      { ...decision('gone', 'b', '02'), repository: 'acme/kept' },
    ]);
    await landScans(db.client, [{ orgId: 'gone', eventId: 's', generatedAt: '2026-11-20T10:00:00.000Z', score: 50 }]);
    await tick();
    expect(await select(`SELECT repos FROM cross_repo_org_rollup WHERE org_id = 'gone'`)).toEqual([{ repos: 1 }]);
    await deleteFacts(db.client, { orgId: 'gone', repo: 'acme/app' });
    await tick();
    expect(await select(`SELECT repo, total FROM blocked_command_rate_hour WHERE org_id = 'gone'`)).toEqual([
      { repo: 'acme/kept', total: 1 },
    ]);
    expect(await select(`SELECT * FROM cross_repo_org_rollup_hour WHERE org_id = 'gone'`)).toEqual([]);
    expect(await select(`SELECT Repository FROM otel_traces WHERE OrgId = 'gone'`)).toEqual([
      { Repository: 'acme/kept' },
    ]);
    expect(
      await select(
        `SELECT DISTINCT repo FROM repository_activity WHERE org_id = 'gone' UNION ALL SELECT DISTINCT repo FROM dimension WHERE org_id = 'gone' UNION ALL SELECT DISTINCT repo FROM producer_version WHERE org_id = 'gone'`,
      ),
    ).toEqual(Array(3).fill({ repo: 'acme/kept' }));
  });

  it("of one token's data keeps the data of other tokens", async () => {
    const tools = () =>
      select(`SELECT value FROM dimension WHERE org_id = 'token' AND dimension = 'tool' ORDER BY value`);
    await landDecisions(db.client, [decision('token', 'mine', '01'), decision('token', 'shared', '02')]);
    await db.client.command({
      query: `INSERT INTO otel_traces (Timestamp, TraceId, SpanId, SpanName, ResourceAttributes, SpanAttributes)
        SELECT Timestamp, TraceId, concat(SpanId, '2'), SpanName, mapUpdate(ResourceAttributes, map('shieldwatch.tenant.token_id', 'bad')),
          mapUpdate(SpanAttributes, map('shieldwatch.event.id', concat(SpanAttributes['shieldwatch.event.id'], '-bad'), 'gen_ai.tool.name', if(endsWith(SpanAttributes['shieldwatch.event.id'], 'mine'), 'Leaked', 'Bash')))
        FROM otel_traces WHERE OrgId = 'token'`,
    });
    await tick();
    expect(await total('token')).toEqual([{ total: 4 }]);
    expect(await tools()).toEqual([{ value: 'Bash' }, { value: 'Leaked' }]);
    await deleteFacts(db.client, { orgId: 'token', tokenId: 'bad' });
    await tick();
    expect(await total('token')).toEqual([{ total: 2 }]);
    expect(await tools()).toEqual([{ value: 'Bash' }]);
    expect(await select(`SELECT count() AS n FROM otel_traces WHERE OrgId = 'token'`)).toEqual([{ n: 2 }]);
  });
});

describe('workers', () => {
  it('split all organisations among them, each exactly once', async () => {
    const orgs = Array.from({ length: 20 }, (_, i) => `split${i}`);
    await landDecisions(
      db.client,
      orgs.map((orgId) => decision(orgId, 'a', '01')),
    );
    const versions = async () =>
      (await select(`SELECT org_id FROM blocked_command_rate_hour WHERE startsWith(org_id, 'split')`)).length;
    const shard = (index: number) =>
      createRollupWorker({
        clickhouse: db.client,
        settleMs: 0,
        jobs: [job('blocked_command_rate')],
        shard: { index, count: 3 },
      });
    const counts: number[] = [];
    for (const index of [0, 1, 2]) {
      await shard(index).tick();
      counts.push(await versions());
    }
    expect(counts[0]).toBeGreaterThan(0);
    expect(counts[1]).toBeGreaterThan(counts[0] ?? 0);
    expect(counts[2]).toBe(20);
  });

  it('record their lag and cost', async () => {
    const [before] = (await select(`SELECT count() AS n FROM rollup_run`)) as { n: number }[];
    await landDecisions(db.client, [decision('cost', 'a', '01')]);
    await tick([job('blocked_command_rate')]);
    const runs = (await select(
      `SELECT series, cause, buckets, lag_ms FROM rollup_run ORDER BY finished_at DESC LIMIT 1`,
    )) as Record<string, number>[];
    expect(runs).toMatchObject([{ series: 'blocked_command_rate', cause: 'mark' }]);
    expect(runs[0]?.['buckets']).toBeGreaterThan(0);
    expect(runs[0]?.['lag_ms']).toBeGreaterThan(0);
    expect(runs[0]?.['lag_ms']).toBeLessThan(60_000);
    expect(((await select(`SELECT count() AS n FROM rollup_run`)) as { n: number }[])[0]?.n).toBeGreaterThan(
      before?.n ?? 0,
    );
    expect(((await select(`SELECT sum(runs) AS n FROM rollup_cost_week`)) as { n: number }[])[0]?.n).toBeGreaterThan(
      before?.n ?? 0,
    );
  });

  it('leave hours unchanged that are older than the facts', async () => {
    await db.client.command({
      query: `INSERT INTO dirty_hour_v1 SELECT 'runtime_event', 'frozen', 'acme/app', toStartOfHour(now() - toIntervalDay(731)), now64(3)`,
    });
    await tick();
    expect(await select(`SELECT * FROM blocked_command_rate_v1 WHERE org_id = 'frozen'`)).toEqual([]);
  });
});
