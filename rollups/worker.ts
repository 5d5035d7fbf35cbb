import { setTimeout as pause } from 'node:timers/promises';
import type { ClickHouseClient } from '#schemas/clickhouse/client.js';
import { readDirty, readSettledUntil, writeSettledUntil, type DirtyBucket } from './dirty.js';
import { bucketJobs, type BucketJob } from './jobs.js';
import { recompute } from './recompute.js';

/**
 * How long after a mark its facts may still become visible. A mark and its fact are two parts of one INSERT
 * and commit in no promised order, so a bucket is computed when its mark is seen and once more when the
 * mark is this old. Must exceed the longest INSERT the store allows (30 s).
 */
const SETTLE_MS = 60_000;

export interface WorkerSettings {
  clickhouse: ClickHouseClient;
  /** Pause between two passes; 1,000 ms unless set. */
  intervalMs?: number;
  /** {@link SETTLE_MS} unless set; 0 makes one pass final. */
  settleMs?: number;
  jobs?: readonly BucketJob[];
  /** Told about a pass that failed; the next pass tries again. */
  onError?: (error: unknown) => void;
}

export interface RollupWorker {
  /** Works off what is dirty now; resolves with the number of buckets recomputed, by job. */
  tick(): Promise<Record<string, number>>;
  /** Starts ticking until stopped. */
  start(): void;
  /** Stops after the pass that runs. */
  stop(): Promise<void>;
}

/** What a worker remembers of a job between passes; losing it costs a recomputation and nothing else. */
interface JobState {
  settledUntil: number | undefined;
  computed: Map<string, Computed>;
}

/** The newest mark a bucket was computed for, and when, both by the server's clock (ms). */
interface Computed {
  markedAt: number;
  at: number;
}

/**
 * Keeps the series up with the facts: reads which hours were touched, recomputes those, and nothing else.
 * Needs no lock: workers that do the same work at once write the same rows.
 */
export function createRollupWorker(settings: WorkerSettings): RollupWorker {
  const { clickhouse, onError } = settings;
  const intervalMs = settings.intervalMs ?? 1_000;
  const settleMs = settings.settleMs ?? SETTLE_MS;
  const jobs = settings.jobs ?? bucketJobs();
  const states = new Map<string, JobState>();

  async function runJob(job: BucketJob): Promise<number> {
    const state: JobState = states.get(job.name) ?? { settledUntil: undefined, computed: new Map<string, Computed>() };
    states.set(job.name, state);
    state.settledUntil ??= await readSettledUntil(clickhouse, job);
    const { now, buckets } = await readDirty(clickhouse, job, state.settledUntil);

    const due = buckets.filter((bucket) => isDue(bucket, state, now, settleMs));
    await recompute(clickhouse, job, due);

    const horizon = now - settleMs;
    for (const bucket of due) state.computed.set(keyOf(bucket), { markedAt: bucket.markedAt, at: now });
    for (const [key, { markedAt }] of state.computed) if (markedAt <= horizon) state.computed.delete(key);
    if (horizon > state.settledUntil) {
      state.settledUntil = horizon;
      // Written only when something was done: a worker that restarts on an older value does a little again.
      if (due.length > 0) await writeSettledUntil(clickhouse, job, horizon);
    }
    return due.length;
  }

  async function tick(): Promise<Record<string, number>> {
    const done: Record<string, number> = {};
    for (const job of jobs) done[job.name] = await runJob(job);
    return done;
  }

  const stopping = new AbortController();
  let loop: Promise<void> | undefined;
  async function run(): Promise<void> {
    while (!isAborted(stopping)) {
      try {
        await tick();
      } catch (error) {
        if (!isAborted(stopping)) onError?.(error);
      }
      await pause(intervalMs, undefined, { signal: stopping.signal }).catch(() => undefined);
    }
  }
  return {
    tick,
    start() {
      loop ??= run();
    },
    async stop() {
      stopping.abort();
      await loop;
    },
  };
}

/** A call, because the compiler takes a flag read twice in a row for unchanged. */
const isAborted = (controller: AbortController): boolean => controller.signal.aborted;

const keyOf = (bucket: DirtyBucket): string => `${bucket.orgId}\0${bucket.repo}\0${bucket.bucketStart}`;

/**
 * Due when it has a newer mark than it was computed for, or that mark has come of age since. A mark that
 * became visible late, behind a newer one, is covered by the newer one's coming of age.
 */
function isDue(bucket: DirtyBucket, state: JobState, now: number, settleMs: number): boolean {
  const before = state.computed.get(keyOf(bucket));
  if (before === undefined || before.markedAt < bucket.markedAt) return true;
  return now - bucket.markedAt >= settleMs && before.at < bucket.markedAt + settleMs;
}
