import { z } from 'zod';
import { count, historyFrom, moment, nextCursor, paging } from './atoms.js';

/** Grains of a series. */
export const BUCKETS = ['hour', 'day', 'week'] as const;
export const bucket = z.enum(BUCKETS);
export type Bucket = z.infer<typeof bucket>;

/** Query of `GET /v1/series/{name}`. Dimensions of the series are additional parameters. */
export const seriesQuery = z.object({
  from: moment.optional(),
  to: moment.optional(),
  bucket: bucket.optional(),
  /** Id or full name. */
  repository: z.string().max(600).optional(),
  ...paging,
});

const scalar = z.union([z.string(), z.number(), z.boolean(), z.null()]);

/** Points of a series, oldest first, with the columns of its view as fields. */
export const series = z.object({
  series: z.string(),
  bucket: bucket.nullable(),
  from: z.string(),
  to: z.string(),
  historyFrom,
  columns: z.array(z.string()),
  /** A column of counts by name is an object. */
  points: z.array(z.record(z.string(), z.union([scalar, z.record(z.string(), z.number())]))),
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

/** Query of `GET /v1/explain`. Dimensions of the point are additional parameters. */
export const explainQuery = z.object({
  series: z.string().max(100),
  bucket: bucket.default('hour'),
  /** Start of the point's bucket. */
  at: moment,
  /**
   * Id or full name. Required for a series per repository, unless the token is bound to one; ignored for a series of
   * the organisation.
   */
  repository: z.string().max(600).optional(),
  ...paging,
});

/** The facts behind one point, each once, however often it was delivered. */
export const explanation = z.object({
  series: z.string(),
  bucket,
  from: z.string(),
  to: z.string(),
  /** Null for a point of the whole organisation. */
  repository: z.string().nullable(),
  /** How the point is computed from the facts, and the version of that formula. */
  formula: z.string(),
  version: z.int(),
  /** Kind of the facts: the name of their view. */
  fact: z.string(),
  total: count,
  facts: z.array(z.record(z.string(), z.union([scalar, z.array(z.unknown())]))),
  nextCursor,
  /**
   * Repeated deliveries of these facts, which were not counted. Expired landing rows are not included. 0 for a series
   * of the organisation.
   */
  duplicatesIgnored: count,
  /**
   * All rows behind the bucket, by kind: a series may be computed from several. For a series of the organisation, the
   * newest scan of every repository. Lists up to `limit` rows; `count` includes all. `counted` is the number of rows
   * that the series counts: of a call with several judgements, only the strictest.
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
  /** The values of the series for the bucket, for every group. */
  points: z.array(z.record(z.string(), z.unknown())),
  /** The computed hours of the bucket: formula, number of facts, time and run. */
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
            'Null until the pass that computed the hour has ended, permanently if it crashed, and after 90 days, the retention of runs.',
        }),
    }),
  ),
  /** The scan before the bucket, if the first scan of the bucket is compared with it. */
  comparedWith: z.record(z.string(), z.unknown()).nullable(),
});
