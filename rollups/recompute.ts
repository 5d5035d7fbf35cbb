import { selectRows, type ClickHouseClient } from '#schemas/clickhouse/client.js';
import type { RollupJob } from './jobs.js';

/** One hour of one repository. In a job whose scope is the organisation, `repo` is empty. */
export interface BucketKey {
  orgId: string;
  repo: string;
  /** Start of the hour, seconds since the epoch, UTC. */
  bucketStart: number;
}

/** One INSERT into a series and what it cost. */
export interface Recomputed {
  job: RollupJob;
  /** The version its rows carry: the server's clock in microseconds. */
  version: string;
  buckets: number;
  durationMs: number;
  /** Null where the store does not tell: chDB does not, of an INSERT. */
  rowsRead: number | null;
  rowsWritten: number | null;
}

/** Buckets of one INSERT; keeps its memory and its block bounded. */
const BUCKETS_PER_INSERT = 2_000;

/** Longest time one recomputation may take; a bucket of a very large hour is still bounded. */
const INSERT_TIMEOUT_S = 120;

/**
 * Recomputes the given buckets, and those they reach, from facts; each bucket in one atomic write. A pure
 * function of the facts: running it twice, or in two processes at once, gives the same series.
 *
 * @param onInsert called after each INSERT.
 * @returns the number of buckets recomputed.
 */
export async function recompute(
  client: ClickHouseClient,
  job: RollupJob,
  keys: readonly BucketKey[],
  onInsert?: (done: Recomputed) => void,
): Promise<number> {
  let all: readonly BucketKey[] = keys;
  for (const sql of job.affected) all = await reach(client, sql, all);
  for (const batch of batches(all)) {
    // Taken before the facts are read: whoever starts reading later has seen at least as much and wins.
    const version = await serverClockMicros(client);
    const startedAt = performance.now();
    const { summary } = await client.command({
      query: withKeys(job.sql, batch),
      query_params: { ...bounds(batch), version, formula: job.formula },
      // One thread and one block, as large as it takes: the rows of a bucket become visible together.
      clickhouse_settings: {
        max_insert_threads: '1', min_insert_block_size_rows: '10000000', min_insert_block_size_bytes: '0',
        max_threads: 2, max_execution_time: INSERT_TIMEOUT_S,
      },
    });
    onInsert?.({
      job,
      version,
      buckets: batch.length,
      durationMs: Math.round(performance.now() - startedAt),
      rowsRead: told(summary?.read_rows),
      rowsWritten: told(summary?.written_rows),
    });
  }
  return all.length;
}

/** A recomputation always reads and writes something: 0 says that the store does not know. */
const told = (rows: string | undefined): number | null => (rows === undefined || rows === '0' ? null : Number(rows));

/** The keys that a SELECT of `jobs/*.affected.sql` makes of these. */
async function reach(client: ClickHouseClient, sql: string, keys: readonly BucketKey[]): Promise<BucketKey[]> {
  const reached = new Map<string, BucketKey>();
  for (const batch of batches(keys)) {
    const rows = await selectRows<BucketKey>(
      client,
      `SELECT org_id AS orgId, repo, toUnixTimestamp(bucket_start) AS bucketStart FROM (${withKeys(sql, batch)})`,
      bounds(batch),
    );
    for (const row of rows) reached.set(keyOf(row), row);
  }
  return [...reached.values()];
}

/** Neighbours together: a batch then reads few stretches of the tables. */
function* batches(keys: readonly BucketKey[]): Generator<readonly BucketKey[]> {
  const sorted = [...keys].sort((a, b) => compare(a.orgId, b.orgId) || compare(a.repo, b.repo) || a.bucketStart - b.bucketStart);
  for (let start = 0; start < sorted.length; start += BUCKETS_PER_INSERT) yield sorted.slice(start, start + BUCKETS_PER_INSERT);
}

const compare = (a: string, b: string): number => (a < b ? -1 : Number(a > b));

/** Identity of a bucket as one string. */
export const keyOf = (key: BucketKey): string => `${key.orgId}\0${key.repo}\0${key.bucketStart}`;

/** The first and last hour of the keys, by which a job bounds what it reads. */
function bounds(keys: readonly BucketKey[]): Record<string, unknown> {
  return {
    from: keys.reduce((least, key) => Math.min(least, key.bucketStart), Infinity),
    to: keys.reduce((greatest, key) => Math.max(greatest, key.bucketStart), 0),
  };
}

/**
 * Puts the keys into the statement itself: parameters travel in the URL, and hundreds of keys are more than a server
 * takes there. `{orgs}`, `{repos}` and `{hours}` of a job are written as the parameters they would be.
 */
export function withKeys(sql: string, keys: readonly BucketKey[]): string {
  const strings = (values: readonly string[]): string => `[${values.map(stringLiteral).join(', ')}]`;
  return sql
    .replaceAll('{orgs:Array(String)}', () => strings(keys.map((key) => key.orgId)))
    .replaceAll('{repos:Array(String)}', () => strings(keys.map((key) => key.repo)))
    .replaceAll("{hours:Array(DateTime('UTC'))}", () => `[${keys.map((key) => key.bucketStart).join(', ')}]::Array(DateTime('UTC'))`);
}

/** In a ClickHouse string literal only the quote and the backslash mean something. */
const stringLiteral = (value: string): string => `'${value.replace(/[\\']/g, '\\$&')}'`;

/** The server's clock in microseconds; every worker takes its versions from this one clock. */
async function serverClockMicros(client: ClickHouseClient): Promise<string> {
  const rows = await selectRows<{ micros: string }>(client, 'SELECT toString(toUnixTimestamp64Micro(now64(6))) AS micros');
  const micros = rows[0]?.micros;
  if (micros === undefined) throw new Error('the store did not tell its clock');
  return micros;
}
