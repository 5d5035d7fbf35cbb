import { selectRows, type ClickHouseClient } from '#schemas/clickhouse/client.js';
import { sessionTimeline, TIMELINE_ORDER, type TimelineRow } from '#schemas/clickhouse/session-timeline.js';
import { decodeCursor, page } from '../api/cursor.js';
import { withStoreErrors } from '../errors/with-store-errors.js';

export interface TimelineQuestion {
  orgId: string;
  session: string;
  /** Undefined for every repository. */
  repository: string | undefined;
  /** Earliest time, included. */
  from: Date;
  limit: number;
  cursor: string | undefined;
}

/** {@link TIMELINE_ORDER} as numbers and text. */
const KEY = `(toUnixTimestamp64Milli(occurred_at), ${TIMELINE_ORDER.slice(TIMELINE_ORDER.indexOf('sequence'))})`;

/** Returns a page of a session's timeline, oldest first. */
export async function timelineOf(
  clickhouse: ClickHouseClient,
  { orgId, session, repository, from, limit, cursor }: TimelineQuestion,
): Promise<{ rows: TimelineRow[]; nextCursor: string | null }> {
  const params: Record<string, unknown> = { orgId, session, from: from.getTime(), limit: limit + 1 };
  const where = ["occurred_at >= fromUnixTimestamp64Milli({from:Int64}, 'UTC')"];
  if (repository !== undefined) {
    where.push('repo = {repo:String}');
    params['repo'] = repository;
  }
  const after = decodeCursor(cursor, ['number', 'number', 'number', 'string', 'string', 'string']);
  if (after !== undefined) {
    [params['at'], params['sequence'], params['isNoGap'], params['kind'], params['event'], params['eventRepo']] = after;
    // Follows from the comparison below, but leaves out earlier rows before they are joined and sorted.
    where.push('toUnixTimestamp64Milli(occurred_at) >= {at:Int64}');
  }
  const rows = await withStoreErrors(
    selectRows<TimelineRow>(
      clickhouse,
      `SELECT * FROM (${sessionTimeline({ org: '{orgId:String}', session: '{session:String}', where: where.join(' AND ') })})
       ${after === undefined ? '' : `WHERE ${KEY} > ({at:Int64}, {sequence:UInt64}, {isNoGap:UInt64}, {kind:String}, {event:String}, {eventRepo:String})`}
       ORDER BY ${TIMELINE_ORDER} LIMIT {limit:UInt32}`,
      params,
    ),
  );
  return page(rows, limit, (last) => [
    Date.parse(last.occurred_at),
    last.sequence,
    Number(last.kind !== 'gap'),
    last.kind,
    last.event_id,
    last.repo,
  ]);
}
