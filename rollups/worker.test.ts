import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { selectRows } from '#schemas/clickhouse/client.js';
import { explainPoint } from '#schemas/clickhouse/explain.js';
import { freshDatabase, type TestDatabase } from '#schemas/testing/clickhouse.js';
import { landDecisions, landScans, type DecisionFixture } from './testing/landing-rows.js';
import { rollupJobs } from './jobs.js';
import { createRollupWorker } from './worker.js';

let db: TestDatabase;
beforeAll(async () => {
  db = await freshDatabase(inject('clickhouseUrl'));
});
afterAll(() => db.drop());

/** A worker that treats each pass as final: every mark counts as settled. */
const worker = () => createRollupWorker({ clickhouse: db.client, settleMs: 0 });

const rate = (orgId: string, view = 'blocked_command_rate_hour') =>
  selectRows(
    db.client,
    `SELECT repo, toString(bucket_start) AS bucket, tool, rule_category AS category, allowed, blocked, asked, total
     FROM ${view} WHERE org_id = {orgId:String} ORDER BY repo, bucket, tool, category`,
    { orgId },
  );

describe('blocked_command_rate', () => {
  it('counts each decision once, by hour and day', async () => {
    const hour = '2026-11-20T10';
    const decisions: DecisionFixture[] = [
      { orgId: 'hand', eventId: 'a', timestamp: `${hour}:01:00.000Z`, tool: 'Bash', decision: 'allow' },
      {
        orgId: 'hand',
        eventId: 'b',
        timestamp: `${hour}:02:00.000Z`,
        tool: 'Bash',
        decision: 'block',
        ruleCategory: 'destructive',
      },
      {
        orgId: 'hand',
        eventId: 'c',
        timestamp: `${hour}:03:00.000Z`,
        tool: 'Bash',
        decision: 'block',
        ruleCategory: 'destructive',
      },
      { orgId: 'hand', eventId: 'd', timestamp: '2026-11-20T11:00:00.000Z', tool: 'Bash', decision: 'allow' },
    ];
    await landDecisions(db.client, decisions);
    await worker().tick();
    // Again, in another order and split: the retry of a batch whose answer was lost.
    await landDecisions(db.client, [...decisions].reverse().slice(0, 3));
    await landDecisions(db.client, decisions.slice(0, 2));
    await worker().tick();
    // 10:00 has 1 allowed and 2 blocked, 11:00 has 1 allowed; the day adds up to 2 allowed, 2 blocked.
    const row = { repo: 'acme/app', tool: 'Bash' };
    expect(await rate('hand')).toEqual([
      { ...row, bucket: '2026-11-20 10:00:00', category: '', allowed: 1, blocked: 0, asked: 0, total: 1 },
      { ...row, bucket: '2026-11-20 10:00:00', category: 'destructive', allowed: 0, blocked: 2, asked: 0, total: 2 },
      { ...row, bucket: '2026-11-20 11:00:00', category: '', allowed: 1, blocked: 0, asked: 0, total: 1 },
    ]);
    expect(await rate('hand', 'blocked_command_rate_day')).toEqual([
      { ...row, bucket: '2026-11-20 00:00:00', category: '', allowed: 2, blocked: 0, asked: 0, total: 2 },
      { ...row, bucket: '2026-11-20 00:00:00', category: 'destructive', allowed: 0, blocked: 2, asked: 0, total: 2 },
    ]);
  });

  it('counts an event in the last second of an hour that arrives by itself', async () => {
    await landDecisions(db.client, [
      { orgId: 'second', eventId: 'a', timestamp: '2026-11-20T10:59:59.900Z', tool: 'Bash', decision: 'allow' },
    ]);
    await landScans(db.client, [{ orgId: 'second', eventId: 's', generatedAt: '2026-11-20T10:59:59.900Z', score: 50 }]);
    await worker().tick();
    expect(await rate('second')).toMatchObject([{ bucket: '2026-11-20 10:00:00', total: 1 }]);
    expect(await selectRows(db.client, `SELECT scans FROM score_trend_hour WHERE org_id = 'second'`)).toEqual([
      { scans: 1 },
    ]);
    const point = {
      orgId: 'second',
      series: 'coverage',
      repo: 'acme/app',
      at: Date.UTC(2026, 10, 20, 10) / 1_000,
      grain: 'hour',
    } as const;
    expect((await explainPoint(db.client, point)).facts).toMatchObject([
      { fact: 'scan', count: 1 },
      { fact: 'runtime_event', count: 1 },
      {},
      {},
    ]);
  });

  it('recomputes only the buckets that changed', async () => {
    const at = (hour: number): string => `2026-11-19T${String(hour).padStart(2, '0')}:30:00.000Z`;
    await landDecisions(
      db.client,
      Array.from({ length: 5 }, (_, i) => ({
        orgId: 'few',
        eventId: `f${i}`,
        timestamp: at(i),
        tool: 'Read',
        decision: 'allow' as const,
      })),
    );
    const ours = worker();
    await ours.tick();
    const versions = () =>
      selectRows<{ bucket: string; version: string }>(
        db.client,
        `SELECT toString(bucket_start) AS bucket, toString(max(version)) AS version FROM blocked_command_rate_v1 WHERE org_id = 'few' GROUP BY bucket ORDER BY bucket`,
      );
    const before = await versions();
    await landDecisions(db.client, [
      { orgId: 'few', eventId: 'late', timestamp: at(3), tool: 'Read', decision: 'block' },
    ]);
    expect(await ours.tick()).toMatchObject({ blocked_command_rate: 1, score_trend: 0 });
    const after = await versions();
    expect(after.filter((row, i) => row.version !== before[i]?.version).map((row) => row.bucket)).toEqual([
      '2026-11-19 03:00:00',
    ]);
    expect(Object.values(await ours.tick())).toEqual(rollupJobs().map(() => 0));
  });

  it('removes a group when its facts are deleted', async () => {
    const timestamp = '2026-11-18T05:00:00.000Z';
    await landDecisions(db.client, [
      { orgId: 'gone', eventId: 'x', timestamp, tool: 'Bash', decision: 'allow' },
      { orgId: 'gone', eventId: 'y', timestamp, tool: 'Read', decision: 'allow' },
    ]);
    await worker().tick();
    await db.client.command({ query: `DELETE FROM runtime_event_v1 WHERE org_id = 'gone' AND tool = 'Bash'` });
    await db.client.command({
      query: `INSERT INTO dirty_hour_v1 SELECT 'runtime_event', 'gone', 'acme/app', toDateTime('2026-11-18 05:00:00', 'UTC'), now64(3)`,
    });
    await worker().tick();
    expect(await rate('gone')).toMatchObject([{ tool: 'Read', total: 1 }]);
  });

  it('recomputes a bucket when its mark is settled', async () => {
    await landDecisions(db.client, [
      { orgId: 'age', eventId: 'x', timestamp: '2026-11-18T06:00:00.000Z', tool: 'Bash', decision: 'allow' },
    ]);
    const patient = createRollupWorker({ clickhouse: db.client, settleMs: 3_600_000 });
    expect((await patient.tick())['blocked_command_rate']).toBeGreaterThan(0);
    expect((await patient.tick())['blocked_command_rate']).toBe(0);
    // A worker without memory of the first pass does it again.
    expect(
      (await createRollupWorker({ clickhouse: db.client, settleMs: 3_600_000 }).tick())['blocked_command_rate'],
    ).toBeGreaterThan(0);
  });
});

