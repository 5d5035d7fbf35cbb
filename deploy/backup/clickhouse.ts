import { createHash } from 'node:crypto';
import { hostname } from 'node:os';
import type { Readable } from 'node:stream';
import { setTimeout as pause } from 'node:timers/promises';
import { selectRows, type ClickHouseClient } from '#schemas/clickhouse/client.js';
import { LANDING } from '#schemas/clickhouse/delete.js';
import { FACTS } from '#schemas/clickhouse/facts.js';
import { CommandError } from '#schemas/errors.js';
import { MIGRATIONS_TABLE, type AppliedMigration } from '#schemas/migrations.js';
import { isAlive } from '#schemas/process-alive.js';

/** Longest statement in seconds: the embedded store allows no more. */
const STATEMENT_S = 600;

/** Milliseconds for which a snapshot waits for INSERTs that were running: longer than the store lets one run. */
const INSERT_MS = 60_000;
const POLL_MS = 50;

/** Seconds before a backup's start from which its facts are replayed: longer than any INSERT takes. */
const REPLAY_MARGIN_S = 600;

/**
 * The order in which tables are copied, so that what is copied later explains what was copied before:
 * marks up to a watermark are done in every series, or their buckets have failed; a raw record has its facts; a fact of a register is a fact; a fact has its mark.
 * Between the groups the INSERTs that were running have ended. `rest` are facts and series.
 */
const GROUPS = [
  ['rollup_watermark_v1', 'rollup_formula_v1'],
  // After watermarks, which move past a failed bucket; before series, which have its rows when it is closed.
  ['rollup_failure_v1'],
  LANDING,
  [
    'call_judgement_v1',
    'session_event_v1',
    'dimension_v1',
    'producer_version_v1',
    'repository_activity_v1',
    'quarantine_v1',
  ],
  'rest',
  ['dirty_hour_v1', 'session_hour_v1'],
] as const;

/** Facts that are inserted again after a restore, so that registers and marks know what arrived during the backup. */
const REPLAYED = [...Object.keys(FACTS), 'masking_event'];

/** A partition of the snapshot. */
export interface Partition {
  readonly table: string;
  readonly partition: string;
  readonly rows: number;
  /** Hash of the checksums of its parts; an equal one means equal rows. */
  readonly content: string;
}

/** A copy of all tables that nobody writes to; it shares the files of the tables. */
export interface Snapshot {
  readonly columns: ReadonlyMap<string, readonly string[]>;
  readonly partitions: readonly Partition[];
  /** Streams a partition in the format Native. */
  read(partition: Partition): Promise<Readable>;
  remove(): Promise<void>;
}

const command = async (
  client: ClickHouseClient,
  query: string,
  params: Record<string, unknown> = {},
): Promise<void> => {
  await client.command({ query, query_params: params, clickhouse_settings: { max_execution_time: STATEMENT_S } });
};

/** Returns the tables with rows of their own. */
async function tablesOf(client: ClickHouseClient): Promise<string[]> {
  const tables = await selectRows<{ name: string }>(
    client,
    `SELECT name FROM system.tables WHERE database = currentDatabase() AND engine LIKE '%MergeTree' AND name != '${MIGRATIONS_TABLE}' ORDER BY name`,
  );
  return tables.map(({ name }) => name);
}

interface Column {
  table: string;
  name: string;
  isComputed: boolean;
}

/** Returns the stored columns of tables, computed ones included. */
function storedColumns(client: ClickHouseClient, tables: readonly string[]): Promise<Column[]> {
  return selectRows<Column>(
    client,
    `SELECT table, name, default_kind = 'MATERIALIZED' AS isComputed FROM system.columns
     WHERE database = currentDatabase() AND table IN {tables:Array(String)} AND default_kind NOT IN ('ALIAS', 'EPHEMERAL')
     ORDER BY table, position`,
    { tables },
  );
}

/** Returns the names of the stored columns by table. */
async function columnsOf(client: ClickHouseClient, tables: readonly string[]): Promise<Map<string, string[]>> {
  const columns = new Map<string, string[]>(tables.map((table) => [table, []]));
  for (const { table, name } of await storedColumns(client, tables)) columns.get(table)?.push(name);
  return columns;
}

const listOf = (columns: readonly string[]): string =>
  columns.map((name) => `\`${name.replaceAll('`', '\\`')}\``).join(', ');

/** Returns the applied migrations. */
export function appliedMigrations(client: ClickHouseClient): Promise<AppliedMigration[]> {
  return selectRows<AppliedMigration>(
    client,
    `SELECT version, name, checksum FROM ${MIGRATIONS_TABLE} FINAL ORDER BY version`,
  );
}

/** Returns the store's clock as a date. */
export async function clockOf(client: ClickHouseClient): Promise<Date> {
  const [row] = await selectRows<{ now: number }>(client, 'SELECT toUnixTimestamp64Milli(now64(3)) AS now');
  return new Date(row?.now ?? 0);
}

