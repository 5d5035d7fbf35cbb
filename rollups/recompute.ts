import { selectRows, type ClickHouseClient } from '#schemas/clickhouse/client.js';
import type { RollupJob } from './jobs.js';

/**
 * One hour of one repository. `repo` is empty in a job for the organisation. Of a session it is the session's id, and the
 * hour is 0.
 */
export interface BucketKey {
  orgId: string;
  repo: string;
  /** Start of the hour, seconds since the epoch, UTC. */
  bucketStart: number;
}

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

/** Buckets per INSERT; limits its memory and its block. */
const BUCKETS_PER_INSERT = 2_000;

/**
 * Maximum size of a statement in bytes. It contains the keys up to five times; this is more than the longest GitHub
 * names need.
 */
const STATEMENT = { max_query_size: '10000000' };

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
  let all = keys;
  for (const sql of job.affected) all = await pass.reach(client, sql, all);
  if (job.grain === 'day')
    all = distinct(all.map((key) => ({ ...key, bucketStart: key.bucketStart - (key.bucketStart % DAY_S) })));
  for (const batch of batches(all)) {
    const startedAt = performance.now();
    const { summary } = await client.command({
      query: withKeys(job.sql, batch),
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
  return all.length;
}

const DAY_S = 86_400;

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

const distinct = (keys: readonly BucketKey[]): BucketKey[] => [
  ...new Map(keys.map((key) => [keyOf(key), key])).values(),
];

/** Sorts neighbours together, so that a batch reads few ranges of the tables. */
function* batches(keys: readonly BucketKey[]): Generator<readonly BucketKey[]> {
  const sorted = [...keys].sort(
    (a, b) => compare(a.orgId, b.orgId) || compare(a.repo, b.repo) || a.bucketStart - b.bucketStart,
  );
  for (let start = 0; start < sorted.length; start += BUCKETS_PER_INSERT)
    yield sorted.slice(start, start + BUCKETS_PER_INSERT);
}

const compare = (a: string, b: string): number => (a < b ? -1 : Number(a > b));

/** Returns the identity of a bucket as one string. */
export const keyOf = (key: BucketKey): string => `${key.orgId}\0${key.repo}\0${key.bucketStart}`;

/** Returns the first and last bucket of the keys, which limit what a job reads. */
function bounds(keys: readonly BucketKey[]): Record<string, unknown> {
  return {
    from: keys.reduce((least, key) => Math.min(least, key.bucketStart), Infinity),
    to: keys.reduce((greatest, key) => Math.max(greatest, key.bucketStart), 0),
  };
}

/**
 * Embeds the keys in the statement: parameters travel in the URL, where hundreds of keys exceed the server's limit, and
 * with constants ClickHouse finds the granules without a subquery. `{keys}` becomes an array of (organisation,
 * repository, seconds), `{repos}` of (organisation, repository), `{orgs}` of organisations. Each is one string that is
 * cast: analysing thousands of literals would take longer than most jobs.
 */
export function withKeys(sql: string, keys: readonly BucketKey[]): string {
  const list = (type: string, values: readonly string[]): string =>
    `CAST(${stringLiteral(`[${[...new Set(values)].join(',')}]`)} AS Array(${type}))`;
  return sql
    .replaceAll('{keys}', () =>
      list(
        'Tuple(String, String, UInt32)',
        keys.map((key) => `(${stringLiteral(key.orgId)},${stringLiteral(key.repo)},${key.bucketStart})`),
      ),
    )
    .replaceAll('{repos}', () =>
      list(
        'Tuple(String, String)',
        keys.map((key) => `(${stringLiteral(key.orgId)},${stringLiteral(key.repo)})`),
      ),
    )
    .replaceAll('{orgs}', () =>
      list(
        'String',
        keys.map((key) => stringLiteral(key.orgId)),
      ),
    );
}

/**
 * Escapes a ClickHouse string literal, in which only quote and backslash are special; also inside the text of an array.
 */
const stringLiteral = (value: string): string => `'${value.replace(/[\\']/g, '\\$&')}'`;
