import { SettingsMap } from '@clickhouse/client';
import { selectRows, type ClickHouseClient } from '#schemas/clickhouse/client.js';
import type { Caller } from '../auth/caller.js';
import { withStoreErrors } from '../errors/with-store-errors.js';
import { quote } from './macros.js';

/** What ClickHouse's `additional_table_filters` is set to for a query. */
export type RepositoryWall = SettingsMap;

/** Milliseconds for which the list of tables is believed: migrations make new ones. */
const TABLES_MS = 60_000;

interface Table {
  database: string;
  name: string;
  columns: string[];
}

const tables = new WeakMap<ClickHouseClient, { askedAt: number; answer: Promise<Table[]> }>();

/**
 * What keeps a query of a caller who is bound to one repository to the rows of that repository, whatever its SQL says:
 * the store adds the condition wherever a table is read, in views and subqueries too. A table of the whole organisation
 * has no such rows: reading one of it fails, see {@link WALL_ERROR}. Undefined: the caller is bound to none.
 */
export async function repositoryWall(
  client: ClickHouseClient,
  { orgId, repository }: Caller,
): Promise<RepositoryWall | undefined> {
  if (repository === null) return undefined;
  const filters = (await withStoreErrors(tablesOf(client))).map(({ database, name, columns }) => {
    const [org, repo] = columns.includes('OrgId') ? ['OrgId', 'Repository'] : ['org_id', 'repo'];
    const isOwn = `${org} = ${quote(orgId)}`;
    const condition = columns.includes(repo)
      ? `${isOwn} AND ${repo} = ${quote(repository)}`
      : `NOT throwIf(${isOwn}, 'of the whole organisation')`;
    // The client puts quotes around both, and escapes neither.
    return [inner(`${database}.${name}`), inner(condition)];
  });
  return SettingsMap.from(Object.fromEntries(filters) as Record<string, string>);
}

const inner = (text: string): string => quote(text).slice(1, -1);

/** ClickHouse's error code for a row of a table that the wall closes. */
export const WALL_ERROR = '395';

/** Every table of ours that keeps rows of organisations, found by its columns. */
function tablesOf(client: ClickHouseClient): Promise<Table[]> {
  const known = tables.get(client);
  const now = Date.now();
  if (known !== undefined && known.askedAt <= now && now < known.askedAt + TABLES_MS) return known.answer;
  const answer = selectRows<Table>(
    client,
    `SELECT currentDatabase() AS database, c.table AS name, groupArray(c.name) AS columns FROM system.columns AS c
     WHERE c.database = currentDatabase() AND c.table IN (
       SELECT t.name FROM system.tables AS t WHERE t.database = currentDatabase() AND t.engine LIKE '%MergeTree')
     GROUP BY c.table HAVING has(columns, 'org_id') OR has(columns, 'OrgId') ORDER BY name`,
  );
  tables.set(client, { askedAt: now, answer });
  answer.catch(() => tables.delete(client));
  return answer;
}
