import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { selectRows } from '#schemas/clickhouse/client.js';
import { freshDatabase, type TestDatabase } from '#schemas/testing/clickhouse.js';
import { landDecisions } from './testing/landing-rows.js';
import { startReconciler } from './reconciler.js';
import { createRollupWorker } from './worker.js';

let db: TestDatabase;
beforeAll(async () => {
  db = await freshDatabase(inject('clickhouseUrl'));
});
afterAll(() => db.drop());

describe('the reconciler', () => {
  it('makes facts that a view missed, and the series follows', async () => {
    const views = await selectRows<{ sql: string }>(
      db.client,
      `SELECT create_table_query AS sql FROM system.tables WHERE database = currentDatabase() AND name = 'runtime_event_mv_v1'`,
    );
    await db.client.command({ query: 'DROP TABLE runtime_event_mv_v1' });
    const timestamp = new Date().toISOString();
    await landDecisions(
      db.client,
      [1, 2, 3].map((i) => ({ eventId: `lost-${i}`, timestamp, tool: 'Bash', decision: 'block' as const })),
    );
    await db.client.command({ query: views[0]?.sql ?? '' });

    let stop: Promise<void> | undefined;
    const created = await new Promise<number>((resolve, reject) => {
      const reconciler = startReconciler({
        clickhouse: db.client,
        intervalMs: 10,
        onFactsCreated: (facts) => {
          stop = reconciler.stop();
          resolve(facts);
        },
        onStale: () => undefined,
        onError: (what, error) => {
          reject(new Error(what, { cause: error }));
        },
      });
    });
    await stop;
    expect(created).toBe(3);
    await createRollupWorker({ clickhouse: db.client, settleMs: 0 }).tick();
    expect(await selectRows(db.client, 'SELECT sum(blocked) AS blocked FROM blocked_command_rate_hour')).toEqual([
      { blocked: 3 },
    ]);
  });

  it('compares series with facts once a night, and has differing buckets recomputed', async () => {
    const hour = new Date(Math.floor(Date.now() / 3_600_000 - 48) * 3_600_000).toISOString();
    await landDecisions(db.client, [
      { orgId: 'night', eventId: 'n', timestamp: hour, tool: 'Bash', decision: 'block' },
    ]);
    const rate = () => selectRows(db.client, `SELECT blocked FROM blocked_command_rate_hour WHERE org_id = 'night'`);
    const pass = () => createRollupWorker({ clickhouse: db.client, settleMs: 0 }).tick();
    await pass();
    expect(await rate()).toEqual([{ blocked: 1 }]);
    // As after data loss on disk: the bucket is missing, and its mark is too old for any worker.
    const lose = async (): Promise<void> => {
      for (const table of ['blocked_command_rate_v1', 'blocked_command_rate_day_v1'])
        await db.client.command({ query: `DELETE FROM ${table} WHERE org_id = 'night'` });
      await db.client.command({ query: `DELETE FROM dirty_hour_v1 WHERE org_id = 'night'` });
    };
    await lose();
    expect(await rate()).toEqual([]);

    let now = Date.now();
    let passes = 0;
    const found: number[] = [];
    const reconciler = startReconciler({
      clickhouse: db.client,
      intervalMs: 10,
      clock: () => {
        passes += 1;
        return now;
      },
      onFactsCreated: () => undefined,
      onStale: (buckets) => {
        found.push(buckets);
      },
      onError: (what, error) => {
        throw new Error(what, { cause: error });
      },
    });
    await expect.poll(() => found.length).toBe(1);
    await pass();
    expect(await rate()).toEqual([{ blocked: 1 }]);

    // Lost again the same day: the hourly passes skip the series, the next nightly pass does not.
    await lose();
    const before = passes;
    await expect.poll(() => passes).toBeGreaterThan(before + 4);
    expect(found).toHaveLength(1);
    now += 24 * 3_600_000;
    await expect.poll(() => found.length).toBe(2);
    await reconciler.stop();
    await pass();
    expect(await rate()).toEqual([{ blocked: 1 }]);
  });
});
