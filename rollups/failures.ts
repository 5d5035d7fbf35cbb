import { selectRows, type ClickHouseClient } from '#schemas/clickhouse/client.js';
import { keyOf, type BucketKey } from './bucket-key.js';
import type { RollupJob, Shard } from './jobs.js';

/** A key that a job could not compute, or that waits for a failed bucket of another job. */
export interface Failure extends BucketKey {
  series: string;
  formula: number;
  /** Whether it is a bucket of the series; false: a marked key, from which the job derives its buckets. */
  isDerived: boolean;
  isOpen: boolean;
  /** Failed attempts; 0 if it only waits. */
  attempts: number;
  /** Series whose bucket it waits for, or empty. */
  waitsFor: string;
  /** Name of the error, never its text; empty if it only waits. */
  reason: string;
  /** First failure and next attempt, ms since the epoch by the clock of the marks. */
  since: number;
  retryAt: number;
}

/** The part of a failure that {@link recompute} reports. */
export interface Failed {
  key: BucketKey;
  isDerived: boolean;
  reason: string;
  durationMs: number;
}

/** Identity of a failure among those of its job. */
const failureId = (key: BucketKey, isDerived: boolean): string => `${String(isDerived)}\0${keyOf(key)}`;

const SECOND_MS = 1_000;
const LONGEST_WAIT_MS = 3_600_000;
/** A retry may take at most a twentieth of a worker's time. */
const WAIT_PER_DURATION = 20;

/** Returns the wait before the next attempt, ms: doubled by each, at most an hour. */
function retryAfter(attempts: number, durationMs: number): number {
  const doubled = SECOND_MS * 2 ** Math.min(attempts, 12);
  return Math.min(LONGEST_WAIT_MS, Math.max(doubled, durationMs * WAIT_PER_DURATION));
}

/** Reads the open failures of all jobs; empty in health. */
export async function readFailures(client: ClickHouseClient, shard?: Shard): Promise<Failure[]> {
  const rows = await selectRows<Omit<Failure, 'isOpen'>>(
    client,
    `SELECT series, formula, org_id AS orgId, repo, toUnixTimestamp(bucket_start) AS bucketStart, is_derived AS isDerived, attempts,
        waits_for AS waitsFor, reason, toUnixTimestamp64Milli(f.since) AS since, toUnixTimestamp64Milli(f.retry_at) AS retryAt
     FROM rollup_failure AS f
     WHERE cityHash64(org_id) % {shards:UInt32} = {shard:UInt32}`,
    { shards: shard?.count ?? 1, shard: shard?.index ?? 0 },
  );
  return rows.map((row) => ({ ...row, isOpen: true }));
}

/** Records failures and those that are over, under the version of the pass that found them. */
export async function writeFailures(
  client: ClickHouseClient,
  failures: readonly Failure[],
  version: string,
): Promise<void> {
  if (failures.length === 0) return;
  await client.insert({
    table: 'rollup_failure_v1',
    format: 'JSONEachRow',
    values: failures.map((failure) => ({
      org_id: failure.orgId,
      series: failure.series,
      formula: failure.formula,
      repo: failure.repo,
      bucket_start: failure.bucketStart,
      is_derived: failure.isDerived,
      is_open: failure.isOpen,
      attempts: failure.attempts,
      waits_for: failure.waitsFor,
      reason: failure.reason,
      since: failure.since,
      retry_at: failure.retryAt,
      version,
    })),
  });
}

const DAY_S = 86_400;

/** Open failures of the jobs that one job reads, as they stand in a pass: what of the job has to wait. */
class Holds {
  /** Places whose marked keys wait, and days whose buckets wait, with the series that they wait for. */
  readonly #places = new Map<string, string>();
  readonly #days = new Map<string, string>();

  /** `failures`: the open ones of jobs that `job` reads. */
  constructor(job: RollupJob, failures: Iterable<Failure>) {
    for (const { series, isDerived, ...key } of failures)
      // A day is folded from its hours and needs no other hour of the repository.
      if (isDerived && job.grain === 'day') this.#days.set(keyOf(startOfDay(key)), series);
      else this.#places.set(placeOf(key), series);
  }

  /** Returns the series that a marked key waits for. */
  ofMarked(key: BucketKey): string | undefined {
    return this.#places.get(placeOf(key));
  }

  /** Returns the series that a bucket waits for. */
  ofBucket(key: BucketKey): string | undefined {
    return this.#days.size === 0 ? undefined : this.#days.get(keyOf(key));
  }
}

