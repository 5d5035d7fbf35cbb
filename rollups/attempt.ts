import type { ClickHouseClient } from '#schemas/clickhouse/client.js';
import type { BucketKey } from './bucket-key.js';
import type { Failed, Failure, PassFailures } from './failures.js';
import type { RollupJob } from './jobs.js';
import { recompute, type Pass, type Recomputed } from './recompute.js';

/** What one job does in a pass. */
export interface Attempt<B extends BucketKey> {
  job: RollupJob;
  due: readonly B[];
  failures: PassFailures;
  /** By the clock of the marks, ms. */
  now: number;
  /** Failures whose next attempt is due by then are tried again; default: `now`. */
  retryBy?: number;
  /** Called after each INSERT; `retried`: the failures that it tries again, or undefined. */
  onInsert: (done: Recomputed, retried: readonly Failure[] | undefined) => void;
}

/**
 * Recomputes what is due for a job, and apart from it what failed before: that is likely to fail again. What the engine
 * refuses, and what waits for a failed bucket of another job, is kept in `failures`.
 *
 * @returns the number of buckets recomputed, and the due keys that were tried for the first time.
 * @throws an error that no statement is to blame for, such as a lost connection.
 */
export async function attempt<B extends BucketKey>(
  client: ClickHouseClient,
  pass: Pass,
  { job, due, failures, now, retryBy = now, onInsert }: Attempt<B>,
): Promise<{ buckets: number; ready: readonly B[] }> {
  const { ready, retried, isLeftOut } = failures.begin(job, due, now, retryBy);
  const onFailed = (failed: Failed): void => {
    failures.add(job, failed, now);
  };
  let buckets = await recompute(client, job, { marked: ready, isLeftOut }, pass, {
    onInsert: (done) => {
      onInsert(done, undefined);
    },
    onFailed,
  });
  if (retried.length > 0) {
    const ofKind = (isDerived: boolean): Failure[] => retried.filter((failure) => failure.isDerived === isDerived);
    buckets += await recompute(client, job, { marked: ofKind(false), buckets: ofKind(true), isLeftOut }, pass, {
      onInsert: (done) => {
        onInsert(done, retried);
      },
      onFailed,
    });
    failures.end(retried, now);
  }
  return { buckets, ready };
}
