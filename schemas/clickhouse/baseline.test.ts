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
    expect(await shown(rows)).toEqual(Object.fromEntries(rows));
  });

  it('returns the same rows from every view that does not depend on the time', async () => {
    const series = readBaseline('clickhouse.series.ndjson');
    expect(series.size).toBeGreaterThan(50);
    expect(withSortedSets(await shown(series))).toEqual(withSortedSets(Object.fromEntries(series)));
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
