import { selectRows, type ClickHouseClient } from '#schemas/clickhouse/client.js';
import { pruneDimensions } from '#schemas/clickhouse/dimensions.js';
import { FACTS } from '#schemas/clickhouse/facts.js';

/** Selects the rows of one organisation to remove: those that meet all conditions. */
export interface Removal {
  orgId: string;
  /** Without repository, token and time, all rows of the organisation. */
  repository: string | undefined;
  tokenId: string | undefined;
  from: Date | undefined;
  to: Date | undefined;
  /** The repository or organisation is removed entirely: its series and marks are deleted instead of recomputed. */
  isWhole: boolean;
}

interface Table {
  name: string;
  columns: string[];
}

interface Target {
  table: string;
  condition: string;
}

/** Maximum seconds per table. */
const TIMEOUT_S = 600;

/**
 * Removes rows from every table that holds organisations' data: landing, facts, quarantine, series. Tables are found by
 * their columns, so that a new one is included. Series of the remaining facts are marked dirty and recomputed by the
 * rollups. Safe to repeat after a crash.
 *
 * @returns the number of rows removed.
 */
export async function removeRows(
  clickhouse: ClickHouseClient,
  removal: Removal,
  onProgress: (done: number, total: number) => Promise<void>,
): Promise<number> {
  const params: Record<string, unknown> = {
    orgId: removal.orgId,
    repository: removal.repository ?? '',
    tokenId: removal.tokenId ?? '',
    from: (removal.from ?? new Date(0)).getTime(),
    to: (removal.to ?? new Date(Date.UTC(2200, 0, 1))).getTime(),
  };
  const tables = await dataTables(clickhouse);
  const targets = await targetsOf(clickhouse, tables, removal);
  const marks = removal.isWhole ? [] : await touchedHours(clickhouse, targets, params);
  let removed = 0;
  for (const [index, { table, condition }] of targets.entries()) {
    await onProgress(index, targets.length);
    const [found] = await selectRows<{ rows: number }>(
      clickhouse,
      `SELECT count() AS rows FROM ${table} WHERE ${condition}`,
      params,
    );
    if (found === undefined || found.rows === 0) continue;
    await clickhouse.command({
      query: `ALTER TABLE ${table} DELETE WHERE ${condition}`,
      query_params: params,
      clickhouse_settings: { mutations_sync: '2', max_execution_time: TIMEOUT_S },
    });
    removed += found.rows;
  }
  // Marks are written after the facts are gone: an earlier recomputation would count the facts once more.
  if (marks.length > 0) {
    await clickhouse.insert({
      table: 'dirty_hour_v1',
      columns: ['fact', 'org_id', 'repo', 'bucket_start', 'marked_at'],
      values: marks,
      format: 'JSONEachRow',
    });
  }
  if (removed > 0) await pruneDimensions(clickhouse, removal.orgId);
  await onProgress(targets.length, targets.length);
  return removed;
}

/** Lists all of our tables that hold organisations' rows, with their columns. */
async function dataTables(clickhouse: ClickHouseClient): Promise<Table[]> {
  const rows = await selectRows<{ table_name: string; column_names: string[] }>(
    clickhouse,
    `SELECT c.table AS table_name, groupArray(c.name) AS column_names FROM system.columns AS c
     WHERE c.database = currentDatabase() AND c.table IN (
       SELECT t.name FROM system.tables AS t WHERE t.database = currentDatabase() AND t.engine LIKE '%MergeTree')
     GROUP BY c.table HAVING has(column_names, 'org_id') OR has(column_names, 'OrgId') ORDER BY table_name`,
  );
  return rows.map((row) => ({ name: row.table_name, columns: row.column_names }));
}

