import { ClickHouseError, selectRows, type ClickHouseClient } from '#schemas/clickhouse/client.js';
import { batches, bounds, distinct, keyOf, STATEMENT, withKeys, type BucketKey } from './bucket-key.js';
import { startOfDay, type Failed } from './failures.js';
import type { RollupJob } from './jobs.js';
import { isTooLarge, sessionSizes, type SessionSize } from './session-size.js';

/** One INSERT into a series and its cost. */
export interface Recomputed {
  job: RollupJob;
  /** The version of its rows. */
  version: string;
  buckets: number;
  durationMs: number;
  /** Null if the store does not report it: chDB does not for an INSERT. */
  rowsRead: number | null;
  rowsWritten: number | null;
}

/**
 * Time limit of one recomputation, seconds; even a bucket of a very large hour is bounded. Less than the 30 s after which the
 * client gives up, so that it is the engine that ends the work and says so.
 */
const INSERT_TIMEOUT_S = 25;
/** Time limit of a part of one that was refused, at least. */
const LEAST_TIMEOUT_S = 5;

/**
 * A pass over dirty buckets: the version of everything it writes, taken from the server's clock before any fact was
 * read, and a cache of the buckets that marked ones affect, which several jobs share.
 */
export class Pass {
  /** Returns the server's clock in microseconds; all versions come from this clock. */
  readonly version: string;
  readonly #reached = new Map<string, Promise<BucketKey[]>>();
  readonly #sizes = new Map<string, Promise<ReadonlyMap<string, SessionSize>>>();

  private constructor(version: string) {
    this.version = version;
  }

  /**
   * Of two passes over the same bucket the one that began later wins, in any order of writing: it has read at least as
   * much.
   */
  static async begin(client: ClickHouseClient): Promise<Pass> {
    const [row] = await selectRows<{ micros: string }>(
      client,
      'SELECT toString(toUnixTimestamp64Micro(now64(6))) AS micros',
    );
    if (row === undefined) throw new Error('the store did not return its clock');
    return new Pass(row.micros);
  }

  /** When it began, in milliseconds since the epoch by the server's clock. */
  get beganAt(): number {
    return Math.floor(Number(this.version) / 1_000);
  }

  /** Returns the keys that a SELECT of `jobs/*.affected.sql` derives from these. */
  reach(client: ClickHouseClient, sql: string, keys: readonly BucketKey[]): Promise<BucketKey[]> {
    const question = `${sql}\0${keys.map(keyOf).join('\0')}`;
    const asked = this.#reached.get(question) ?? reach(client, sql, keys);
    this.#reached.set(question, asked);
    return asked;
  }

  /** Returns the sizes of sessions, by `keyOf`. */
  sizes(client: ClickHouseClient, keys: readonly BucketKey[]): Promise<ReadonlyMap<string, SessionSize>> {
    const question = keys.map(keyOf).join('\0');
    const asked = this.#sizes.get(question) ?? sessionSizes(client, keys);
    this.#sizes.set(question, asked);
    return asked;
  }
}

/** What to recompute: marked keys, from which a job derives its buckets, and buckets. */
export interface Work {
  marked: readonly BucketKey[];
  buckets?: readonly BucketKey[];
  /** Buckets to leave out, although they follow from a marked key. */
  isLeftOut?: (bucket: BucketKey) => boolean;
}

export interface RecomputeSettings {
  /** Called after each INSERT. */
  onInsert?: (done: Recomputed) => void;
  /** Called for what the engine refuses to compute; the rest is computed. Without it the first error ends the work. */
  onFailed?: (failed: Failed) => void;
}

/**
 * Recomputes the given buckets, and those that marked keys affect, from facts; each bucket in one atomic write. A pure
 * function of the facts: running it twice, or in two processes at once, yields the same series.
 *
 * @returns the number of buckets recomputed.
 * @throws an error that no statement is to blame for, such as a lost connection.
 */
