import type { ClickHouseClient } from '#schemas/clickhouse/client.js';
import type { Recomputed } from './recompute.js';

/** Why something was recomputed. */
export type Cause = 'mark' | 'backfill';

/** A recomputation with how late it was, as `rollup_run_v1` keeps it. */
export interface Run extends Recomputed {
  cause: Cause;
  /** Buckets that waited when the pass began. */
  backlog: number;
  /** Age of the oldest mark worked off, ms; 0 for a backfill. */
  lagMs: number;
  finishedAt: number;
}

/** Writes down what was done: the freshness, backlog and cost of the jobs are series themselves. */
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
