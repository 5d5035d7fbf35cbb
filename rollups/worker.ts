import { randomUUID } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import { ClickHouseError, type ClickHouseClient } from '#schemas/clickhouse/client.js';
import { attempt } from './attempt.js';
import { dirtyBuckets, readMarks, readSettled, writeSettled, type DirtyBucket, type Mark } from './dirty.js';
import { jobId, rollupJobs, type RollupJob, type Shard } from './jobs.js';
import { keyOf, type BucketKey } from './bucket-key.js';
import { PassFailures, readFailures, writeFailures, type Failure } from './failures.js';
import { SESSION_LIMITS, type SessionSize } from './session-size.js';
import { inOrder, Pass } from './recompute.js';
import { recordRuns, type Run } from './runs.js';

/**
 * How long after a mark its facts may still become visible. A mark and its fact are two parts of one INSERT and commit
 * in any order, so a bucket is computed when its mark is seen and again when the mark is this old. Must exceed the
 * longest INSERT that the store allows (30 s).
 */
const SETTLE_MS = 60_000;

export interface WorkerSettings {
  clickhouse: ClickHouseClient;
  /** Interval between the starts of two passes, if a pass takes less; default 1,000 ms. */
  intervalMs?: number;
  /** Default {@link SETTLE_MS}; 0 makes one pass final. */
  settleMs?: number;
  jobs?: readonly RollupJob[];
  /** This worker's share of the organisations; default: all. */
  shard?: Shard;
  /** Milliseconds since the epoch, by the clock of the marks; default: the server's. */
  clock?: () => Promise<number>;
  /** Called for a failed pass; the next pass retries. */
  onError?: (error: unknown) => void;
  /** Called with the buckets that a pass could not compute; they are tried again, less and less often. */
  onFailed?: (failures: readonly Failure[]) => void;
}

export interface RollupWorker {
  /** Processes all dirty buckets; resolves with the number of buckets recomputed, by job. */
  tick(): Promise<Record<string, number>>;
  /** Runs passes until stopped. */
  start(): void;
  /** Stops after the current pass. */
  stop(): Promise<void>;
}

/** A job's state between passes; losing it only costs a recomputation. */
interface JobState {
  settledUntil: number;
  computed: Map<string, Computed>;
}

/** The newest mark for which a bucket was computed, and when, both by the server's clock (ms). */
interface Computed {
  markedAt: number;
  at: number;
  /** Events of a session; 0 for any other bucket. */
  events: number;
}

/**
 * Maintains the series: reads which hours were marked dirty and recomputes those and the buckets they affect. Needs no
 * lock: workers that process the same buckets write the same rows.
 */
