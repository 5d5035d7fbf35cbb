import { createHash } from 'node:crypto';
import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { selectRows, type ClickHouseClient } from '../clickhouse/client.js';
import { TEMPLATES_VARIABLE } from './templates.js';

/** Set by a test run to the address of the store that its suites share; its databases are migrated once and used again. */
export const SHARED_STORE_VARIABLE = 'SHIELDWATCH_TEST_STORE';

/** What a migrated database is before anything was done to it. */
interface Untouched {
  /** Of every table's and view's definition. */
  readonly catalog: string;
  /** Of the rows that migrations make, by table. */
  readonly rows: Readonly<Record<string, string>>;
}

/** Takes a migrated, empty database of the shared store that no suite uses now; undefined: there is none. */
export async function takeDatabase(url: string): Promise<string | undefined> {
  const folder = await poolOf(url);
  if (folder === undefined) return undefined;
  for (const file of await readdir(folder)) {
    if (!file.endsWith('.free')) continue;
    const database = file.slice(0, -'.free'.length);
    // Of two who try at once one succeeds.
    const isOurs = await rename(join(folder, file), join(folder, `${database}.used`)).then(
      () => true,
      () => false,
    );
    if (isOurs) return database;
  }
  return undefined;
}

/** Remembers what a database is that was just migrated, so that {@link giveBackDatabase} can tell whether it is so again. */
export async function rememberDatabase(url: string, database: string, client: ClickHouseClient): Promise<void> {
  const folder = await poolOf(url);
  if (folder === undefined) return;
  await writeFile(join(folder, `${database}.used`), JSON.stringify(await stateOf(client, await filledTables(client))));
}

/**
 * Empties a database and offers it to the next suite.
 *
 * @returns false where it is not what it was: a definition or a row of the migrations differs, or something still runs.
 */
export async function giveBackDatabase(url: string, database: string, client: ClickHouseClient): Promise<boolean> {
  const folder = await poolOf(url);
  if (folder === undefined) return false;
  const note = join(folder, `${database}.used`);
  const before = JSON.parse(await readFile(note, 'utf8')) as Untouched;
  for (const name of await filledTables(client))
    if (!(name in before.rows))
      await client.command({ query: 'TRUNCATE TABLE {name:Identifier} SYNC', query_params: { name } });
  const running = await selectRows(
    client,
    'SELECT 1 FROM system.mutations WHERE database = currentDatabase() AND NOT is_done LIMIT 1',
  );
  const now = await stateOf(client, await filledTables(client));
  if (running.length > 0 || JSON.stringify(now) !== JSON.stringify(before)) {
    await rm(note);
    return false;
  }
  await rename(note, join(folder, `${database}.free`));
  return true;
}

async function poolOf(url: string): Promise<string | undefined> {
  const folder = process.env[TEMPLATES_VARIABLE];
  if (folder === undefined || url !== process.env[SHARED_STORE_VARIABLE]) return undefined;
  const pool = join(folder, 'databases');
  await mkdir(pool, { recursive: true });
  return pool;
}

async function filledTables(client: ClickHouseClient): Promise<string[]> {
  const tables = await selectRows<{ name: string }>(
    client,
    `SELECT name FROM system.tables WHERE database = currentDatabase() AND engine LIKE '%MergeTree' AND total_rows > 0 ORDER BY name`,
  );
  return tables.map(({ name }) => name);
}

async function stateOf(client: ClickHouseClient, filled: readonly string[]): Promise<Untouched> {
  const catalog = await selectRows(
    client,
    'SELECT name, create_table_query FROM system.tables WHERE database = currentDatabase() ORDER BY name',
  );
  const rows: Record<string, string> = {};
  for (const name of filled)
    rows[name] = hash(
      await selectRows(
        client,
        'SELECT groupArray(row) AS rows FROM (SELECT toString(tuple(*)) AS row FROM {name:Identifier} ORDER BY row)',
        { name },
      ),
    );
  return { catalog: hash(catalog), rows };
}

const hash = (value: unknown): string => createHash('sha256').update(JSON.stringify(value)).digest('hex');
