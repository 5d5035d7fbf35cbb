import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { selectRows } from './client.js';
import { FACTS, landingDays, reconcileFacts, type Fact } from './facts.js';
import { rebuildFacts } from './rebuild.js';
import { migrateClickHouse } from './migrate.js';
import { freshDatabase, type TestDatabase } from '../testing/clickhouse.js';

const url = inject('clickhouseUrl');
let db: TestDatabase;
beforeAll(async () => {
  db = await freshDatabase(url);
});
afterAll(() => db.drop());

const ResourceAttributes = { 'shieldwatch.tenant.org_id': 'o', 'vcs.repository.name': 'app' };

/** Ten decisions, one of them twice, and one that belongs in quarantine. */
async function land(): Promise<void> {
  const rows = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 9, 10].map((i) => ({
    Timestamp: `2026-11-20 10:00:0${i % 10}`,
    TraceId: 't',
    SpanId: String(i),
    SpanName: 'agentshield.pre_tool_use',
    ResourceAttributes,
    SpanAttributes: {
      'shieldwatch.event.id': `e${i}`,
      'agentshield.decision.action': i === 10 ? 'shrug' : 'block',
      'gen_ai.tool.name': 'Bash',
    },
  }));
  await db.client.insert({ table: 'otel_traces', values: rows, format: 'JSONEachRow' });
}

const count = async (table: string): Promise<number> =>
  (await selectRows<{ n: number }>(db.client, `SELECT count() AS n FROM ${table}`))[0]?.n ?? -1;

describe('facts', () => {
  it('has an entry for every view that reads landing', async () => {
    const views = await selectRows<{ name: string; landing: string }>(
      db.client,
      `SELECT name, extract(as_select, 'FROM [a-z0-9_]+\\\\.(otel_[a-z]+)') AS landing FROM system.tables
       WHERE database = currentDatabase() AND name LIKE '%\\\\_in\\\\_mv\\\\_v1' ORDER BY name`,
    );
    expect(Object.fromEntries(views.map(({ name, landing }) => [name, landing]))).toEqual(
      Object.fromEntries(
        Object.values(FACTS)
          .flat()
          .map(({ view, landing }) => [view, landing]),
      ),
    );
  });

  it('missed by a failed view are found, made, and marked for the rollups', async () => {
    await db.client.command({ query: 'DROP TABLE runtime_event_in_mv_v1' });
    await land();
    // What the applier would do on the next start: the view is back, the facts are not.
    await db.client.command({
      query: 'ALTER TABLE schema_migration DELETE WHERE version >= 5 SETTINGS mutations_sync = 1',
    });
    await migrateClickHouse({ url, database: db.database });
    expect(await count('runtime_event')).toBe(0);

    const missing = new Map<Fact, number>();
    for (const day of await landingDays(db.client)) missing.set(day.fact, await reconcileFacts(db.client, day));
    expect(Object.fromEntries(missing)).toEqual({
      scan: 0,
      runtime_event: 10,
      drift_event: 0,
      drill_event: 0,
      agent_event: 0,
    });
    expect(await count('runtime_event')).toBe(10);
    expect(await count('dirty_hour_v1')).toBe(1);
    for (const day of await landingDays(db.client)) expect(await reconcileFacts(db.client, day)).toBe(0);
  });

  it('rebuilt from landing are equal and counted once, quarantine included', async () => {
    for (const day of await landingDays(db.client)) await rebuildFacts(db.client, day);
    for (const day of await landingDays(db.client)) await rebuildFacts(db.client, day);
    expect(await count('runtime_event')).toBe(10);
    expect(await count('quarantine')).toBe(1);
  });

  it('outlive their landing rows', async () => {
    // 91 days later.
    await db.client.command({ query: 'ALTER TABLE otel_traces MODIFY TTL ExpiresAt - toIntervalDay(91)' });
    await expect
      .poll(async () => {
        // Does nothing while a merge of the engine's own is under way.
        await db.client.command({ query: 'OPTIMIZE TABLE otel_traces FINAL' });
        return count('otel_traces');
      })
      .toBe(0);
    for (const day of await landingDays(db.client)) await reconcileFacts(db.client, day);
    expect(await count('runtime_event')).toBe(10);
  });

  it('take the retention of landing from the organisation, 90 days unless it says otherwise', async () => {
    await db.client.insert({
      table: 'otel_logs',
      values: ['7', '', 'nonsense', '0'].map((days) => ({
        Timestamp: '2026-11-20 10:00:00',
        Body: days,
        ResourceAttributes: { ...ResourceAttributes, 'shieldwatch.tenant.retention_days': days },
      })),
      format: 'JSONEachRow',
    });
    expect(
      await selectRows(
        db.client,
        `SELECT Body AS asked, dateDiff('day', IngestedAt, ExpiresAt) AS days FROM otel_logs ORDER BY Body`,
      ),
    ).toEqual([
      { asked: '', days: 90 },
      { asked: '0', days: 90 },
      { asked: '7', days: 7 },
      { asked: 'nonsense', days: 90 },
    ]);
  });
});
