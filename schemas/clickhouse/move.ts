import { ATTR_TENANT_REPOSITORY, ATTR_TENANT_RETENTION_DAYS } from '../semconv.js';
import { selectRows, type ClickHouseClient } from './client.js';
import { LANDING } from './delete.js';
import { pruneDimensions } from './dimensions.js';
import { FACTS } from './facts.js';

/** Which rows get another repository's name: those that came from `since` on, up to `until`. */
export interface Move {
  readonly orgId: string;
  readonly from: string;
  readonly to: string;
  readonly since: Date;
  readonly until: Date;
}

/** Tables of facts with one row for each, and of what became no fact. */
const TABLES = [...Object.keys(FACTS), 'masking_event', 'control_event', 'quarantine'];

/** Seconds one statement may take. */
const TIMEOUT_S = 600;

/**
 * Gives what was recorded of one repository another's name: landing, which the views make facts of again, then the facts
 * that are older than landing. Marks the hours of both, so that the series follow. Each table is copied before it is
 * emptied, and fact tables deduplicate by key: interrupted anywhere and run again it ends with the same facts. Landing may hold
 * a row twice then, as after any repeated delivery.
 *
 * @returns rows moved.
 */
export async function moveRepository(
  client: ClickHouseClient,
  { orgId, from, to, since, until }: Move,
): Promise<number> {
  const params: Record<string, unknown> = { orgId, from, to, since: since.getTime(), until: until.getTime() };
  const came = (column: string): string =>
    `${column} >= fromUnixTimestamp64Milli({since:Int64}, 'UTC') AND ${column} <= fromUnixTimestamp64Milli({until:Int64}, 'UTC')`;
  const run = (query: string): Promise<unknown> =>
    client.command({
      query,
      query_params: params,
      clickhouse_settings: {
        max_execution_time: TIMEOUT_S,
        mutations_sync: '1',
        lightweight_deletes_sync: '1',
        allow_nondeterministic_mutations: 1,
        max_partitions_per_insert_block: '1000',
      },
    });
  const count = async (table: string, where: string): Promise<number> =>
    (await selectRows<{ rows: number }>(client, `SELECT count() AS rows FROM ${table} WHERE ${where}`, params))[0]
      ?.rows ?? 0;
  let moved = 0;
  for (const table of LANDING) {
    const where = `OrgId = {orgId:String} AND Repository = {from:String} AND ${came('IngestedAt')}`;
    const rows = await count(table, where);
    if (rows === 0) continue;
    const columns = await insertedColumns(client, table);
    // Landing again it would live longer: what is left of its days is said on it.
    const attributes = `mapUpdate(ResourceAttributes, CAST(map('${ATTR_TENANT_REPOSITORY}', {to:String}, '${ATTR_TENANT_RETENTION_DAYS}', toString(greatest(1, dateDiff('day', now(), ExpiresAt)))), 'Map(LowCardinality(String), String)'))`;
    await run(
      `INSERT INTO ${table} (${columns.join(', ')}) SELECT ${columns.map((column) => (column === 'ResourceAttributes' ? attributes : column)).join(', ')} FROM ${table} WHERE ${where}`,
    );
    await run(`DELETE FROM ${table} WHERE ${where}`);
    moved += rows;
  }
  for (const fact of TABLES) {
    const table = `${fact}_v1`;
    const where = `org_id = {orgId:String} AND repo = {from:String} AND ${came('ingested_at')}`;
    const rows = await count(table, where);
    if (rows === 0) continue;
    const columns = await insertedColumns(client, table);
    await run(
      `INSERT INTO ${table} (${columns.join(', ')}) SELECT ${columns.map((column) => (column === 'repo' ? '{to:String}' : column)).join(', ')} FROM ${table} FINAL WHERE ${where}`,
    );
    // Before, while the facts tell their hours, and after: a worker may have worked off the first marks before they were gone.
    const hours =
      fact === 'quarantine'
        ? []
        : await selectRows<{ bucket: number }>(
            client,
            `SELECT DISTINCT toUnixTimestamp(toStartOfHour(occurred_at)) AS bucket FROM ${table} WHERE ${where}`,
            params,
          );
    const mark = async (): Promise<void> => {
      if (hours.length === 0) return;
      await client.command({
        query: `INSERT INTO dirty_hour_v1 SELECT {fact:String}, {orgId:String}, {from:String}, toDateTime(arrayJoin({hours:Array(UInt32)}), 'UTC'), now64(3, 'UTC')`,
        query_params: { fact, orgId, from, hours: hours.map(({ bucket }) => bucket) },
      });
    };
    await mark();
    await run(`DELETE FROM ${table} WHERE ${where}`);
    if (fact === 'runtime_event') {
      await run(`DELETE FROM call_judgement_v1 WHERE org_id = {orgId:String} AND repo = {from:String}
        AND (event_id, occurred_at) NOT IN (SELECT event_id, occurred_at FROM runtime_event_v1 WHERE org_id = {orgId:String} AND repo = {from:String})`);
    }
    await mark();
    moved += rows;
  }
  if (moved > 0) await pruneDimensions(client, orgId);
  return moved;
}

/** Columns that an INSERT may name. */
async function insertedColumns(client: ClickHouseClient, table: string): Promise<string[]> {
  const rows = await selectRows<{ name: string }>(
    client,
    "SELECT name FROM system.columns WHERE database = currentDatabase() AND table = {table:String} AND default_kind IN ('', 'DEFAULT') ORDER BY position",
    { table },
  );
  return rows.map(({ name }) => (/^\w+$/.test(name) ? name : `\`${name}\``));
}
