import { SettingsMap } from '@clickhouse/client';
import { selectRows, type ClickHouseClient } from '#schemas/clickhouse/client.js';
import type { Caller } from '../auth/caller.js';
import { withStoreErrors } from '../errors/with-store-errors.js';
import { quote } from './macros.js';

/** Value of ClickHouse's setting `additional_table_filters` for a query. */
export type RepositoryFilter = SettingsMap;

/** Milliseconds for which the list of tables is cached; migrations may add tables. */
const TABLES_MS = 60_000;

interface Table {
  database: string;
  name: string;
  columns: string[];
}

const tables = new WeakMap<ClickHouseClient, { askedAt: number; answer: Promise<Table[]> }>();

/**
 * Restricts a query to the caller's own repository, for any SQL: the store adds the condition wherever it reads a
 * table, also in views and subqueries. Reading a table of the whole organisation fails, see {@link FILTER_ERROR}.
 * Returns undefined if the caller is not bound to a repository.
 */
export async function repositoryFilter(
  client: ClickHouseClient,
  { orgId, repository }: Pick<Caller, 'orgId' | 'repository'>,
): Promise<RepositoryFilter | undefined> {
  if (repository === null) return undefined;
  const filters = (await withStoreErrors(tablesOf(client))).map(({ database, name, columns }) => {
    const [org, repo] = columns.includes('OrgId') ? ['OrgId', 'Repository'] : ['org_id', 'repo'];
    const isOwn = `${org} = ${quote(orgId)}`;
    const condition = columns.includes(repo)
      ? `${isOwn} AND ${repo} = ${quote(repository)}`
      : `NOT throwIf(${isOwn}, 'of the whole organisation')`;
    // The client quotes both values, but does not escape them.
    return [inner(`${database}.${name}`), inner(condition)];
  });
  return SettingsMap.from(Object.fromEntries(filters) as Record<string, string>);
}

const inner = (text: string): string => quote(text).slice(1, -1);

/** ClickHouse's error code when a query reads a table that the filter forbids. */
export const FILTER_ERROR = '395';

/** Lists our tables that hold organisations' rows, found by their columns. */
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
