import { selectRows, type ClickHouseClient } from '#schemas/clickhouse/client.js';
import type { BucketKey } from './recompute.js';
import type { BucketJob } from './jobs.js';

/** A bucket that facts were written to. */
export interface DirtyBucket extends BucketKey {
  /** Its newest mark, milliseconds since the epoch by the server's clock. */
  markedAt: number;
}

/** The server's clock and the dirty buckets of a fact marked after `settledUntil` (ms). */
export async function readDirty(
  client: ClickHouseClient,
  job: BucketJob,
  settledUntil: number,
): Promise<{ now: number; buckets: DirtyBucket[] }> {
  // The clock is read first: a mark that this read misses is younger than `now`, and stays in the next window.
  const clock = await selectRows<{ now: number }>(client, 'SELECT toUnixTimestamp64Milli(now64(3)) AS now');
  const now = clock[0]?.now;
  if (now === undefined) throw new Error('the store did not tell its clock');
  const buckets = await selectRows<DirtyBucket>(
    client,
    `SELECT org_id AS orgId, repo, toUnixTimestamp(bucket_start) AS bucketStart,
        toUnixTimestamp64Milli(max(marked_at)) AS markedAt
     FROM dirty_hour_v1
     WHERE fact = {fact:String} AND marked_at > fromUnixTimestamp64Milli({settledUntil:Int64}, 'UTC')
     GROUP BY org_id, repo, bucket_start
     ORDER BY markedAt, orgId, repo, bucketStart`,
    { fact: job.fact, settledUntil },
  );
  return { now, buckets };
}

/** How far a job has settled, ms; 0 before its first run. */
export async function readSettledUntil(client: ClickHouseClient, job: BucketJob): Promise<number> {
  const rows = await selectRows<{ settledUntil: number }>(
    client,
    `SELECT toUnixTimestamp64Milli(max(settled_until)) AS settledUntil FROM rollup_watermark_v1 WHERE job = {job:String}`,
    { job: job.name },
  );
  return rows[0]?.settledUntil ?? 0;
}

/** Records that no mark up to `settledUntil` needs another look. Never moves back: the table keeps the greatest. */
export async function writeSettledUntil(client: ClickHouseClient, job: BucketJob, settledUntil: number): Promise<void> {
  await client.command({
    query: `INSERT INTO rollup_watermark_v1 (job, settled_until)
      SELECT {job:String}, fromUnixTimestamp64Milli({settledUntil:Int64}, 'UTC')`,
    query_params: { job: job.name, settledUntil },
  });
}
