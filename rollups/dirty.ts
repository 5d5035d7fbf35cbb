import { selectRows, type ClickHouseClient } from '#schemas/clickhouse/client.js';
import { FACT_DAYS, type SeriesFact } from '#schemas/clickhouse/facts.js';
import { jobId, type RollupJob, type Shard } from './jobs.js';
import { keyOf, type BucketKey } from './bucket-key.js';

/** A bucket with changed facts. */
export interface DirtyBucket extends BucketKey {
  /** Its newest mark, in milliseconds since the epoch by the server's clock. */
  markedAt: number;
}

/** The newest mark of one kind of fact on one bucket. */
export interface Mark extends DirtyBucket {
  fact: SeriesFact;
}

/** Returns the server's clock, in milliseconds since the epoch. */
export async function serverClock(client: ClickHouseClient): Promise<number> {
  const rows = await selectRows<{ now: number }>(client, 'SELECT toUnixTimestamp64Milli(now64(3)) AS now');
  const now = rows[0]?.now;
  if (now === undefined) throw new Error('the store did not return its clock');
  return now;
}

/**
 * Returns all marks after `settledUntil` (ms). Hours older than the facts are frozen: their series can no longer be
 * computed, so marks on them have no effect. A session's mark has its id for a repository and 0 for an hour.
 */
export function readMarks(client: ClickHouseClient, settledUntil: number, shard?: Shard): Promise<Mark[]> {
  return selectRows<Mark>(
    client,
    `SELECT fact, org_id AS orgId, repo, toUnixTimestamp(bucket_start) AS bucketStart,
        toUnixTimestamp64Milli(max(marked_at)) AS markedAt
     FROM dirty_hour_v1
     WHERE marked_at > fromUnixTimestamp64Milli({settledUntil:Int64}, 'UTC')
       AND bucket_start > now() - toIntervalDay({factDays:UInt16})
       AND cityHash64(org_id) % {shards:UInt32} = {shard:UInt32}
     GROUP BY fact, org_id, repo, bucket_start
     UNION ALL
     SELECT 'session_event', org_id, session_id, 0, toUnixTimestamp64Milli(max(h.marked_at))
     FROM session_hour_v1 AS h
     WHERE h.marked_at > fromUnixTimestamp64Milli({settledUntil:Int64}, 'UTC')
       AND cityHash64(org_id) % {shards:UInt32} = {shard:UInt32}
     GROUP BY org_id, session_id`,
    { settledUntil, factDays: FACT_DAYS, shards: shard?.count ?? 1, shard: shard?.index ?? 0 },
  );
}

/**
 * Returns the dirty buckets of a job: those with marks of its facts after `settledUntil` (ms), each with its newest
 * mark.
 */
export function dirtyBuckets(job: RollupJob, marks: readonly Mark[], settledUntil: number): DirtyBucket[] {
  const buckets = new Map<string, DirtyBucket>();
  for (const { fact, ...bucket } of marks) {
    if (bucket.markedAt <= settledUntil || !job.facts.includes(fact)) continue;
    const key = keyOf(bucket);
    if ((buckets.get(key)?.markedAt ?? 0) < bucket.markedAt) buckets.set(key, bucket);
  }
  return [...buckets.values()];
}

/** Returns up to when each job has settled, in ms, by {@link jobId}; a job that has not begun is missing. */
export async function readSettled(client: ClickHouseClient): Promise<Map<string, number>> {
  const rows = await selectRows<{ job: string; settledUntil: number }>(
    client,
    'SELECT job, toUnixTimestamp64Milli(max(w.settled_until)) AS settledUntil FROM rollup_watermark_v1 AS w GROUP BY job',
  );
  return new Map(rows.map(({ job, settledUntil }) => [job, settledUntil]));
}

/**
 * Records that these jobs need not look at marks up to `settledUntil` (ms) again. Never moves back: the table keeps the
 * maximum.
 */
export async function writeSettled(
  client: ClickHouseClient,
  jobs: readonly RollupJob[],
  settledUntil: number,
  shard?: Shard,
): Promise<void> {
  await client.insert({
    table: 'rollup_watermark_v1',
    columns: ['job', 'settled_until'],
    values: jobs.map((job) => ({ job: jobId(job, shard), settled_until: settledUntil })),
    format: 'JSONEachRow',
  });
}