export async function recompute(
  client: ClickHouseClient,
  job: RollupJob,
  { marked, buckets = [], isLeftOut = () => false }: Work,
  pass: Pass,
  { onInsert, onFailed }: RecomputeSettings = {},
): Promise<number> {
  const isolation = new Isolation(onFailed);
  const derived: BucketKey[] = [...buckets];
  const statements: { sql: string; batch: readonly BucketKey[] }[] = [];
  await isolation.run(marked, false, async (keys) => {
    const { within, over, weigh } = await bySize(client, job, keys, pass);
    if (!isDerivedBy(job)) {
      for (const batch of batches(within, weigh)) statements.push({ sql: job.sql, batch });
      if (job.over !== undefined) for (const batch of batches(over)) statements.push({ sql: job.over, batch });
      return;
    }
    let all = within;
    for (const sql of job.affected) all = await pass.reach(client, sql, all);
    derived.push(...all.map(bucketOf(job)));
    if (job.over !== undefined && over.length > 0)
      derived.push(...(await pass.reach(client, job.over, over)).map(bucketOf(job)));
  });
  for (const batch of batches(distinct(derived).filter((bucket) => !isLeftOut(bucket))))
    statements.push({ sql: job.sql, batch });

  let done = 0;
  for (const { sql, batch } of statements)
    await isolation.run(batch, isDerivedBy(job), async (keys, limitS) => {
      const startedAt = performance.now();
      const { summary } = await client.command({
        query: withKeys(sql, keys),
        query_params: { ...bounds(keys), version: pass.version, formula: job.formula },
        // One thread and one block of any size: the rows of a bucket become visible together.
        clickhouse_settings: {
          max_insert_threads: '1',
          min_insert_block_size_rows: '10000000',
          min_insert_block_size_bytes: '0',
          max_threads: 2,
          max_execution_time: limitS,
          ...STATEMENT,
        },
      });
      done += keys.length;
      onInsert?.({
        job,
        version: pass.version,
        buckets: keys.length,
        durationMs: Math.round(performance.now() - startedAt),
        rowsRead: reportedCount(summary?.read_rows),
        rowsWritten: reportedCount(summary?.written_rows),
      });
    });
  return done;
}

/** Returns whether what a job writes is derived from marked keys. Of sessions the key is the same, and its size decides the SQL. */
const isDerivedBy = (job: RollupJob): boolean => job.scope !== 'session' || job.affected.length > 0;

const bucketOf =
  (job: RollupJob) =>
  (key: BucketKey): BucketKey =>
    job.grain === 'day' ? startOfDay(key) : key;

/** Statements that may fail in one call of {@link recompute} before keys are no longer separated. */
const MOST_FAILED = 32;

/**
 * Runs work on keys. When the engine refuses it, splits the keys, first by organisation, until those that it refuses stand
 * alone; reports these and has done the others. The number of refused statements is bounded: what is refused after that is
 * reported as it stands.
 */
class Isolation {
  readonly #onFailed: ((failed: Failed) => void) | undefined;
  #failed = 0;

  constructor(onFailed: ((failed: Failed) => void) | undefined) {
    this.#onFailed = onFailed;
  }

