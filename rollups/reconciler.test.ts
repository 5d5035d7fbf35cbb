import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { selectRows } from '#schemas/clickhouse/client.js';
import { freshDatabase, type TestDatabase } from '#schemas/clickhouse/testing.js';
import { landDecisions } from './landing-rows.fixture.js';
import { startReconciler } from './reconciler.js';
import { createRollupWorker } from './worker.js';

let db: TestDatabase;
beforeAll(async () => {
  db = await freshDatabase(inject('clickhouseUrl'));
});
afterAll(() => db.drop());

describe('the reconciler', () => {
  it('mends what a view did not make, and the series follows', async () => {
    const views = await selectRows<{ sql: string }>(db.client, `SELECT create_table_query AS sql FROM system.tables WHERE database = currentDatabase() AND name = 'runtime_event_mv_v1'`);
    await db.client.command({ query: 'DROP TABLE runtime_event_mv_v1' });
    const timestamp = new Date().toISOString();
    await landDecisions(db.client, [1, 2, 3].map((i) => ({ eventId: `lost-${i}`, timestamp, tool: 'Bash', decision: 'block' as const })));
    await db.client.command({ query: views[0]?.sql ?? '' });

    let stop: Promise<void> | undefined;
    const mended = await new Promise<number>((resolve, reject) => {
      const reconciler = startReconciler({
        clickhouse: db.client,
        intervalMs: 10,
        onMended: (facts) => {
          stop = reconciler.stop();
          resolve(facts);
        },
        onStale: () => undefined,
        onError: reject,
      });
    });
    await stop;
    expect(mended).toBe(3);
    await createRollupWorker({ clickhouse: db.client, settleMs: 0 }).tick();
    expect(await selectRows(db.client, 'SELECT sum(blocked) AS blocked FROM blocked_command_rate_hour')).toEqual([{ blocked: 3 }]);
  });
});