describe('score_trend', () => {
  it('keeps the last score by report time, range and mean, and ignores scans of no file', async () => {
    await landScans(db.client, [
      { orgId: 'score', eventId: 's3', generatedAt: '2026-11-20T10:40:00.000Z', score: 66, grade: 'C' },
      { orgId: 'score', eventId: 's1', generatedAt: '2026-11-20T10:10:00.000Z', score: 94, grade: 'A' },
      { orgId: 'score', eventId: 's2', generatedAt: '2026-11-20T10:20:00.000Z', score: 41, grade: 'D' },
      {
        orgId: 'score',
        eventId: 's0',
        generatedAt: '2026-11-20T10:50:00.000Z',
        score: 100,
        grade: 'A',
        filesScanned: 0,
      },
      {
        orgId: 'score',
        eventId: 's4',
        generatedAt: '2026-11-20T12:00:00.000Z',
        score: 100,
        grade: 'A',
        filesScanned: 0,
      },
    ]);
    await landScans(db.client, [
      { orgId: 'score', eventId: 's2', generatedAt: '2026-11-20T10:20:00.000Z', score: 41, grade: 'D' },
    ]);
    await worker().tick();
    const columns = 'scans, empty_scans, score_last, grade_last, score_min, score_max, score_mean';
    const rows = (view: string) =>
      selectRows(
        db.client,
        `SELECT toString(bucket_start) AS bucket, ${columns} FROM ${view} WHERE org_id = 'score' ORDER BY bucket`,
      );
    // 10:00: 94, 41, 66 in that order, so last 66, mean (94 + 41 + 66) / 3 = 67; 12:00: a scan of 0 files.
    const scored = { scans: 3, score_last: 66, grade_last: 'C', score_min: 41, score_max: 94, score_mean: 67 };
    const none = { scans: 0, score_last: null, grade_last: '', score_min: null, score_max: null, score_mean: null };
    expect(await rows('score_trend_hour')).toEqual([
      { bucket: '2026-11-20 10:00:00', ...scored, empty_scans: 1 },
      { bucket: '2026-11-20 12:00:00', ...none, empty_scans: 1 },
    ]);
    expect(await rows('score_trend_day')).toEqual([{ bucket: '2026-11-20 00:00:00', ...scored, empty_scans: 2 }]);
  });

  it('has the breakdown of the last score, and none when the last scan had none', async () => {
    const breakdown = { secrets: 90, permissions: 0, hooks: 70, mcp: 60, agents: 50 };
    await landScans(db.client, [
      { orgId: 'parts', eventId: 'b1', generatedAt: '2026-11-20T10:10:00.000Z', score: 54, breakdown },
      { orgId: 'parts', eventId: 'b2', generatedAt: '2026-11-20T10:20:00.000Z', score: 60, breakdown: undefined },
      { orgId: 'parts', eventId: 'b3', generatedAt: '2026-11-20T11:10:00.000Z', score: 54, breakdown },
      { orgId: 'parts', eventId: 'b4', generatedAt: '2026-11-21T10:10:00.000Z', score: 60, breakdown: undefined },
    ]);
    await worker().tick();
    const rows = (view: string) =>
      selectRows(
        db.client,
        `SELECT score_last AS score, score_secrets_last AS secrets, score_permissions_last AS permissions FROM ${view} WHERE org_id = 'parts' ORDER BY bucket_start`,
      );
    const [reported, unreported] = [
      { score: 54, secrets: 90, permissions: 0 },
      { score: 60, secrets: null, permissions: null },
    ];
    expect(await rows('score_trend_hour')).toEqual([unreported, reported, unreported]);
    expect(await rows('score_trend_day')).toEqual([reported, unreported]);
    // The week's last scan reported none, though an earlier one did.
    expect(await rows('score_trend_week')).toEqual([unreported]);
  });

  it('separates scores of different severity floors and producer versions', async () => {
    const generatedAt = '2026-11-21T10:00:00.000Z';
    await landScans(db.client, [
      { orgId: 'apart', eventId: 'p1', generatedAt, score: 3 },
      { orgId: 'apart', eventId: 'p2', generatedAt, score: 15, minSeverity: 'critical' },
      { orgId: 'apart', eventId: 'p3', generatedAt, score: 9, agentshieldVersion: '1.7.0' },
    ]);
    await worker().tick();
    expect(
      await selectRows(
        db.client,
        `SELECT min_severity, producer_version, score_last FROM score_trend_hour WHERE org_id = 'apart' ORDER BY score_last`,
      ),
    ).toEqual([
      { min_severity: 'info', producer_version: '1.6.0', score_last: 3 },
      { min_severity: 'info', producer_version: '1.7.0', score_last: 9 },
      { min_severity: 'critical', producer_version: '1.6.0', score_last: 15 },
    ]);
  });
});
