import { selectRows, type ClickHouseClient } from '#schemas/clickhouse/client.js';
import { FACT_DAYS } from '#schemas/clickhouse/facts.js';
import type { BucketKey } from './recompute.js';
import { jobId, type RollupJob, type Shard } from './jobs.js';

/** A bucket that facts were written to. */
export interface DirtyBucket extends BucketKey {
  /** Its newest mark, milliseconds since the epoch by the server's clock. */
  markedAt: number;
}

/** The server's clock, milliseconds since the epoch. */
export async function serverClock(client: ClickHouseClient): Promise<number> {
  const rows = await selectRows<{ now: number }>(client, 'SELECT toUnixTimestamp64Milli(now64(3)) AS now');
  const now = rows[0]?.now;
  if (now === undefined) throw new Error('the store did not tell its clock');
  return now;
}

/**
 * The dirty buckets of a job's facts marked after `settledUntil` (ms). Hours older than the facts are frozen: what
 * their series say can no longer be computed, so a mark on them moves nothing.
 */
export function readDirty(client: ClickHouseClient, job: RollupJob, settledUntil: number, shard?: Shard): Promise<DirtyBucket[]> {
  return selectRows<DirtyBucket>(
    client,
    `SELECT org_id AS orgId, repo, toUnixTimestamp(bucket_start) AS bucketStart,
        toUnixTimestamp64Milli(max(marked_at)) AS markedAt
     FROM dirty_hour_v1
     WHERE fact IN {facts:Array(String)} AND marked_at > fromUnixTimestamp64Milli({settledUntil:Int64}, 'UTC')
       AND bucket_start > now() - toIntervalDay({factDays:UInt16})
       AND cityHash64(org_id) % {shards:UInt32} = {shard:UInt32}
     GROUP BY org_id, repo, bucket_start
     ORDER BY markedAt, orgId, repo, bucketStart`,
    { facts: job.facts, settledUntil, factDays: FACT_DAYS, shards: shard?.count ?? 1, shard: shard?.index ?? 0 },
  );
}

/** How far a job has settled, ms; 0 before its first run. */
export async function readSettledUntil(client: ClickHouseClient, job: RollupJob, shard?: Shard): Promise<number> {
  const rows = await selectRows<{ settledUntil: number }>(
    client,
    `SELECT toUnixTimestamp64Milli(max(settled_until)) AS settledUntil FROM rollup_watermark_v1 WHERE job = {job:String}`,
    { job: jobId(job, shard) },
  );
  return rows[0]?.settledUntil ?? 0;
}

/** Records that no mark up to `settledUntil` needs another look. Never moves back: the table keeps the greatest. */
export async function writeSettledUntil(client: ClickHouseClient, job: RollupJob, settledUntil: number, shard?: Shard): Promise<void> {
  await client.command({
    query: `INSERT INTO rollup_watermark_v1 (job, settled_until)
      SELECT {job:String}, fromUnixTimestamp64Milli({settledUntil:Int64}, 'UTC')`,
    query_params: { job: jobId(job, shard), settledUntil },
  });
}
