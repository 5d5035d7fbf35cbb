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

/** Buckets per INSERT; limits its memory and its block. */
const BUCKETS_PER_INSERT = 2_000;
/** Weight of the buckets of one INSERT, if it has more than one. */
const WEIGHT_PER_INSERT = 100_000;

/**
 * Maximum size of a statement in bytes. It contains the keys up to five times; this is more than the longest GitHub
 * names need.
 */
export const STATEMENT = { max_query_size: '10000000' };

/** Returns the identity of a bucket as one string. */
export const keyOf = (key: BucketKey): string => `${key.orgId}\0${key.repo}\0${key.bucketStart}`;

/** Returns the first and last bucket of the keys, which limit what a job reads. */
export function bounds(keys: readonly BucketKey[]): Record<string, unknown> {
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

export const distinct = (keys: readonly BucketKey[]): BucketKey[] => [
  ...new Map(keys.map((key) => [keyOf(key), key])).values(),
];

/**
 * Cuts keys into batches. Sorts neighbours together, so that a batch reads few ranges of the tables. `weigh`: what a key adds to
 * the weight of its batch.
 */
export function* batches(
  keys: readonly BucketKey[],
  weigh: (key: BucketKey) => number = () => 0,
): Generator<readonly BucketKey[]> {
  const sorted = [...keys].sort(
    (a, b) => compare(a.orgId, b.orgId) || compare(a.repo, b.repo) || a.bucketStart - b.bucketStart,
  );
  let batch: BucketKey[] = [];
  let weight = 0;
  for (const key of sorted) {
    const more = weigh(key);
    if (batch.length === BUCKETS_PER_INSERT || (batch.length > 0 && weight + more > WEIGHT_PER_INSERT)) {
      yield batch;
      [batch, weight] = [[], 0];
    }
    batch.push(key);
    weight += more;
  }
  if (batch.length > 0) yield batch;
}

const compare = (a: string, b: string): number => (a < b ? -1 : Number(a > b));
