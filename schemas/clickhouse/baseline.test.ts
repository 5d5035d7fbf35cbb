import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { importRows, readBaseline, rowsOf, type Row } from '../testing/baseline.js';
import { createClickHouse, selectRows, type ClickHouseClient } from './client.js';
import { clickhouseMigrations, migrateClickHouse } from './migrate.js';

/** Number of migrations of the baseline. */
const BASELINE = 22;

const url = inject('clickhouseUrl');
const database = `test_${randomUUID().replaceAll('-', '').slice(0, 12)}`;
const rows = readBaseline('clickhouse.ndjson');
let client: ClickHouseClient;
beforeAll(async () => {
  client = createClickHouse({ url, database });
  const migrations = await clickhouseMigrations();
  await migrateClickHouse({ url, database }, migrations.slice(0, BASELINE));
  const tables = await selectRows<{ name: string }>(
    client,
    `SELECT name FROM system.tables WHERE database = currentDatabase() AND engine LIKE '%MergeTree' AND name != 'schema_migration' ORDER BY name`,
  );
  expect(
    tables.map(({ name }) => name),
    'the export has rows of every table',
  ).toEqual([...rows.keys()].sort());
  for (const [table, its] of rows) await importRows(client, table, its);
  await migrateClickHouse({ url, database });
});
afterAll(async () => {
  await client.command({ query: 'DROP DATABASE {database:Identifier}', query_params: { database } });
  await client.close();
});

/** Reads each relation of the export from the upgraded store, with the columns that the export has. */
async function shown(relations: ReadonlyMap<string, readonly Row[]>): Promise<Record<string, Row[]>> {
  const found: Record<string, Row[]> = {};
  for (const [relation, [first = {}]] of relations)
    found[relation] = await rowsOf(client, relation, Object.keys(first));
  return found;
}

/** Values that a later migration changes on purpose: relation, column, value of the baseline, value after the upgrade. */
const CHANGED: readonly (readonly [relation: string, column: string, from: unknown, to: unknown])[] = [
  // 0024: a drift counts as activity of its repository.
  ['repository_activity_v1', 'first_seen', '2026-11-26T07:44:00.006Z', '2026-06-21T18:01:10.000Z'],
  ['repository_activity', 'first_seen_at', '2026-11-26T07:44:00.006Z', '2026-06-21T18:01:10.000Z'],
];

/** Returns the rows of the export as the upgraded store must have them. */
function upgraded(relations: ReadonlyMap<string, readonly Row[]>): Record<string, Row[]> {
  const valueOf = (relation: string, name: string, value: unknown): unknown =>
    CHANGED.find(([of, column, from]) => of === relation && column === name && from === value)?.[3] ?? value;
  return Object.fromEntries(
    [...relations].map(([relation, its]) => [
      relation,
      its.map((row) =>
        Object.fromEntries(Object.entries(row).map(([name, value]) => [name, valueOf(relation, name, value)])),
      ),
    ]),
  );
}

/** Columns whose arrays are sets: their order varies between two reads. */
const SETS = new Set(['by_agent', 'by_guard']);

function withSortedSets(relations: Readonly<Record<string, readonly Row[]>>): Record<string, Row[]> {
  const sorted = (name: string, value: unknown): unknown =>
    SETS.has(name) && Array.isArray(value) ? value.map(String).sort() : value;
  return Object.fromEntries(
    Object.entries(relations).map(([relation, its]) => [
      relation,
      its.map((row) => Object.fromEntries(Object.entries(row).map(([name, value]) => [name, sorted(name, value)]))),
    ]),
  );
}

describe('a ClickHouse store of the baseline, upgraded to this version', () => {
  it('keeps the rows of every table', async () => {
    expect(await shown(rows)).toEqual(upgraded(rows));
  });

  it('returns the same rows from every view that does not depend on the time', async () => {
    const series = readBaseline('clickhouse.series.ndjson');
    expect(series.size).toBeGreaterThan(50);
    expect(withSortedSets(await shown(series))).toEqual(withSortedSets(upgraded(series)));
  });

  it('accepts new telemetry and derives facts from it', async () => {
    const count = async (): Promise<number> =>
      (await selectRows<{ n: number }>(client, 'SELECT count() AS n FROM runtime_event'))[0]?.n ?? 0;
    const before = await count();
    await client.insert({
      table: 'otel_traces',
      format: 'JSONEachRow',
      values: [
        {
          Timestamp: new Date().toISOString().slice(0, 19).replace('T', ' '),
          TraceId: 'new',
          SpanId: 'new',
          SpanName: 'agentshield.pre_tool_use',
          ResourceAttributes: { 'shieldwatch.tenant.org_id': 'o', 'vcs.repository.name': 'app' },
          SpanAttributes: { 'agentshield.decision.action': 'allow', 'gen_ai.tool.name': 'Bash' },
        },
      ],
    });
    expect(await count()).toBe(before + 1);
  });
});
