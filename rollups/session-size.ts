import type { ClickHouseClient } from '#schemas/clickhouse/client.js';
import { batches, keyOf, STATEMENT, withKeys, type BucketKey } from './bucket-key.js';

/**
 * Limits of a session whose events are joined into calls. One event changes any call of its session, so the job reads the
 * session as a whole; who sends telemetry chooses how large that is. A day of the busiest agent has a tenth of it.
 */
export const SESSION_LIMITS = {
  /** Events, before deduplication. */
  events: 50_000,
  /** Repositories times hours: a call may lie in any of them. */
  places: 2_000,
} as const;

/** Size of a session, as counted for {@link SESSION_LIMITS}. */
export interface SessionSize {
  events: number;
  places: number;
}

/** Returns the size of each session, by `keyOf`. Reads key columns only. */
export async function sessionSizes(
  client: ClickHouseClient,
  keys: readonly BucketKey[],
): Promise<ReadonlyMap<string, SessionSize>> {
  const sizes = new Map<string, SessionSize>();
  for (const batch of batches(keys)) {
    const answer = await client.query({
      query: withKeys(
        `SELECT org_id AS orgId, session_id AS repo, toUInt32(sum(e)) AS events, toUInt32(least(sum(p), 4000000000)) AS places
         FROM
         (
             SELECT org_id, session_id, count() AS e, 0 AS p FROM session_event_v1 WHERE (org_id, session_id) IN {repos} GROUP BY org_id, session_id
             UNION ALL
             SELECT org_id, session_id, 0, (uniqExact(h.repo) + 1) * uniqExact(h.bucket_start) FROM session_hour_v1 AS h WHERE (org_id, session_id) IN {repos} GROUP BY org_id, session_id
         )
         GROUP BY org_id, session_id`,
        batch,
      ),
      clickhouse_settings: STATEMENT,
      format: 'JSONEachRow',
    });
    const rows = await answer.json<SessionSize & { orgId: string; repo: string }>();
    for (const { events, places, ...key } of rows) sizes.set(keyOf({ ...key, bucketStart: 0 }), { events, places });
  }
  return sizes;
}

export function isTooLarge({ events, places }: SessionSize): boolean {
  return events > SESSION_LIMITS.events || places > SESSION_LIMITS.places;
}
