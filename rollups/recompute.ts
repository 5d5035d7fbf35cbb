import { selectRows, type ClickHouseClient } from '#schemas/clickhouse/client.js';
import type { BucketJob } from './jobs.js';

/** One hour of one repository. */
export interface BucketKey {
  orgId: string;
  repo: string;
  /** Start of the hour, seconds since the epoch, UTC. */
  bucketStart: number;
}

/** Buckets of one INSERT; keeps its memory and its block bounded. */
const BUCKETS_PER_INSERT = 500;

/**
 * Recomputes the given buckets of a series from facts, each bucket in one atomic write. A pure function of
 * the facts: running it twice, or in two processes at once, gives the same series.
 *
 * @param onInsert called after each INSERT with the number of buckets done so far.
 */
export async function recompute(
  client: ClickHouseClient,
  job: BucketJob,
  keys: readonly BucketKey[],
  onInsert?: (done: number) => void,
): Promise<void> {
  for (let start = 0; start < keys.length; start += BUCKETS_PER_INSERT) {
    const batch = keys.slice(start, start + BUCKETS_PER_INSERT);
    const hours = batch.map((key) => key.bucketStart);
    // Taken before the facts are read: whoever starts reading later has seen at least as much and wins.
    const version = await serverClockMicros(client);
    await client.command({
      query: job.sql,
      query_params: {
        orgs: batch.map((key) => key.orgId),
        repos: batch.map((key) => key.repo),
        hours,
        from: Math.min(...hours),
        to: Math.max(...hours),
        version,
      },
      // One thread and one block: the rows of a bucket become visible together.
      clickhouse_settings: { max_insert_threads: '1', max_threads: 2 },
    });
    onInsert?.(start + batch.length);
  }
}

/** The server's clock in microseconds; every worker takes its versions from this one clock. */
async function serverClockMicros(client: ClickHouseClient): Promise<string> {
  const rows = await selectRows<{ micros: string }>(client, 'SELECT toString(toUnixTimestamp64Micro(now64(6))) AS micros');
  const micros = rows[0]?.micros;
  if (micros === undefined) throw new Error('the store did not tell its clock');
  return micros;
}
