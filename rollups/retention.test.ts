import { afterAll, beforeAll, expect, inject, it } from 'vitest';
import { selectRows } from '#schemas/clickhouse/client.js';
import { landingDays, reconcileFacts } from '#schemas/clickhouse/facts.js';
import { freshDatabase, type TestDatabase } from '#schemas/testing/clickhouse.js';
import { landDecisions, landScans } from './testing/landing-rows.js';
import { createRollupWorker } from './worker.js';

let db: TestDatabase;
beforeAll(async () => {
  db = await freshDatabase(inject('clickhouseUrl'));
});
afterAll(() => db.drop());

const points = async (): Promise<unknown> => ({
  rate: await selectRows(
    db.client,
    `SELECT repo, bucket_start, tool, rule_category, allowed, blocked FROM blocked_command_rate_hour WHERE org_id = 'kept' ORDER BY ALL`,
  ),
  score: await selectRows(
    db.client,
    `SELECT repo, bucket_start, scans, score_last, score_min, score_max FROM score_trend_hour WHERE org_id = 'kept' ORDER BY ALL`,
  ),
});

it('no point changes when landing expires, nor when its hour is recomputed afterwards', async () => {
  const at = (minute: number): string => `2026-11-20T10:${String(minute).padStart(2, '0')}:00.000Z`;
  await landDecisions(
    db.client,
    Array.from({ length: 20 }, (_, i) => ({
      orgId: 'kept',
      eventId: `k${i}`,
      timestamp: at(i),
      tool: 'Bash',
      decision: i % 4 === 0 ? ('block' as const) : ('allow' as const),
    })),
  );
  await landScans(
    db.client,
    [70, 40].map((score, i) => ({ orgId: 'kept', eventId: `s${i}`, generatedAt: at(30 + i), score })),
  );
  await createRollupWorker({ clickhouse: db.client, settleMs: 0 }).tick();
  const before = await points();
  expect(before).toMatchObject({
    rate: [{ allowed: 15, blocked: 5 }],
    score: [{ scans: 2, score_last: 40, score_max: 70 }],
  });

  // 91 days later, for every landing table.
  for (const table of ['otel_traces', 'otel_logs']) {
    await db.client.command({ query: `ALTER TABLE ${table} MODIFY TTL ExpiresAt - toIntervalDay(91)` });
    await expect
      .poll(async () => {
        // Does nothing while the engine runs a merge of its own.
        await db.client.command({ query: `OPTIMIZE TABLE ${table} FINAL` });
        return selectRows(db.client, `SELECT count() AS n FROM ${table}`);
      })
      .toEqual([{ n: 0 }]);
  }
  for (const day of await landingDays(db.client)) await reconcileFacts(db.client, day);
  for (const fact of ['runtime_event', 'scan']) {
    await db.client.command({
      query: `INSERT INTO dirty_hour_v1 SELECT '${fact}', 'kept', 'acme/app', toDateTime('2026-11-20 10:00:00', 'UTC'), now64(3)`,
    });
  }
  await createRollupWorker({ clickhouse: db.client, settleMs: 0 }).tick();
  expect(await points()).toEqual(before);
});
