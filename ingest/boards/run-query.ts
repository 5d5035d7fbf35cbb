import { ShieldwatchError } from '#schemas/errors.js';
import type { ClickHouseClient } from '#schemas/clickhouse/client.js';
import type { Cell, QueryResult } from '#schemas/http/boards.js';
import { withStoreErrors } from '../errors/with-store-errors.js';
import { WALL_ERROR, type RepositoryWall } from './repository-wall.js';

/** Rows after which a result is cut off. */
const MAX_ROWS = 10_000;
/** Seconds a query may run. */
const MAX_SECONDS = 15;
/** ClickHouse's error code for a query that was stopped for its time. */
const TIMEOUT_EXCEEDED = '159';

/** Queries under way, by their text: panels that ask the same, and readers of one board, share an answer. */
const underWay = new WeakMap<ClickHouseClient, Map<string, Promise<QueryResult>>>();

/**
 * Runs one SELECT within limits that are its own: time, rows, and no writing. Text and wall say whose rows it
 * reads, so that equal ones have equal answers.
 *
 * @throws ShieldwatchError `store_unavailable` when the store does not answer or not in time, `repository_not_allowed`
 *   when the wall keeps a caller of one repository from what the query reads
 */
export function runQuery(client: ClickHouseClient, query: string, wall?: RepositoryWall): Promise<QueryResult> {
  const queries = underWay.get(client) ?? new Map<string, Promise<QueryResult>>();
  underWay.set(client, queries);
  const key = `${wall?.toString() ?? ''}\0${query}`;
  const known = queries.get(key);
  if (known !== undefined) return known;
  const result = ask(client, query, wall).finally(() => queries.delete(key));
  queries.set(key, result);
  return result;
}

async function ask(client: ClickHouseClient, query: string, wall: RepositoryWall | undefined): Promise<QueryResult> {
  const answer = client
    .query({
      query,
      format: 'JSONCompact',
      clickhouse_settings: {
        max_execution_time: MAX_SECONDS,
        // One block more than we keep would do; the store stops at the end of a block.
        max_result_rows: String(MAX_ROWS + 1),
        result_overflow_mode: 'break',
        // 2, not 1: reading only, but the settings of this very request still count.
        readonly: '2',
        output_format_json_quote_denormals: 0,
        // Facts are views with FINAL: conditions on their sort key may still be read first, which is a quarter
        // of the work. The store leaves conditions on other columns where they are.
        optimize_move_to_prewhere_if_final: 1,
        ...(wall === undefined ? {} : { additional_table_filters: wall }),
      },
    })
    .then((result) => result.json<Cell[]>());
  const { meta = [], data } = await withStoreErrors(answer).catch(explained);
  return { columns: meta, rows: data.slice(0, MAX_ROWS), truncated: data.length > MAX_ROWS };
}

/** @throws the error, in words where its code has a meaning here. */
function explained(error: unknown): never {
  const { code } = ((error as { cause?: unknown }).cause ?? {}) as { code?: unknown };
  if (code === WALL_ERROR) {
    throw new ShieldwatchError(
      'repository_not_allowed',
      'not available for a token that is bound to one repository: this is of the whole organisation',
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