export function createRollupWorker(settings: WorkerSettings): RollupWorker {
  const { clickhouse, onError, onFailed, shard } = settings;
  const intervalMs = settings.intervalMs ?? 1_000;
  const settleMs = settings.settleMs ?? SETTLE_MS;
  const jobs = settings.jobs ?? rollupJobs();
  const name = randomUUID().slice(0, 8);
  const states = new Map<string, JobState>();
  let settled: ReadonlyMap<string, number> | undefined;

  async function runJob(
    job: RollupJob,
    state: JobState,
    pass: Pass,
    clock: PassClock,
    marks: readonly Mark[],
    runs: Run[],
    failures: PassFailures,
  ): Promise<number> {
    const { now } = clock;
    const due = dirtyBuckets(job, marks, state.settledUntil).filter((bucket) => isDue(bucket, state, now, settleMs));
    // A mark that is processed again when it settles is not late.
    const fresh = due.filter((bucket) => state.computed.get(keyOf(bucket))?.markedAt !== bucket.markedAt);
    const { buckets, ready } = await attempt(clickhouse, pass, {
      job,
      due,
      failures,
      now,
      onInsert: (insert, retried) => {
        const finishedAt = Math.round(now + performance.now() - clock.readAt);
        runs.push({
          ...insert,
          cause: retried === undefined ? 'mark' : 'retry',
          backlog: retried?.length ?? due.length,
          lagMs: lagOf(retried?.map(({ since }) => since) ?? fresh.map(({ markedAt }) => markedAt), finishedAt),
          finishedAt,
        });
      },
    });
    const sizes = job.scope === 'session' ? await sizesOf(ready, pass) : undefined;
    for (const bucket of due)
      state.computed.set(keyOf(bucket), {
        markedAt: bucket.markedAt,
        at: now,
        events: sizes?.get(keyOf(bucket))?.events ?? 0,
      });
    return buckets;
  }

  /** Sizes of sessions, where the engine could tell them. */
  const sizesOf = (keys: readonly BucketKey[], pass: Pass): Promise<ReadonlyMap<string, SessionSize>> =>
    pass.sizes(clickhouse, keys).catch((error: unknown) => {
      if (error instanceof ClickHouseError) return new Map();
      throw error;
    });

  async function tick(): Promise<Record<string, number>> {
    // One clock and one reading of the marks for all jobs, the clock first: a mark that the reading misses is
    // younger and stays in the next window, and a mark that has settled for one job has settled for those that read its
    // series.
    const pass = await Pass.begin(clickhouse);
    const now = (await settings.clock?.()) ?? pass.beganAt;
    const readAt = performance.now();
    settled ??= await readSettled(clickhouse);
    const work = jobs.map((job) => ({ job, state: stateOf(job, settled) }));
    const failures = new PassFailures(await readFailures(clickhouse, shard));
    const marks = await readMarks(
      clickhouse,
      work.reduce((least, { state }) => Math.min(least, state.settledUntil), now),
      shard,
    );

    const done: Record<string, number> = {};
    const runs: Run[] = [];
    const stateBy = new Map(work.map(({ job, state }) => [job, state]));
    const failed = await inOrder(jobs, async (job) => {
      const state = stateBy.get(job);
      if (state !== undefined)
        done[jobId(job)] = await runJob(job, state, pass, { now, readAt }, marks, runs, failures);
    });
    await recordRuns(clickhouse, name, runs);
    // Before the progress is: from then on nothing but its failure leads to a bucket that was not computed.
    const changed = failures.changed();
    await writeFailures(clickhouse, changed, pass.version);
    const horizon = now - settleMs;
    const ended = work.filter(({ job }) => !failed.has(job));
    // Written only after work: a worker that restarts from an older value repeats a little.
    if (runs.length + changed.length > 0 && ended.length > 0)
      await writeSettled(
        clickhouse,
        ended.map(({ job }) => job),
        horizon,
        shard,
      );
    for (const { state } of ended) settle(state, horizon);
    const news = failures.news();
    if (news.length > 0) onFailed?.(news);
    for (const error of failed.values()) throw error;
    return done;
  }

  function stateOf(job: RollupJob, from: ReadonlyMap<string, number> | undefined): JobState {
    const id = jobId(job);
    const state = states.get(id) ?? {
      settledUntil: from?.get(jobId(job, shard)) ?? 0,
      computed: new Map<string, Computed>(),
    };
    states.set(id, state);
    return state;
  }

  const stopping = new AbortController();
  let loop: Promise<void> | undefined;
  async function run(): Promise<void> {
    while (!isAborted(stopping)) {
      const startedAt = performance.now();
      try {
        await tick();
      } catch (error) {
        if (!isAborted(stopping)) onError?.(error);
      }
      // However long a pass takes, the store gets a pause.
      await pause(Math.max(intervalMs / 10, startedAt + intervalMs - performance.now()), undefined, {
        signal: stopping.signal,
      }).catch(() => undefined);
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

/** Returns the age of the oldest, ms; 0 if there is none. */
const lagOf = (times: readonly number[], now: number): number =>
  times.length === 0 ? 0 : now - times.reduce((least, time) => Math.min(least, time), now);

/** The marks' clock at the start of a pass, and this process's own at that moment, ms. */
interface PassClock {
  now: number;
  readAt: number;
}

/** Drops state that no later pass needs. */
function settle(state: JobState, horizon: number): void {
  if (horizon <= state.settledUntil) return;
  state.settledUntil = horizon;
  for (const [key, { markedAt }] of state.computed) if (markedAt <= horizon) state.computed.delete(key);
}

/** A call, because TypeScript assumes that a flag does not change between two reads. */
const isAborted = (controller: AbortController): boolean => controller.signal.aborted;

/**
 * Returns whether a bucket is due: it has a newer mark than it was computed for, or that mark has settled since. A mark
 * that became visible late, behind a newer one, is covered when the newer one settles. A session waits a millisecond for each
 * of its events, at most 50 s, so that one which grows all the time costs no more the larger it is.
 */
function isDue(bucket: DirtyBucket, state: JobState, now: number, settleMs: number): boolean {
  const before = state.computed.get(keyOf(bucket));
  if (before === undefined) return true;
  const wait = Math.min(before.events, SESSION_LIMITS.events);
  if (before.markedAt < bucket.markedAt && now - before.at >= wait) return true;
  return now - bucket.markedAt >= settleMs && before.at < bucket.markedAt + settleMs;
}
