import { ShieldwatchError } from '#schemas/errors.js';
import type { ClickHouseClient } from '#schemas/clickhouse/client.js';
import type { Cell, QueryResult } from '#schemas/http/boards.js';
import { withStoreErrors } from '../errors/with-store-errors.js';
import { FILTER_ERROR, type RepositoryFilter } from './repository-filter.js';

/** Maximum rows of a result. */
const MAX_ROWS = 10_000;
/** Maximum seconds of a query. */
const MAX_SECONDS = 15;
/** ClickHouse's error code for a query that exceeded its time limit. */
const TIMEOUT_EXCEEDED = '159';

/** Running queries by text: equal queries of several panels and readers share one answer. */
const running = new WeakMap<ClickHouseClient, Map<string, Promise<QueryResult>>>();

/**
 * Runs one read-only SELECT within limits of time and rows. Text and filter determine whose rows it reads, so equal
 * queries have equal answers.
 *
 * @throws ShieldwatchError `store_unavailable` when the store does not answer in time, `repository_not_allowed` when a
 * bound token reads data of the whole organisation
 */
export function runQuery(client: ClickHouseClient, query: string, filter?: RepositoryFilter): Promise<QueryResult> {
  const queries = running.get(client) ?? new Map<string, Promise<QueryResult>>();
  running.set(client, queries);
  const key = `${filter?.toString() ?? ''}\0${query}`;
  const known = queries.get(key);
  if (known !== undefined) return known;
  const result = ask(client, query, filter).finally(() => queries.delete(key));
  queries.set(key, result);
  return result;
}

async function ask(
  client: ClickHouseClient,
  query: string,
  filter: RepositoryFilter | undefined,
): Promise<QueryResult> {
  const answer = client
    .query({
      query,
      format: 'JSONCompact',
      clickhouse_settings: {
        max_execution_time: MAX_SECONDS,
        // The store stops at the end of a block, so the limit is only approximate.
        max_result_rows: String(MAX_ROWS + 1),
        result_overflow_mode: 'break',
        // 2, not 1: read-only, but settings of this request still apply.
        readonly: '2',
        output_format_json_quote_denormals: 0,
        // Facts are views with FINAL. This setting lets conditions on the sorting key be read first, which saves three
        // quarters of the work; conditions on other columns are unaffected.
        optimize_move_to_prewhere_if_final: 1,
        ...(filter === undefined ? {} : { additional_table_filters: filter }),
      },
    })
    .then((result) => result.json<Cell[]>());
  const { meta = [], data } = await withStoreErrors(answer).catch(explained);
  return { columns: meta, rows: data.slice(0, MAX_ROWS), truncated: data.length > MAX_ROWS };
}

/** Throws an error with an explanation for known codes. */
function explained(error: unknown): never {
  const { code } = ((error as { cause?: unknown }).cause ?? {}) as { code?: unknown };
  if (code === FILTER_ERROR) {
    throw new ShieldwatchError(
      'repository_not_allowed',
      'not available for a token that is bound to one repository: this concerns the whole organisation',
    );
  }
  if (code === TIMEOUT_EXCEEDED) {
    throw new ShieldwatchError(
      'store_unavailable',
      `the query took more than ${String(MAX_SECONDS)} seconds; choose a shorter range`,
    );
  }
  throw error;
}
