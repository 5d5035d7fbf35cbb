import { selectRows, type ClickHouseClient } from '#schemas/clickhouse/client.js';
import { decodeCursor, page } from '../api/cursor.js';
import { withStoreErrors } from '../errors/with-store-errors.js';
import { camelCase, type SeriesView } from './series-table.js';

/** Value of a column; counts by name for a map. */
type Value = string | number | boolean | null | Record<string, number>;

export interface SeriesQuestion {
  orgId: string;
  /** Undefined for every repository of the organisation. */
  repository: string | undefined;
  /** Seconds since 1970, from `since` (inclusive) to `until` (exclusive). */
  since: number;
  until: number;
  /** Values by column. */
  filters: ReadonlyMap<string, string>;
  limit: number;
  cursor: string | undefined;
}

/** Returns a page of a series, oldest first. Column names come from `VIEWS`; values are typed parameters. */
export async function readSeries(
  clickhouse: ClickHouseClient,
  view: SeriesView,
  question: SeriesQuestion,
): Promise<{ rows: Record<string, Value>[]; nextCursor: string | null }> {
  const { types, since, until, key } = view;
  const conditions = ['org_id = {orgId:String}'];
  const params: Record<string, unknown> = { orgId: question.orgId, limit: question.limit + 1 };
  if (question.repository !== undefined && 'repo' in types) {
    conditions.push('repo = {repository:String}');
    params['repository'] = question.repository;
  }
  if (view.bucket === null) {
    // Include rows that overlap the window, such as an episode that began earlier and continues.
    conditions.push(`${since} < toDateTime64({until:UInt32}, 3, 'UTC')`);
    if (until !== undefined) conditions.push(`(isNull(${until}) OR ${until} > toDateTime64({since:UInt32}, 3, 'UTC'))`);
  } else {
    conditions.push(`${since} >= toDateTime({since:UInt32}, 'UTC') AND ${since} < toDateTime({until:UInt32}, 'UTC')`);
  }
  params['since'] = question.since;
  params['until'] = question.until;
  for (const [column, value] of question.filters) {
    conditions.push(`toString(${column}) = {filter_${column}:String}`);
    params[`filter_${column}`] = value;
  }
  const keys = key.map((column, index) => ({
    column,
    index,
    isNumber: isOrdered(types[column]),
    order: orderOf(column, types[column]),
  }));
  const after = decodeCursor(
    question.cursor,
    keys.map(({ isNumber }) => (isNumber ? 'number' : 'string')),
  );
  if (after !== undefined && keys.length > 0) {
    conditions.push(
      `(${keys.map(({ order }) => order).join(', ')}) > (${keys.map(({ index, isNumber }) => `{after${String(index)}:${isNumber ? 'Int64' : 'String'}}`).join(', ')})`,
    );
    after.forEach((part, index) => (params[`after${String(index)}`] = part));
  }
  const columns = Object.keys(types);
  const rows = await withStoreErrors(
    selectRows<Record<string, Value>>(
      clickhouse,
      `SELECT ${columns.join(', ')}${keys.map(({ order, index }) => `, ${order} AS key_${String(index)}`).join('')} FROM ${view.view}
       WHERE ${conditions.join(' AND ')}
       ${keys.length === 0 ? '' : `ORDER BY ${keys.map(({ order }) => order).join(', ')}`} LIMIT {limit:UInt32}`,
      params,
    ),
  );
  const { rows: shown, nextCursor } = page(rows, question.limit, (last) =>
    keys.map(({ index }) => last[`key_${String(index)}`] as string | number),
  );
  return {
    rows: shown.map((row) => Object.fromEntries(columns.map((column) => [fieldOf(column), row[column] ?? null]))),
    nextCursor,
  };
}

/** Converts a column name to the API's field name: `repository` for `repo`, others in camel case. */
export function fieldOf(column: string): string {
  return column === 'repo' ? 'repository' : camelCase(column);
}

const isOrdered = (type: string | undefined): boolean => /DateTime|Int/.test(type ?? '');

/** Orders times by ticks, so that a cursor holds numbers, and everything else as text. */
function orderOf(column: string, type: string | undefined): string {
  if (/DateTime64/.test(type ?? '')) return `toUnixTimestamp64Milli(assumeNotNull(${column}))`;
  if (/DateTime/.test(type ?? '')) return `toInt64(toUnixTimestamp(${column}))`;
  return /Int/.test(type ?? '') ? `toInt64(${column})` : `toString(${column})`;
}