/** A repository, or a session: jobs that depend on one another do so within it. */
const placeOf = ({ orgId, repo }: BucketKey): string => `${orgId}\0${repo}`;

export const startOfDay = (key: BucketKey): BucketKey => ({
  ...key,
  bucketStart: key.bucketStart - (key.bucketStart % DAY_S),
});

/** The failures of a pass: those that were open when it began, and what becomes of them. */
export class PassFailures {
  readonly #open = new Map<string, Failure>();
  readonly #changed = new Map<string, Failure>();

  constructor(open: readonly Failure[]) {
    for (const failure of open) this.#open.set(idOf(failure), failure);
  }

  /**
   * Divides what is due for a job: `ready` is computed now, `retried` once more, if its next attempt is due by `retryBy`. What
   * depends on a failed bucket of another job is recorded as waiting.
   */
  begin<B extends BucketKey>(
    job: RollupJob,
    due: readonly B[],
    now: number,
    retryBy: number,
  ): { ready: B[]; retried: Failure[]; isLeftOut: (bucket: BucketKey) => boolean } {
    const own = new Map<string, Failure>();
    const read: Failure[] = [];
    for (const failure of this.#open.values()) {
      if (failure.series === job.name && failure.formula === job.formula)
        own.set(failureId(failure, failure.isDerived), failure);
      if (job.reads.includes(failure.series)) read.push(failure);
    }
    const holds = new Holds(job, read);
    const ready: B[] = [];
    for (const bucket of due) {
      if (own.has(failureId(bucket, false))) continue;
      const waitsFor = holds.ofMarked(bucket);
      if (waitsFor === undefined) ready.push(bucket);
      else this.#wait(job, bucket, false, waitsFor, now);
    }
    const retried = [...own.values()].filter(
      (failure) =>
        (failure.waitsFor !== '' || failure.retryAt <= retryBy) &&
        (failure.isDerived ? holds.ofBucket(failure) : holds.ofMarked(failure)) === undefined,
    );
    const isRetried = new Set(retried.map((failure) => failureId(failure, failure.isDerived)));
    return {
      ready,
      retried,
      isLeftOut: (bucket) => {
        const id = failureId(bucket, true);
        if (isRetried.has(id)) return false;
        const waitsFor = own.has(id) ? undefined : holds.ofBucket(bucket);
        if (waitsFor !== undefined) this.#wait(job, bucket, true, waitsFor, now);
        return own.has(id) || waitsFor !== undefined;
      },
    };
  }

  /** Records that a job failed on a key. */
  add(job: RollupJob, { key, isDerived, reason, durationMs }: Failed, now: number): void {
    const before = this.#open.get(idOf({ ...key, series: job.name, formula: job.formula, isDerived }));
    const attempts = (before?.attempts ?? 0) + 1;
    this.#set({
      ...open(job, key, isDerived, before?.since ?? now),
      attempts,
      reason,
      retryAt: Math.round(now + retryAfter(attempts, durationMs)),
    });
  }

  /** Closes those that were tried again and did not fail again. */
  end(retried: readonly Failure[], now: number): void {
    for (const before of retried) {
      const id = idOf(before);
      if (this.#open.get(id) !== before) continue;
      this.#open.delete(id);
      this.#changed.set(id, { ...before, isOpen: false, retryAt: now });
    }
  }

  /** Returns what has to be recorded. */
  changed(): Failure[] {
    return [...this.#changed.values()];
  }

  /** Returns the buckets on which a job failed in this pass. */
  news(): Failure[] {
    return this.changed().filter(({ isOpen, waitsFor }) => isOpen && waitsFor === '');
  }

  #wait(job: RollupJob, key: BucketKey, isDerived: boolean, waitsFor: string, now: number): void {
    this.#set({ ...open(job, key, isDerived, now), waitsFor });
  }

  #set(failure: Failure): void {
    const id = idOf(failure);
    this.#open.set(id, failure);
    this.#changed.set(id, failure);
  }
}

const idOf = (failure: Pick<Failure, 'series' | 'formula' | 'isDerived' | keyof BucketKey>): string =>
  `${failure.series}\0${failure.formula}\0${failureId(failure, failure.isDerived)}`;

function open(
  { name, formula }: RollupJob,
  { orgId, repo, bucketStart }: BucketKey,
  isDerived: boolean,
  since: number,
): Failure {
  return {
    ...{ orgId, repo, bucketStart, series: name, formula, isDerived, since },
    ...{ isOpen: true, attempts: 0, waitsFor: '', reason: '', retryAt: since },
  };
}
