import { selectRows, type ClickHouseClient } from '#schemas/clickhouse/client.js';
import type { Row } from '#schemas/records/rows.js';
import { decodeCursor, page } from '../api/cursor.js';
import { withStoreErrors } from '../errors/with-store-errors.js';

export interface SessionsQuestion {
  orgId: string;
  /** Undefined for every repository. */
  repository: string | undefined;
  /** Counts only calls in `repository`: for a caller who sees nothing of others. */
  isBound: boolean;
  /** Undefined for every session, or agent. */
  session?: string | undefined;
  agent?: string | undefined;
  /** Sessions that were active in this time; `from` is included, `to` is not. Undefined for all. */
  from?: Date | undefined;
  to?: Date | undefined;
  limit: number;
  cursor: string | undefined;
}

type SessionRow = Row<'agent_session'>;
type Counts = Pick<SessionRow, 'session_id' | 'tool_calls' | 'outcomes'>;

/** Returns a page of sessions, the one that started last first. */
export async function agentSessions(
  clickhouse: ClickHouseClient,
  question: SessionsQuestion,
): Promise<{ rows: SessionRow[]; nextCursor: string | null }> {
  const conditions = ['org_id = {orgId:String}', "session_id != ''"];
  const params: Record<string, unknown> = { orgId: question.orgId, limit: question.limit + 1 };
  for (const [column, value] of [
    ['repo', question.repository],
    ['session_id', question.session],
    ['agent', question.agent],
  ] as const) {
    if (value === undefined) continue;
    conditions.push(`${column} = {${column}:String}`);
    params[column] = value;
  }
  if (question.from !== undefined) {
    conditions.push("last_at >= fromUnixTimestamp64Milli({from:Int64}, 'UTC')");
    params['from'] = question.from.getTime();
  }
  if (question.to !== undefined) {
    conditions.push("started_at < fromUnixTimestamp64Milli({to:Int64}, 'UTC')");
    params['to'] = question.to.getTime();
  }
  const after = decodeCursor(question.cursor, ['number', 'string']);
  if (after !== undefined) {
    conditions.push('(toUnixTimestamp64Milli(started_at), session_id) < ({afterTime:Int64}, {afterSession:String})');
    [params['afterTime'], params['afterSession']] = after;
  }
  const rows = await withStoreErrors(
    selectRows<SessionRow>(
      clickhouse,
      `SELECT * FROM agent_session WHERE ${conditions.join(' AND ')}
       ORDER BY started_at DESC, session_id DESC LIMIT {limit:UInt32}`,
      params,
    ),
  );
  const result = page(rows, question.limit, (last) => [Date.parse(last.started_at), last.session_id]);
  return question.isBound ? { ...result, rows: await withOwnCounts(clickhouse, question, result.rows) } : result;
}

/** Replaces the counts of a session, which may include calls in other repositories, by those in `repository`. */
async function withOwnCounts(
  clickhouse: ClickHouseClient,
  { orgId, repository }: SessionsQuestion,
  rows: readonly SessionRow[],
): Promise<SessionRow[]> {
  const counts = await withStoreErrors(
    selectRows<Counts>(
      clickhouse,
      `SELECT session_id, count() AS tool_calls, sumMap(map(toString(t.outcome), toUInt64(1))) AS outcomes
       FROM tool_call_outcome AS t
       WHERE org_id = {orgId:String} AND repo = {repo:String} AND session_id IN {sessions:Array(String)}
       GROUP BY session_id`,
      { orgId, repo: repository ?? '', sessions: rows.map(({ session_id: id }) => id) },
    ),
  );
  const own = new Map(counts.map((row) => [row.session_id, row]));
  return rows.map((row) => ({ ...row, tool_calls: 0, outcomes: {}, ...own.get(row.session_id) }));
}
