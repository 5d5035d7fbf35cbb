import type { ClickHouseClient } from '#schemas/clickhouse/client.js';
import type { Recomputed } from './recompute.js';

/** Reason of a recomputation. */
export type Cause = 'mark' | 'retry' | 'backfill';

/** A recomputation with its delay, as `rollup_run_v1` stores it. */
export interface Run extends Recomputed {
  cause: Cause;
  /** Buckets that waited when the pass began. */
  backlog: number;
  /** Age of the oldest processed mark or failure in ms; 0 for a backfill. */
  lagMs: number;
  finishedAt: number;
}

/** Records the runs: freshness, backlog and cost of the jobs are series too. */
export async function recordRuns(client: ClickHouseClient, worker: string, runs: readonly Run[]): Promise<void> {
  if (runs.length === 0) return;
  await client.insert({
    table: 'rollup_run_v1',
    format: 'JSONEachRow',
    values: runs.map((run) => ({
      series: run.job.name,
      formula: run.job.formula,
      version: run.version,
      worker,
      cause: run.cause,
      finished_at: run.finishedAt,
      buckets: run.buckets,
      backlog: run.backlog,
      lag_ms: Math.max(0, Math.round(run.lagMs)),
      duration_ms: run.durationMs,
      rows_read: run.rowsRead,
      rows_written: run.rowsWritten,
    })),
  });
}