  async run(
    all: readonly BucketKey[],
    isDerived: boolean,
    work: (keys: readonly BucketKey[], limitS: number) => Promise<void>,
  ): Promise<void> {
    const waiting = all.length === 0 ? [] : [{ keys: all, limitS: INSERT_TIMEOUT_S }];
    for (let piece = waiting.pop(); piece !== undefined; piece = waiting.pop()) {
      const { keys, limitS } = piece;
      const startedAt = performance.now();
      try {
        await work(keys, limitS);
      } catch (error) {
        if (this.#onFailed === undefined || !(error instanceof ClickHouseError)) throw error;
        this.#failed += 1;
        if (keys.length > 1 && this.#failed <= MOST_FAILED) {
          const half = Math.max(LEAST_TIMEOUT_S, limitS / 2);
          for (const part of halves(keys)) waiting.push({ keys: part, limitS: half });
          continue;
        }
        const durationMs = performance.now() - startedAt;
        const reason = error.type ?? `error ${error.code}`;
        for (const key of keys) this.#onFailed({ key, isDerived, reason, durationMs });
      }
    }
  }
}

/** Splits keys in two, between organisations if there are several. */
function halves(keys: readonly BucketKey[]): [readonly BucketKey[], readonly BucketKey[]] {
  const sorted = [...keys].sort((a, b) => (a.orgId < b.orgId ? -1 : Number(a.orgId > b.orgId)));
  const middle = Math.floor(sorted.length / 2);
  const isBoundary = (at: number): boolean => sorted[at - 1]?.orgId !== sorted[at]?.orgId;
  for (let step = 0; step < middle; step += 1)
    for (const at of [middle - step, middle + step])
      if (at > 0 && at < sorted.length && isBoundary(at)) return [sorted.slice(0, at), sorted.slice(at)];
  return [sorted.slice(0, middle), sorted.slice(middle)];
}

/** Separates sessions that are too large to be joined; `weigh` bounds the events of one INSERT. Other jobs' keys all count alike. */
async function bySize(
  client: ClickHouseClient,
  job: RollupJob,
  keys: readonly BucketKey[],
  pass: Pass,
): Promise<{ within: readonly BucketKey[]; over: readonly BucketKey[]; weigh?: (key: BucketKey) => number }> {
  if (job.scope !== 'session') return { within: keys, over: [] };
  const sizes = await pass.sizes(client, keys);
  const sizeOf = (key: BucketKey): SessionSize => sizes.get(keyOf(key)) ?? { events: 0, places: 0 };
  return {
    within: keys.filter((key) => !isTooLarge(sizeOf(key))),
    over: keys.filter((key) => isTooLarge(sizeOf(key))),
    weigh: (key) => sizeOf(key).events + sizeOf(key).places,
  };
}

/** Jobs of a pass that run at once: enough that one computes while another waits for its response. */
const AT_ONCE = 4;

/**
 * Runs `work` for every job, several at once, each after the jobs that it reads. A job whose `work` rejects stops only those
 * that read it, which do not run.
 *
 * @returns the errors of jobs that failed, and of those that did not run the one that was the reason.
 */
export async function inOrder(
  jobs: readonly RollupJob[],
  work: (job: RollupJob) => Promise<void>,
): Promise<ReadonlyMap<RollupJob, unknown>> {
  const waiting = [...jobs];
  const running = new Map<RollupJob, Promise<void>>();
  const failures = new Map<RollupJob, unknown>();
  const reads = (job: RollupJob, of: Iterable<RollupJob>): RollupJob | undefined =>
    [...of].find(({ name }) => job.reads.includes(name));
  while (waiting.length + running.size > 0) {
    const ready = waiting.find((job) => reads(job, [...waiting, ...running.keys()]) === undefined);
    if (ready === undefined || running.size >= AT_ONCE) {
      if (running.size === 0) throw new Error('jobs that read one another');
      await Promise.race(running.values());
      continue;
    }
    waiting.splice(waiting.indexOf(ready), 1);
    const failed = reads(ready, failures.keys());
    if (failed !== undefined) {
      failures.set(ready, failures.get(failed));
      continue;
    }
    const done = work(ready)
      .catch((error: unknown) => {
        failures.set(ready, error);
      })
      .finally(() => running.delete(ready));
    running.set(ready, done);
  }
  return failures;
}

/** A recomputation always reads and writes something: 0 means that the store does not report it. */
const reportedCount = (rows: string | undefined): number | null =>
  rows === undefined || rows === '0' ? null : Number(rows);

async function reach(client: ClickHouseClient, sql: string, keys: readonly BucketKey[]): Promise<BucketKey[]> {
  const reached: BucketKey[] = [];
  for (const batch of batches(keys)) {
    const answer = await client.query({
      query: `SELECT org_id AS orgId, repo, toUnixTimestamp(bucket_start) AS bucketStart FROM (${withKeys(sql, batch)})`,
      query_params: bounds(batch),
      clickhouse_settings: STATEMENT,
      format: 'JSONEachRow',
    });
    reached.push(...(await answer.json<BucketKey>()));
  }
  return distinct(reached);
}
