import { selectRows, type ClickHouseClient } from '#schemas/clickhouse/client.js';
import { failingSeries, type FailingSeries } from '#schemas/clickhouse/rollup-failure.js';
import { activeFormula } from './backfill.js';
import { readSettled, serverClock } from './dirty.js';
import { jobId, rollupJobs } from './jobs.js';

/** State of a job. */
export interface JobStatus {
  series: string;
  kind: 'bucket' | 'interval';
  formula: number;
  /** Whether views show this formula. */
  isShown: boolean;
  /** Everything marked up to here is final, ISO 8601; null before its first run. */
  settledUntil: string | null;
  /** Buckets, or sessions, with younger marks: in progress, or to be computed again when the mark is a minute old. */
  openBuckets: number;
  /** Of the last hour: number of recomputed buckets, duration, and greatest delay; ms. */
  lastHour: { buckets: number; durationMs: number; lagMsMax: number };
  /** Buckets that could not be computed, or wait for one of another series; absent if there are none. */
  failing?: FailingSeries;
}

/** Returns the state of every job, as workers recorded it in the store. */
export async function readStatus(client: ClickHouseClient): Promise<JobStatus[]> {
  const settled = await readSettled(client);
  const now = await serverClock(client);
  const runs = await selectRows<{
    series: string;
    formula: number;
    buckets: number;
    durationMs: number;
    lagMsMax: number;
  }>(
    client,
    `SELECT series, formula, sum(r.buckets) AS buckets, sum(r.duration_ms) AS durationMs, max(r.lag_ms) AS lagMsMax
     FROM rollup_run_v1 AS r WHERE r.finished_at > fromUnixTimestamp64Milli({now:Int64}, 'UTC') - toIntervalHour(1) GROUP BY series, formula`,
    { now },
  );
  const failing = await failingSeries(client);
  return Promise.all(
    rollupJobs().map(async (job): Promise<JobStatus> => {
      // With shards each has its own; the job's state is that of the slowest.
      const marks = [...settled]
        .filter(([id]) => id === jobId(job) || id.startsWith(`${jobId(job)}#`))
        .map(([, at]) => at);
      const until = marks.length === 0 ? 0 : Math.min(...marks);
      const open = await selectRows<{ n: number }>(
        client,
        job.scope === 'session'
          ? `SELECT uniqExact(org_id, session_id) AS n FROM session_hour_v1 WHERE marked_at > fromUnixTimestamp64Milli({until:Int64}, 'UTC')`
          : `SELECT uniqExact(org_id, repo, bucket_start) AS n FROM dirty_hour_v1
       WHERE fact IN {facts:Array(String)} AND marked_at > fromUnixTimestamp64Milli({until:Int64}, 'UTC')`,
        { facts: job.facts, until },
      );
      const failed = failing.find(({ series, formula }) => series === job.name && formula === job.formula);
      const run = runs.find(({ series, formula }) => series === job.name && formula === job.formula);
      return {
        series: job.name,
        kind: job.kind,
        formula: job.formula,
        isShown: (await activeFormula(client, job.series)) === job.formula,
        settledUntil: until === 0 ? null : new Date(until).toISOString(),
        openBuckets: open[0]?.n ?? 0,
        lastHour: { buckets: run?.buckets ?? 0, durationMs: run?.durationMs ?? 0, lagMsMax: run?.lagMsMax ?? 0 },
        ...(failed === undefined ? {} : { failing: failed }),
      };
    }),
  );
}
