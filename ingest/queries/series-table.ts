import { BUCKETS, type Bucket } from '#schemas/http/series.js';
import { VIEWS } from '#schemas/records/rows.js';

/** A series of the API. */
interface SeriesLine {
  readonly name: string;
  /** Views of its buckets are `<view>_hour`, `_day` and `_week`; its name unless set. */
  readonly view?: string;
  /** A row of the view that bears its name is a stretch of time: from this column ... */
  readonly since?: string;
  /** ... to this one, null while it lasts. Unset: it lasts until now. */
  readonly until?: string;
}

/**
 * The series that the API shows: one line each. Grains and columns are those of the views in
 * `schemas/records/rows.ts`: `<view>_hour`, `_day`, `_week`, and `<name>` where a series has rows without buckets.
 */
const SERIES: readonly SeriesLine[] = [
  { name: 'score_trend' },
  { name: 'score_trend_org' },
  { name: 'drift_history' },
  { name: 'drift_history_org' },
  { name: 'blocked_command_rate' },
  { name: 'blocked_command_rate_org' },
  { name: 'decision_duration' },
  { name: 'decision_duration_org' },
  { name: 'injection_attempt_rate' },
  { name: 'injection_attempt_rate_org' },
  { name: 'secret_exposure_events', view: 'secret_exposure', since: 'first_seen_at', until: 'resolved_at' },
  { name: 'cross_repo_org_rollup' },
  { name: 'repo_route', since: 'scanned_at' },
  { name: 'finding_lifecycle' },
  { name: 'finding_lifecycle_org' },
  { name: 'open_finding', since: 'opened_at' },
  { name: 'open_finding_org' },
  { name: 'open_review_item_org' },
  { name: 'masked_value' },
  { name: 'masked_value_org' },
  { name: 'coverage' },
  { name: 'coverage_org' },
  { name: 'session_coverage' },
];

type Types = Readonly<Record<string, string>>;

/** One view of a series. */
export interface SeriesView {
  view: string;
  /** Null: its rows have no buckets. */
  bucket: Bucket | null;
  /** Columns that the API shows, and their types. */
  types: Types;
  /** Column at which a row begins: of a bucket its start. */
  since: string;
  /** Column at which a row without a bucket ends, null while it lasts; undefined: it lasts until now. */
  until: string | undefined;
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

/** Sketches and sets of hashes are for folding, not for reading. */
const isShown = ([column, type]: [string, string]): boolean => column !== 'org_id' && !/^(Array|AggregateFunction)\(/.test(type);

function viewOf(view: string, bucket: Bucket | null, since: string, until?: string): SeriesView[] {
  const all = views[view];
  if (all === undefined) return [];
  const types = Object.fromEntries(Object.entries(all).filter(isShown));
  const columns = Object.keys(types);
  const isText = (name: string): boolean => /^(LowCardinality\()?String/.test(types[name] ?? '') || types[name] === 'Bool';
  const dimensions = columns.filter((name) => isText(name) && name !== 'repo');
  const rank = columns.filter((name) => name === 'repo' || name === 'episode' || name === 'occurrence' || isText(name));
  return [{ view, bucket, types, since, until, dimensions, key: [since, ...rank] }];
}

/** Every series there is. */
export const SERIES_TABLE: ReadonlyMap<string, SeriesDefinition> = new Map(
  SERIES.map(({ name, view = name, since, until }) => {
    const buckets = BUCKETS.flatMap((bucket) => viewOf(`${view}_${bucket}`, bucket, 'bucket_start'));
    return [name, { name, views: [...(since === undefined ? [] : viewOf(name, null, since, until)), ...buckets] }] as const;
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
