import { selectRows, type ClickHouseClient } from '#schemas/clickhouse/client.js';
import type { Row } from '#schemas/records/rows.js';
import { decodeCursor, page } from '../api/cursor.js';
import { withStoreErrors } from '../errors/with-store-errors.js';

/** Columns of `tool_call_outcome` by which a list is filtered. */
export const CALL_FILTERS = ['repo', 'session_id', 'agent', 'tool', 'outcome', 'cause'] as const;
export type CallFilter = (typeof CALL_FILTERS)[number];

export interface CallsQuestion {
  orgId: string;
  /** Values that a call must have; undefined for any. */
  filters: Partial<Record<CallFilter, string | undefined>>;
  /** `from` is included, `to` is not. */
  from: Date;
  to: Date;
  order: 'newest first' | 'oldest first';
  limit: number;
  cursor: string | undefined;
}

/** Identifies and orders a call: time in milliseconds, session, call. */
const KEY = 'toUnixTimestamp64Milli(occurred_at), session_id, tool_call_id';

/** Returns a page of tool calls. Conditions on `bucket_start` reach the primary key; those on `occurred_at` do not. */
export async function toolCalls(
  clickhouse: ClickHouseClient,
  question: CallsQuestion,
): Promise<{ rows: Row<'tool_call_outcome'>[]; nextCursor: string | null }> {
  const conditions = ['org_id = {orgId:String}'];
  const params: Record<string, unknown> = { orgId: question.orgId, limit: question.limit + 1 };
  for (const column of CALL_FILTERS) {
    const value = question.filters[column];
    if (value === undefined) continue;
    conditions.push(`${column} = {${column}:String}`);
    params[column] = value;
  }
  for (const [bound, operator] of [
    ['from', '>='],
    ['to', '<'],
  ] as const) {
    const time = `fromUnixTimestamp64Milli({${bound}:Int64}, 'UTC')`;
    conditions.push(`bucket_start ${operator} ${bound === 'from' ? `toStartOfHour(${time})` : time}`);
    conditions.push(`occurred_at ${operator} ${time}`);
    params[bound] = question[bound].getTime();
  }
  const isNewestFirst = question.order === 'newest first';
  const after = decodeCursor(question.cursor, ['number', 'string', 'string']);
  if (after !== undefined) {
    conditions.push(
      `(${KEY}) ${isNewestFirst ? '<' : '>'} ({afterTime:Int64}, {afterSession:String}, {afterCall:String})`,
    );
    [params['afterTime'], params['afterSession'], params['afterCall']] = after;
  }
  const direction = isNewestFirst ? 'DESC' : 'ASC';
  const rows = await withStoreErrors(
    selectRows<Row<'tool_call_outcome'>>(
      clickhouse,
      `SELECT * FROM tool_call_outcome WHERE ${conditions.join(' AND ')}
       ORDER BY occurred_at ${direction}, session_id ${direction}, tool_call_id ${direction} LIMIT {limit:UInt32}`,
      params,
    ),
  );
  return page(rows, question.limit, (last) => [Date.parse(last.occurred_at), last.session_id, last.tool_call_id]);
}
