import { selectRows, type ClickHouseClient } from '#schemas/clickhouse/client.js';
import { batches, bounds, distinct, keyOf, STATEMENT, withKeys, type BucketKey } from './bucket-key.js';
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

/** Time limit of one recomputation; even a bucket of a very large hour is bounded. */
const INSERT_TIMEOUT_S = 120;

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

/**
 * Recomputes the given buckets, and those they affect, from facts; each bucket in one atomic write. A pure function of
 * the facts: running it twice, or in two processes at once, yields the same series.
 *
 * @param onInsert called after each INSERT.
 * @returns the number of buckets recomputed.
 */
export async function recompute(
  client: ClickHouseClient,
  job: RollupJob,
  keys: readonly BucketKey[],
  pass: Pass,
  onInsert?: (done: Recomputed) => void,
): Promise<number> {
  const { within, over, weigh } = await bySize(client, job, keys, pass);
  let all = within;
  for (const sql of job.affected) all = await pass.reach(client, sql, all);
  if (job.affected.length > 0 && job.over !== undefined && over.length > 0)
    all = distinct([...all, ...(await pass.reach(client, job.over, over))]);
  if (job.grain === 'day')
    all = distinct(all.map((key) => ({ ...key, bucketStart: key.bucketStart - (key.bucketStart % DAY_S) })));
  const statements = [...batches(all, weigh)].map((batch) => ({ sql: job.sql, batch }));
  if (job.affected.length === 0 && job.over !== undefined)
    for (const batch of batches(over)) statements.push({ sql: job.over, batch });
  for (const { sql, batch } of statements) {
    const startedAt = performance.now();
    const { summary } = await client.command({
      query: withKeys(sql, batch),
      query_params: { ...bounds(batch), version: pass.version, formula: job.formula },
      // One thread and one block of any size: the rows of a bucket become visible together.
      clickhouse_settings: {
        max_insert_threads: '1',
        min_insert_block_size_rows: '10000000',
        min_insert_block_size_bytes: '0',
        max_threads: 2,
        max_execution_time: INSERT_TIMEOUT_S,
        ...STATEMENT,
      },
    });
    onInsert?.({
      job,
      version: pass.version,
      buckets: batch.length,
      durationMs: Math.round(performance.now() - startedAt),
      rowsRead: reportedCount(summary?.read_rows),
      rowsWritten: reportedCount(summary?.written_rows),
    });
  }
  return statements.reduce((sum, { batch }) => sum + batch.length, 0);
}

const DAY_S = 86_400;

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
 * Runs `work` for every job, several at once, each after the jobs that it reads. Rejects with the first failure once
 * all started ones have ended.
 */
export async function inOrder(jobs: readonly RollupJob[], work: (job: RollupJob) => Promise<void>): Promise<void> {
  const waiting = [...jobs];
  const running = new Map<RollupJob, Promise<void>>();
  const failures: unknown[] = [];
  const isHeldUp = (job: RollupJob): boolean =>
    [...waiting, ...running.keys()].some(({ name }) => job.reads.includes(name));
  while (waiting.length + running.size > 0) {
    const ready = failures.length > 0 || running.size >= AT_ONCE ? undefined : waiting.find((job) => !isHeldUp(job));
    if (ready === undefined) {
      if (running.size === 0) break;
      await Promise.race(running.values());
      continue;
    }
    waiting.splice(waiting.indexOf(ready), 1);
    const done = work(ready)
      .catch((error: unknown) => {
        failures.push(error);
      })
      .finally(() => running.delete(ready));
    running.set(ready, done);
  }
  if (failures.length > 0) throw failures[0];
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