/** Returns the tables that have rows now. */
async function filledTables(client: ClickHouseClient): Promise<string[]> {
  const tables = await selectRows<{ name: string }>(
    client,
    `SELECT DISTINCT table AS name FROM system.parts WHERE database = currentDatabase() AND active AND rows > 0 AND table != '${MIGRATIONS_TABLE}' ORDER BY name`,
  );
  return tables.map(({ name }) => name);
}

const isIn = (group: readonly string[], table: string): boolean => group.includes(table);

/** Waits until every INSERT that runs now has ended. */
async function insertsEnd(client: ClickHouseClient): Promise<void> {
  const running = async (): Promise<string[]> =>
    (
      await selectRows<{ id: string }>(
        client,
        `SELECT query_id AS id FROM system.processes WHERE query_kind = 'Insert' AND current_database = currentDatabase()`,
      )
    ).map(({ id }) => id);
  let waiting = await running();
  const deadline = Date.now() + INSERT_MS;
  while (waiting.length > 0) {
    if (Date.now() > deadline)
      throw new CommandError('the store is still writing what it received a minute ago; try again');
    await pause(POLL_MS);
    const now = new Set(await running());
    waiting = waiting.filter((id) => now.has(id));
  }
}

/** Database of this process's snapshot: the host and process in its name say whose it is. */
function snapshotName(database: string): { name: string; prefix: string } {
  const host = createHash('sha256').update(hostname()).digest('hex').slice(0, 8);
  return { name: `${database}_backup_${host}_${process.pid}`, prefix: `${database}_backup_${host}_` };
}

/**
 * Removes snapshots of processes of this machine that were killed.
 *
 * @throws CommandError when another one runs a backup.
 */
async function removeLeftovers(client: ClickHouseClient, prefix: string): Promise<void> {
  const found = await selectRows<{ name: string }>(
    client,
    'SELECT name FROM system.databases WHERE startsWith(name, {prefix:String})',
    { prefix },
  );
  for (const { name } of found) {
    const pid = Number(name.slice(prefix.length));
    if (pid !== process.pid && isAlive(pid))
      throw new CommandError(`a backup of this store is running (process ${pid})`);
    await command(client, 'DROP DATABASE IF EXISTS {name:Identifier} SYNC', { name });
  }
}

/**
 * Takes a snapshot of all tables within seconds, while data arrives.
 *
 * @throws CommandError when rows were deleted or moved meanwhile: some tables would have them and others not.
 */
export async function takeSnapshot(client: ClickHouseClient, database: string): Promise<Snapshot> {
  const { name, prefix } = snapshotName(database);
  await removeLeftovers(client, prefix);
  const changes = async (): Promise<string[]> => {
    const rows = await selectRows<{ id: string }>(
      client,
      `SELECT concat(table, ' ', mutation_id) AS id FROM system.mutations WHERE database = currentDatabase()`,
    );
    return rows.map(({ id }) => id);
  };
  const remove = (): Promise<void> => command(client, 'DROP DATABASE IF EXISTS {name:Identifier} SYNC', { name });
  try {
    await command(client, 'CREATE DATABASE {name:Identifier}', { name });
    const before = new Set(await changes());
    const tables: string[] = [];
    const grouped = new Set<string>(GROUPS.flat());
    for (const group of GROUPS) {
      await insertsEnd(client);
      const filled = await filledTables(client);
      for (const table of filled.filter((each) => (group === 'rest' ? !grouped.has(each) : isIn(group, each)))) {
        await command(client, `CREATE TABLE ${name}.${table} AS ${table}`);
        await command(client, `SYSTEM STOP MERGES ${name}.${table}`);
        await command(client, `ALTER TABLE ${name}.${table} ATTACH PARTITION ALL FROM ${table}`);
        tables.push(table);
      }
    }
    if ((await changes()).some((id) => !before.has(id)))
      throw new CommandError('data was deleted or moved while the backup began; run it again');
    const columns = await columnsOf(client, tables);
    return {
      columns,
      partitions: await partitionsOf(client, name, tables),
      read: async ({ table, partition }) => {
        const { stream } = await client.exec({
          query: `SELECT ${listOf(columns.get(table) ?? [])} FROM ${name}.${table} WHERE _partition_id = {partition:String} FORMAT Native`,
          query_params: { partition },
          clickhouse_settings: { max_execution_time: STATEMENT_S },
        });
        return stream;
      },
      remove,
    };
  } catch (error) {
    await remove();
    throw error;
  }
}