/** Orders facts before landing, because only landing knows which facts a token sent. */
async function targetsOf(clickhouse: ClickHouseClient, tables: readonly Table[], removal: Removal): Promise<Target[]> {
  const landing = tables.flatMap(({ name, columns }) => {
    if (!columns.includes('OrgId')) return [];
    return [{ table: name, condition: landingCondition(columns, removal) }];
  });
  if (removal.tokenId !== undefined) return [...(await factsOfToken(clickhouse, tables, removal)), ...landing];
  const rest = tables.flatMap(({ name, columns }): Target[] => {
    if (!columns.includes('org_id')) return [];
    const conditions = ['org_id = {orgId:String}'];
    if (removal.repository !== undefined) {
      if (!columns.includes('repo')) return [];
      conditions.push('repo = {repository:String}');
    }
    if (removal.isWhole) return [{ table: name, condition: conditions.join(' AND ') }];
    if (!columns.includes('occurred_at')) return [];
    return [{ table: name, condition: [...conditions, between('occurred_at')].join(' AND ') }];
  });
  return [...rest, ...landing];
}

const between = (column: string): string =>
  `${column} >= fromUnixTimestamp64Milli({from:Int64}, 'UTC') AND ${column} < fromUnixTimestamp64Milli({to:Int64}, 'UTC')`;

function landingCondition(columns: readonly string[], { repository, tokenId, from, to }: Removal): string {
  return [
    'OrgId = {orgId:String}',
    ...(repository === undefined ? [] : ['Repository = {repository:String}']),
    ...(tokenId === undefined ? [] : ["ResourceAttributes['shieldwatch.tenant.token_id'] = {tokenId:String}"]),
    ...(from === undefined && to === undefined
      ? []
      : [between(columns.includes('Timestamp') ? 'Timestamp' : 'TimeUnix')]),
  ].join(' AND ');
}

/**
 * Selects the facts that the views derive from a token's landing rows. The reconciler restores a fact that another
 * token sent too.
 */
async function factsOfToken(
  clickhouse: ClickHouseClient,
  tables: readonly Table[],
  removal: Removal,
): Promise<Target[]> {
  const views = await selectRows<{ name: string; query: string }>(
    clickhouse,
    `SELECT name, as_select AS query FROM system.tables WHERE database = currentDatabase() AND name LIKE '%\\_in\\_mv\\_v1'`,
  );
  return Object.entries(FACTS).flatMap(([fact, sources]) =>
    sources.flatMap(({ landing, view }): Target[] => {
      const query = views.find(({ name }) => name === view)?.query;
      const columns = tables.find(({ name }) => name === landing)?.columns;
      if (query === undefined || columns === undefined) return [];
      const rows = `(SELECT *, OrgId, Repository, IngestedAt FROM ${landing} WHERE ${landingCondition(columns, removal)})`;
      const reading = query.replace(new RegExp(`FROM (\\S+\\.)?${landing}\\b`), `FROM ${rows}`);
      return [
        {
          table: `${fact}_v1`,
          condition: `org_id = {orgId:String} AND (repo, event_id, occurred_at) IN (SELECT repo, event_id, occurred_at FROM (${reading}))`,
        },
      ];
    }),
  );
}

interface Mark {
  fact: string;
  org_id: string;
  repo: string;
  bucket_start: number;
  marked_at: string;
}

/** Lists the hours whose facts are about to be removed. */
async function touchedHours(
  clickhouse: ClickHouseClient,
  targets: readonly Target[],
  params: Record<string, unknown>,
): Promise<Mark[]> {
  const marks: Mark[] = [];
  for (const { table, condition } of targets) {
    const fact = table.replace(/_v1$/, '');
    if (!Object.hasOwn(FACTS, fact)) continue;
    const hours = await selectRows<Omit<Mark, 'fact' | 'marked_at'>>(
      clickhouse,
      `SELECT DISTINCT org_id, repo, toUnixTimestamp(toStartOfHour(occurred_at)) AS bucket_start FROM ${table} WHERE ${condition}`,
      params,
    );
    marks.push(...hours.map((hour) => ({ fact, ...hour, marked_at: '' })));
  }
  const [clock] = await selectRows<{ now: string }>(clickhouse, "SELECT toString(now64(3, 'UTC')) AS now");
  return marks.map((mark) => ({ ...mark, marked_at: clock?.now ?? '' }));
}
