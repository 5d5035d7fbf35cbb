import { selectRows, type ClickHouseClient } from '#schemas/clickhouse/client.js';
import { runEach } from './background.js';

/**
 * Milliseconds after its timestamp within which a dirty-hour mark may become visible: the longest INSERT that the store
 * allows.
 */
const OVERLAP_MS = 60_000;

/**
 * Returns a round that calls `run` for each organisation with dirty-hour marks since the last round. One that fails is
 * run again in the next round, from the same time, and does not delay the others.
 *
 * @param condition SQL over `dirty_hour_v1` that a mark must meet
 * @param run gets the time from which marks count, in milliseconds
 */
export function forMarkedOrganisations(
  clickhouse: ClickHouseClient,
  condition: string,
  run: (orgId: string, from: number) => Promise<void>,
): () => Promise<void> {
  let since = 0;
  const failed = new Map<string, number>();
  return async () => {
    const from = Math.max(0, since - OVERLAP_MS);
    const marked = await selectRows<{ org_id: string; marked: number }>(
      clickhouse,
      `SELECT org_id, max(toUnixTimestamp64Milli(marked_at)) AS marked FROM dirty_hour_v1
       WHERE marked_at > fromUnixTimestamp64Milli({from:Int64}, 'UTC') AND ${condition} GROUP BY org_id`,
      { from },
    );
    since = Math.max(since, ...marked.map((each) => each.marked));
    await runEach(new Set([...failed.keys(), ...marked.map((each) => each.org_id)]), async (orgId) => {
      const first = failed.get(orgId) ?? from;
      failed.set(orgId, first);
      await run(orgId, first);
      failed.delete(orgId);
    });
  };
}