async function partitionsOf(client: ClickHouseClient, name: string, tables: readonly string[]): Promise<Partition[]> {
  const contents = await selectRows<{ table: string; partition: string; content: string }>(
    client,
    `SELECT table, partition_id AS partition, lower(hex(SHA256(arrayStringConcat(arraySort(groupArray(hash_of_all_files)), ' ')))) AS content
     FROM system.parts WHERE database = {name:String} AND active GROUP BY table, partition_id`,
    { name },
  );
  const contentOf = new Map(contents.map(({ table, partition, content }) => [`${table} ${partition}`, content]));
  if (tables.length === 0) return [];
  const counts = tables.map(
    (table) =>
      `SELECT '${table}' AS table, _partition_id AS partition, count() AS rows FROM ${name}.${table} GROUP BY partition`,
  );
  const rows = await selectRows<{ table: string; partition: string; rows: number }>(
    client,
    `SELECT * FROM (${counts.join(' UNION ALL ')}) ORDER BY table, partition`,
  );
  return rows.map((row) => ({ ...row, content: contentOf.get(`${row.table} ${row.partition}`) ?? '' }));
}

/** Tables of a freshly migrated store that are filled, one after another. */
export interface ClickHouseImport {
  /** Inserts a partition, in the format Native; columns in the order of `columns`. Returns the rows of the table's copy so far. */
  insert(table: string, columns: readonly string[], content: Readable): Promise<number>;
  /** Moves the inserted rows of a table into it. */
  finish(table: string): Promise<void>;
  /** Removes what the import needed. */
  end(): Promise<void>;
}

/**
 * Fills the tables of a freshly migrated store. Rows reach a copy of the table first, so that no materialized view sees them
 * and no merge removes one before it is counted.
 */
export async function importClickHouse(client: ClickHouseClient, database: string): Promise<ClickHouseImport> {
  const name = `${database}_restore`;
  const tables = await tablesOf(client);
  const stored = await storedColumns(client, tables);
  const begun = new Set<string>();
  await command(client, 'CREATE DATABASE {name:Identifier}', { name });
  const begin = async (table: string): Promise<void> => {
    if (begun.has(table)) return;
    begun.add(table);
    await command(client, `CREATE TABLE ${name}.${table} AS ${table}`);
    await command(client, `SYSTEM STOP MERGES ${name}.${table}`);
    // Their values come from the backup.
    for (const column of stored)
      if (column.table === table && column.isComputed)
        await command(
          client,
          `ALTER TABLE ${name}.${table} MODIFY COLUMN ${listOf([column.name])} REMOVE MATERIALIZED`,
        );
  };
  return {
    insert: async (table, columns, content) => {
      // Names go into SQL only as this schema spells them.
      if (!tables.includes(table)) throw new CommandError(`clickhouse: this schema has no table ${table}`);
      const known = stored.filter((column) => column.table === table).map((column) => column.name);
      if (known.length !== columns.length || !columns.every((column) => known.includes(column)))
        throw new CommandError(`clickhouse: the columns of ${table} are not those of its migrations`);
      await begin(table);
      const { stream } = await client.exec({
        query: `INSERT INTO ${name}.${table} (${listOf(columns)}) FORMAT Native`,
        values: content,
        clickhouse_settings: { optimize_on_insert: 0, max_execution_time: STATEMENT_S },
      });
      stream.resume();
      const [row] = await selectRows<{ rows: number }>(client, `SELECT count() AS rows FROM ${name}.${table}`);
      return row?.rows ?? 0;
    },
    finish: async (table) => {
      await command(client, `ALTER TABLE ${table} ATTACH PARTITION ALL FROM ${name}.${table}`);
      await command(client, `DROP TABLE ${name}.${table} SYNC`);
    },
    end: () => command(client, 'DROP DATABASE {name:Identifier} SYNC', { name }),
  };
}

/**
 * Inserts again the facts of every hour that was marked since shortly before the backup began, or that no rollup job had
 * worked off then. Facts deduplicate; their registers and marks, which may have been copied before them, become complete.
 */
export async function replayFacts(client: ClickHouseClient, startedAt: string): Promise<void> {
  for (const fact of REPLAYED) {
    const columns = (await storedColumns(client, [`${fact}_v1`])).filter((column) => !column.isComputed);
    const list = listOf(columns.map((column) => column.name));
    await command(
      client,
      `INSERT INTO ${fact}_v1 (${list}) SELECT ${list} FROM ${fact}_v1
       WHERE (org_id, repo, toStartOfHour(occurred_at)) IN (
         SELECT org_id, repo, bucket_start FROM dirty_hour_v1
         WHERE fact = {fact:String} AND marked_at >= least(
           parseDateTime64BestEffort({startedAt:String}, 3, 'UTC') - toIntervalSecond(${REPLAY_MARGIN_S}),
           (SELECT if(count() = 0, toDateTime64(0, 3, 'UTC'), min(w.until)) FROM (SELECT job, max(settled_until) AS until FROM rollup_watermark_v1 GROUP BY job) AS w)))`,
      { fact, startedAt },
    );
  }
}
