import { BUCKETS, type Bucket } from '#schemas/http/series.js';
import { VIEWS } from '#schemas/records/rows.js';

/** A series of the API. */
interface SeriesLine {
  readonly name: string;
  /** What its points are, for readers of the API. */
  readonly text: string;
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
  { name: 'score_trend', text: 'Scores of the scans of a bucket: last, least, greatest, mean.' },
  { name: 'score_trend_org', text: 'Scores of the newest scan of every repository at the end of a bucket.' },
  { name: 'drift_history', text: 'Drifts as they were reported, and what scans show to have come and gone.' },
  { name: 'drift_history_org', text: 'The same of all repositories.' },
  { name: 'blocked_command_rate', text: 'Calls that guards judged, each once, by its strictest verdict.' },
  { name: 'blocked_command_rate_org', text: 'The same of all repositories.' },
  { name: 'decision_duration', text: 'How long the judgements took that count.' },
  { name: 'decision_duration_org', text: 'The same of all repositories.' },
  { name: 'injection_attempt_rate', text: 'Calls blocked as injections, and injection findings of scans.' },
  { name: 'injection_attempt_rate_org', text: 'The same of all repositories.' },
  {
    name: 'secret_exposure_events',
    text: 'Critical secrets, each from the scan that shows it to the next that does not; by bucket how many began and ended.',
    view: 'secret_exposure',
    since: 'first_seen_at',
    until: 'resolved_at',
  },
  {
    name: 'cross_repo_org_rollup',
    text: 'What the newest scan of every repository counts at the end of a bucket; routes and status as the scans gave them, whatever was accepted or decided since.',
  },
  {
    name: 'repo_route',
    text: 'The newest scan of every repository and its route now: accepted findings do not block.',
    since: 'scanned_at',
  },
  {
    name: 'finding_lifecycle',
    text: 'Findings that appeared, came back and were fixed in a bucket, and how many its last scan shows.',
  },
  { name: 'finding_lifecycle_org', text: 'The same of all repositories.' },
  {
    name: 'open_finding',
    text: 'Findings that stand open; by bucket how many at its end, and how many of them accepted or muted.',
    since: 'opened_at',
  },
  { name: 'open_finding_org', text: 'The same of all repositories, by bucket.' },
  {
    name: 'open_review_item_org',
    text: 'Review items that were opened and closed, and how many wait at the end of a bucket.',
  },
  { name: 'masked_value', text: 'Values masked on their way in.' },
  { name: 'masked_value_org', text: 'The same of all repositories.' },
  { name: 'coverage', text: 'Which producers were heard, and what they are now: reporting, silent, never heard.' },
  { name: 'coverage_org', text: 'The same of all repositories.' },
  { name: 'session_coverage', text: 'Sessions of agents, and whether a guard saw them.' },
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
  text: string;
  views: readonly SeriesView[];
}

const views: Readonly<Record<string, Types>> = VIEWS;

/** Sketches and sets of hashes are for folding, not for reading. */
const isShown = ([column, type]: [string, string]): boolean =>
  column !== 'org_id' && !/^(Array|AggregateFunction)\(/.test(type);

function viewOf(view: string, bucket: Bucket | null, since: string, until?: string): SeriesView[] {
  const all = views[view];
  if (all === undefined) return [];
  const types = Object.fromEntries(Object.entries(all).filter(isShown));
  const columns = Object.keys(types);
  const isText = (name: string): boolean =>
    /^(LowCardinality\()?String/.test(types[name] ?? '') || types[name] === 'Bool';
  const dimensions = columns.filter((name) => isText(name) && name !== 'repo');
  const rank = columns.filter((name) => name === 'repo' || name === 'episode' || name === 'occurrence' || isText(name));
  return [{ view, bucket, types, since, until, dimensions, key: [since, ...rank] }];
}

/** Every series there is. */
export const SERIES_TABLE: ReadonlyMap<string, SeriesDefinition> = new Map(
  SERIES.map(({ name, text, view = name, since, until }) => {
    const buckets = BUCKETS.flatMap((bucket) => viewOf(`${view}_${bucket}`, bucket, 'bucket_start'));
    return [
      name,
      { name, text, views: [...(since === undefined ? [] : viewOf(name, null, since, until)), ...buckets] },
    ] as const;
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
