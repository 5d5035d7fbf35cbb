import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { selectRows, type ClickHouseClient } from '../clickhouse/client.js';
import { packageRoot } from '../root.js';

/** Row of a table or view as JSON; aggregate states are hexadecimal. */
export type Row = Record<string, unknown>;

/** Reads an export of the stores at the baseline: a line `{"of": relation, "row": {...}}` for each row. Returns the rows by relation. */
export function readBaseline(file: string): Map<string, Row[]> {
  const rows = new Map<string, Row[]>();
  const text = readFileSync(join(packageRoot(), 'schemas/testing/baseline', file), 'utf8');
  for (const line of text.trim().split('\n')) {
    const { of, row } = JSON.parse(line) as { of: string; row: Row };
    rows.set(of, [...(rows.get(of) ?? []), row]);
  }
  return rows;
}

/** Returns whether a column holds states of an aggregate function, which are binary. */
const isState = (type: string): boolean => type.startsWith('AggregateFunction(');
const quoted = (text: string): string => `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`;

/** Returns the types of a table's or view's columns, by name. */
export async function columnTypes(client: ClickHouseClient, relation: string): Promise<Map<string, string>> {
  const columns = await selectRows<{ name: string; type: string }>(
    client,
    'SELECT name, type FROM system.columns WHERE database = currentDatabase() AND table = {relation:String} ORDER BY position',
    { relation },
  );
  return new Map(columns.map(({ name, type }) => [name, type]));
}

/** Returns the named columns of all rows of a table or view, deduplicated and sorted. */
export async function rowsOf(client: ClickHouseClient, relation: string, columns: readonly string[]): Promise<Row[]> {
  const types = await columnTypes(client, relation);
  const [table] = await selectRows<{ engine: string }>(
    client,
    'SELECT engine FROM system.tables WHERE database = currentDatabase() AND name = {relation:String}',
    { relation },
  );
  const list = columns.map((name) =>
    isState(types.get(name) ?? '') ? `hex(\`${name}\`) AS \`${name}\`` : `\`${name}\``,
  );
  const final = /^(Replacing|Aggregating)MergeTree$/.test(table?.engine ?? '') ? ' FINAL' : '';
  return selectRows<Row>(client, `SELECT ${list.join(', ')} FROM ${relation}${final} ORDER BY ALL`);
}

/**
 * Imports rows into a table unchanged: they pass no materialized view, MATERIALIZED columns keep their values, and merges
 * are stopped, so that no TTL removes a row.
 */
export async function importRows(client: ClickHouseClient, table: string, rows: readonly Row[]): Promise<void> {
  const types = await columnTypes(client, table);
  const names = Object.keys(rows[0] ?? {});
  const read = names.map(
    (name) => `\`${name}\` ${isState(types.get(name) ?? '') ? 'String' : (types.get(name) ?? '')}`,
  );
  const values = names.map((name) => {
    const type = types.get(name) ?? '';
    return isState(type) ? `CAST(unhex(\`${name}\`), ${quoted(type)})` : `\`${name}\``;
  });
  const run = (query: string): Promise<unknown> =>
    client.command({
      query,
      clickhouse_settings: { insert_allow_materialized_columns: true } as Record<string, boolean>,
    });
  const json = rows.map((row) => JSON.stringify(row)).join('\n');
  const waiting = `import_${table}`;
  await run(`SYSTEM STOP MERGES ${table}`);
  await run(`CREATE TABLE ${waiting} AS ${table}`);
  await run(`SYSTEM STOP MERGES ${waiting}`);
  await run(
    `INSERT INTO ${waiting} (${names.map((name) => `\`${name}\``).join(', ')}) SELECT ${values.join(', ')}
     FROM format(JSONEachRow, ${quoted(read.join(', '))}, ${quoted(json)})`,
  );
  await run(`ALTER TABLE ${table} ATTACH PARTITION ALL FROM ${waiting}`);
  await run(`DROP TABLE ${waiting} SYNC`);
}
