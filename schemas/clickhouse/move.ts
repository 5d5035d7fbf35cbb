import { ATTR_TENANT_REPOSITORY, ATTR_TENANT_RETENTION_DAYS } from '../semconv.js';
import { selectRows, type ClickHouseClient } from './client.js';
import { forgetSessionEvents, isOfSession, LANDING } from './delete.js';
import { pruneDimensions } from './dimensions.js';
import { FACTS } from './facts.js';

/** Selects the rows to move to another repository name: those that arrived from `since` until `until`. */
export interface Move {
  readonly orgId: string;
  readonly from: string;
  readonly to: string;
  readonly since: Date;
  readonly until: Date;
}

/** Tables with one row per fact, and the quarantine. */
const TABLES = [...Object.keys(FACTS), 'masking_event', 'control_event', 'quarantine'];

/** Timeout of a statement in seconds. */
const TIMEOUT_S = 600;

/**
 * Moves the rows of one repository name to another: landing, from which the views derive the facts again, then facts
 * older than landing. Marks the hours of both names, so that the series follow. Each table is copied before its rows
 * are deleted, and fact tables deduplicate, so an interrupted move can be repeated with the same facts. Landing may
 * then contain duplicates, as after a repeated delivery.
 *
 * @returns the number of rows moved.
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
    // The copied rows would get a full retention period, so the remaining days are set on them.
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
    // Marked before, while the facts determine the hours, and after: a worker may have processed the first marks before
    // the facts were moved.
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
    if (isOfSession(fact)) {
      await forgetSessionEvents(
        run,
        `fact = '${fact}' AND org_id = {orgId:String} AND repo = {from:String}
        AND (event_id, occurred_at) NOT IN (SELECT event_id, occurred_at FROM ${table} WHERE org_id = {orgId:String} AND repo = {from:String})`,
      );
    }
    await mark();
    moved += rows;
  }
  if (moved > 0) await pruneDimensions(client, orgId);
  return moved;
}

/** Returns the columns that an INSERT may name. */
async function insertedColumns(client: ClickHouseClient, table: string): Promise<string[]> {
  const rows = await selectRows<{ name: string }>(
    client,
    "SELECT name FROM system.columns WHERE database = currentDatabase() AND table = {table:String} AND default_kind IN ('', 'DEFAULT') ORDER BY position",
    { table },
  );
  return rows.map(({ name }) => (/^\w+$/.test(name) ? name : `\`${name}\``));
}
