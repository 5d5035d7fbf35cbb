import { BUCKETS, type Bucket } from '#schemas/http/series.js';
import { VIEWS } from '#schemas/records/rows.js';

/**
 * The series that the API shows: one line each. Grains and columns are those of the views in
 * `schemas/records/rows.ts`: `<name>_hour`, `_day`, `_week`, or `<name>` alone where a series has no buckets.
 * A line whose views do not exist is not shown.
 */
const SERIES: readonly { name: string; time?: string }[] = [
  { name: 'score_trend' },
  { name: 'drift_history' },
  { name: 'blocked_command_rate' },
  { name: 'injection_attempt_rate' },
  { name: 'secret_exposure_events', time: 'first_seen_at' },
  { name: 'cross_repo_org_rollup' },
  { name: 'repo_route', time: 'scanned_at' },
  { name: 'finding_lifecycle', time: 'first_seen_at' },
  { name: 'coverage' },
];

type Types = Readonly<Record<string, string>>;

/** One view of a series. */
export interface SeriesView {
  view: string;
  /** Null: the series has no buckets. */
  bucket: Bucket | null;
  types: Types;
  /** Column that `from` and `to` hold for; undefined: the series has no time. */
  time: string | undefined;
  /** Columns that may be filtered by, besides the repository. */
  dimensions: readonly string[];
  /** Columns that tell rows apart, in order. */
  key: readonly string[];
}

export interface SeriesDefinition {
  name: string;
  views: readonly SeriesView[];
}

const views: Readonly<Record<string, Types>> = VIEWS;

function viewOf(view: string, bucket: Bucket | null, time: string | undefined): SeriesView[] {
  const types = views[view];
  if (types === undefined) return [];
  const columns = Object.keys(types);
  const timeColumn = bucket === null ? (time !== undefined && time in types ? time : undefined) : 'bucket_start';
  const isText = (name: string): boolean => /^(LowCardinality\()?String/.test(types[name] ?? '') || types[name] === 'Bool';
  const dimensions = columns.filter((name) => isText(name) && name !== 'org_id' && name !== 'repo');
  const rank = columns.filter((name) => name === 'repo' || name === 'episode' || (isText(name) && name !== 'org_id'));
  return [{ view, bucket, types, time: timeColumn, dimensions, key: [...(timeColumn === undefined ? [] : [timeColumn]), ...rank] }];
}

/** Every series there is. */
export const SERIES_TABLE: ReadonlyMap<string, SeriesDefinition> = new Map(
  SERIES.flatMap(({ name, time }) => {
    const buckets = BUCKETS.flatMap((bucket) => viewOf(`${name}_${bucket}`, bucket, undefined));
    const found = buckets.length > 0 ? buckets : viewOf(name, null, time);
    return found.length === 0 ? [] : [[name, { name, views: found }] as const];
  }),
);

/** `bucketStart` of `bucket_start`. */
export function camelCase(column: string): string {
  return column.replaceAll(/_([a-z0-9])/g, (_, letter: string) => letter.toUpperCase());
}

/** `bucket_start` of `bucketStart`. */
export function snakeCase(name: string): string {
  return name.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}
