import { z } from 'zod';
import { count, historyFrom, moment, nextCursor, paging } from './atoms.js';

/** Grains of a series. */
export const BUCKETS = ['hour', 'day', 'week'] as const;
export const bucket = z.enum(BUCKETS);
export type Bucket = z.infer<typeof bucket>;

/** Query of `GET /v1/series/{name}`; dimensions of the series may stand beside these. */
export const seriesQuery = z.object({
  from: moment.optional(),
  to: moment.optional(),
  bucket: bucket.optional(),
  /** Id or full name. */
  repository: z.string().max(600).optional(),
  ...paging,
});

const value = z.union([z.string(), z.number(), z.boolean(), z.null()]);

/** Points of a series, oldest first; their fields are the columns of its view. */
export const series = z.object({
  series: z.string(),
  bucket: bucket.nullable(),
  from: z.string(),
  to: z.string(),
  historyFrom,
  columns: z.array(z.string()),
  points: z.array(z.record(z.string(), value)),
  nextCursor,
});

/** Answer of `GET /v1/series`. */
export const seriesList = z.object({
  series: z.array(
    z.object({
      name: z.string(),
      description: z.string(),
      buckets: z.array(bucket),
      dimensions: z.array(z.string()),
      columns: z.array(z.string()),
      isExplained: z.boolean(),
    }),
  ),
});

/** Query of `GET /v1/explain`; dimensions of the point may stand beside these. */
export const explainQuery = z.object({
  series: z.string().max(100),
  bucket: bucket.default('hour'),
  /** Start of the point's bucket. */
  at: moment,
  /** Id or full name. Needed for a series of repositories unless the token is bound to one; ignored for one of the organisation. */
  repository: z.string().max(600).optional(),
  ...paging,
});

/** The facts behind one point, each once however often it was delivered. */
export const explanation = z.object({
  series: z.string(),
  bucket,
  from: z.string(),
  to: z.string(),
  /** Null: the point is the whole organisation's. */
  repository: z.string().nullable(),
  /** How the point is made of the facts, and the version of that formula. */
  formula: z.string(),
  version: z.int(),
  /** Kind of the facts: the view they are rows of. */
  fact: z.string(),
  total: count,
  facts: z.array(z.record(z.string(), value)),
  nextCursor,
  /** Deliveries of these facts beyond the first, which were not counted; what landing has dropped is not known any more. Told of series of a repository, 0 of others. */
  duplicatesIgnored: count,
  /**
   * Everything behind the bucket, whatever its kind: a series may be made of several. Of a series of the whole
   * organisation, the newest scan of every repository. Rows up to `limit`; `count` is of all. `counted` is how many of
   * them the series counts: of a call that was judged more than once the strictest judgement.
   */
  evidence: z.array(
    z.object({
      fact: z.string(),
      count,
      counted: count,
      duplicatesIgnored: count,
      rows: z.array(z.record(z.string(), z.unknown())),
      isCutOff: z.boolean(),
    }),
  ),
  /** What the series shows for the bucket, every group of it. */
  points: z.array(z.record(z.string(), z.unknown())),
  /** The hours the bucket is folded from, as they were computed: by which formula, of how many facts, when, and by which run. */
  computed: z.array(
    z.object({
      bucketStart: z.string(),
      formula: z.int(),
      version: z.string(),
      computedAt: z.string(),
      facts: count.nullable(),
      run: z
        .object({ worker: z.string(), cause: z.string(), durationMs: z.number(), rowsRead: z.number().nullable() })
        .nullable()
        .meta({
          description:
            'Null until the pass that computed the hour has ended, for good where it died before its end, and after 90 days, which is how long runs are kept.',
        }),
    }),
  ),
  /** The scan before the bucket, where its first one is compared with it. */
  comparedWith: z.record(z.string(), z.unknown()).nullable(),
});
