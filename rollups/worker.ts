import { randomUUID } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import type { ClickHouseClient } from '#schemas/clickhouse/client.js';
import { dirtyBuckets, readMarks, readSettled, writeSettled, type DirtyBucket, type Mark } from './dirty.js';
import { jobId, rollupJobs, type RollupJob, type Shard } from './jobs.js';
import { inOrder, keyOf, Pass, recompute } from './recompute.js';
import { recordRuns, type Run } from './runs.js';

/**
 * How long after a mark its facts may still become visible. A mark and its fact are two parts of one INSERT
 * and commit in no promised order, so a bucket is computed when its mark is seen and once more when the
 * mark is this old. Must exceed the longest INSERT the store allows (30 s).
 */
const SETTLE_MS = 60_000;

export interface WorkerSettings {
  clickhouse: ClickHouseClient;
  /** From the beginning of one pass to that of the next, if it is done by then; 1,000 ms unless set. */
  intervalMs?: number;
  /** {@link SETTLE_MS} unless set; 0 makes one pass final. */
  settleMs?: number;
  jobs?: readonly RollupJob[];
  /** This worker's share of the organisations; all of them unless set. */
  shard?: Shard;
  /** Milliseconds since the epoch, by the clock that the marks are made with: the server's unless set. */
  clock?: () => Promise<number>;
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
  settledUntil: number;
  computed: Map<string, Computed>;
}

/** The newest mark a bucket was computed for, and when, both by the server's clock (ms). */
interface Computed {
  markedAt: number;
  at: number;
}

/**
 * Keeps the series up with the facts: reads which hours were touched, recomputes those and what they reach, and
 * nothing else. Needs no lock: workers that do the same work at once write the same rows.
 */
export function createRollupWorker(settings: WorkerSettings): RollupWorker {
  const { clickhouse, onError, shard } = settings;
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
  ): Promise<number> {
    const { now } = clock;
    const due = dirtyBuckets(job, marks, state.settledUntil).filter((bucket) => isDue(bucket, state, now, settleMs));
    // A mark that is looked at for the second time is not late: it was worked off when it was new.
    const fresh = due.filter((bucket) => state.computed.get(keyOf(bucket))?.markedAt !== bucket.markedAt);
    const oldest = fresh.reduce((least, { markedAt }) => Math.min(least, markedAt), now);
    const done = await recompute(clickhouse, job, due, pass, (insert) => {
      const finishedAt = Math.round(now + performance.now() - clock.readAt);
      runs.push({
        ...insert,
        cause: 'mark',
        backlog: due.length,
        lagMs: fresh.length === 0 ? 0 : finishedAt - oldest,
        finishedAt,
      });
    });
    for (const bucket of due) state.computed.set(keyOf(bucket), { markedAt: bucket.markedAt, at: now });
    return done;
  }

  async function tick(): Promise<Record<string, number>> {
    // One clock and one reading of the marks for all jobs, the clock first: a mark that the reading misses is younger
    // and stays in the next window, and a mark that has settled for one job has settled for those that read its series.
    const pass = await Pass.begin(clickhouse);
    const now = (await settings.clock?.()) ?? pass.beganAt;
    const readAt = performance.now();
    settled ??= await readSettled(clickhouse);
    const work = jobs.map((job) => ({ job, state: stateOf(job, settled) }));
    const marks = await readMarks(
      clickhouse,
      work.reduce((least, { state }) => Math.min(least, state.settledUntil), now),
      shard,
    );

    const done: Record<string, number> = {};
    const runs: Run[] = [];
    try {
      const stateBy = new Map(work.map(({ job, state }) => [job, state]));
      await inOrder(jobs, async (job) => {
        const state = stateBy.get(job);
        if (state !== undefined) done[jobId(job)] = await runJob(job, state, pass, { now, readAt }, marks, runs);
      });
    } finally {
      await recordRuns(clickhouse, name, runs);
    }
    const horizon = now - settleMs;
    // Written only when something was done: a worker that restarts on an older value does a little again.
    if (runs.length > 0) await writeSettled(clickhouse, jobs, horizon, shard);
    for (const { state } of work) settle(state, horizon);
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
      // However long a pass takes, the store gets to breathe.
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

/** The marks' clock when a pass began, and this process's own at that moment, ms. */
interface PassClock {
  now: number;
  readAt: number;
}

/** Forgets what no later pass will look at. */
function settle(state: JobState, horizon: number): void {
  if (horizon <= state.settledUntil) return;
  state.settledUntil = horizon;
  for (const [key, { markedAt }] of state.computed) if (markedAt <= horizon) state.computed.delete(key);
}

/** A call, because the compiler takes a flag read twice in a row for unchanged. */
const isAborted = (controller: AbortController): boolean => controller.signal.aborted;

/**
 * Due when it has a newer mark than it was computed for, or that mark has come of age since. A mark that
 * became visible late, behind a newer one, is covered by the newer one's coming of age.
 */
function isDue(bucket: DirtyBucket, state: JobState, now: number, settleMs: number): boolean {
  const before = state.computed.get(keyOf(bucket));
  if (before === undefined || before.markedAt < bucket.markedAt) return true;
  return now - bucket.markedAt >= settleMs && before.at < bucket.markedAt + settleMs;
}
