import { BUCKETS, type Bucket } from '#schemas/http/series.js';
import { VIEWS } from '#schemas/records/rows.js';

/** Declaration of a series. */
interface SeriesLine {
  readonly name: string;
  /** Description of the points, shown by the API. */
  readonly text: string;
  /** Prefix of the bucket views `<view>_hour`, `_day` and `_week`. Default: the series' name. */
  readonly view?: string;
  /** Start column, for a series whose view without a suffix has one row per interval. */
  readonly since?: string;
  /** End column of such an interval, null while it lasts. Default: the interval lasts until now. */
  readonly until?: string;
}

/**
 * The series of the API, one line each. Grains and columns come from the views in `schemas/records/rows.ts`:
 * `<view>_hour`, `_day`, `_week`, and `<name>` for series with rows without buckets.
 */
const SERIES: readonly SeriesLine[] = [
  { name: 'score_trend', text: 'Scores of the scans in a bucket: last, minimum, maximum, mean.' },
  { name: 'score_trend_org', text: "Scores of every repository's newest scan at the end of a bucket." },
  { name: 'drift_history', text: 'Reported drifts, and findings that appeared or disappeared between scans.' },
  { name: 'drift_history_org', text: 'The same, for the whole organisation.' },
  { name: 'blocked_command_rate', text: 'Judged tool calls; each counts once, by its strictest judgement.' },
  { name: 'blocked_command_rate_org', text: 'The same, for the whole organisation.' },
  {
    name: 'tool_call_outcomes',
    text: 'Tool calls by what became of them: judgements of guards joined with what the agents report. `ran`: those that ran; `judged`: of these, those that a guard judged in time.',
  },
  { name: 'tool_call_outcomes_org', text: 'The same, for the whole organisation.' },
  {
    name: 'judged_share',
    text: 'Tool calls that ran, those that a guard judged in time, and the causes of the others.',
  },
  { name: 'judged_share_org', text: 'The same, for the whole organisation.' },
  {
    name: 'agent_usage',
    text: 'Model calls, tokens, US dollars and failed requests that agents report, by agent and model. The repository is that of the session. A cost of 0 beside tokens means that the agent reports none.',
  },
  { name: 'agent_usage_org', text: 'The same, for the whole organisation.' },
  { name: 'decision_duration', text: 'Duration of the judgements that count.' },
  { name: 'decision_duration_org', text: 'The same, for the whole organisation.' },
  { name: 'injection_attempt_rate', text: 'Calls blocked as injections, and injection findings of scans.' },
  { name: 'injection_attempt_rate_org', text: 'The same, for the whole organisation.' },
  {
    name: 'secret_exposure_events',
    text: 'Critical secrets, each from the scan that reports it to the next that does not. By bucket: the number that began and ended.',
    view: 'secret_exposure',
    since: 'first_seen_at',
    until: 'resolved_at',
  },
  {
    name: 'cross_repo_org_rollup',
    text: "Counts of every repository's newest scan at the end of a bucket. Routes and status are those of the scans; later acceptances and decisions do not change them.",
  },
  {
    name: 'repo_route',
    text: 'The newest scan of every repository and its current route. Accepted findings do not block.',
    since: 'scanned_at',
  },
  {
    name: 'finding_lifecycle',
    text: 'Findings that were new, back or fixed in a bucket, and the number that its last scan reports.',
  },
  { name: 'finding_lifecycle_org', text: 'The same, for the whole organisation.' },
  {
    name: 'open_finding',
    text: 'Open findings. By bucket: the number at its end, and how many of them are accepted or muted.',
    since: 'opened_at',
  },
  { name: 'open_finding_org', text: 'The same, for the whole organisation, by bucket.' },
  {
    name: 'open_review_item_org',
    text: 'Review items opened and closed in a bucket, and the number open at its end.',
  },
  { name: 'masked_value', text: 'Values that redaction masked.' },
  { name: 'masked_value_org', text: 'The same, for the whole organisation.' },
  { name: 'coverage', text: 'Producers that reported, and their current state: reporting, silent, or never reported.' },
  { name: 'coverage_org', text: 'The same, for the whole organisation.' },
  { name: 'session_coverage', text: 'Agent sessions, and whether a guard reported in them.' },
];

type Types = Readonly<Record<string, string>>;

/** One view of a series. */
export interface SeriesView {
  view: string;
  /** Null when the rows have no buckets. */
  bucket: Bucket | null;
  /** Columns that the API shows, with their types. */
  types: Types;
  /** Start column of a row; for a bucket its start. */
  since: string;
  /** End column of a row without a bucket, null while it lasts; undefined when it lasts until now. */
  until: string | undefined;
  /** Columns to filter by, in addition to the repository. */
  dimensions: readonly string[];
  /** Columns that identify a row, in order. */
  key: readonly string[];
}

export interface SeriesDefinition {
  name: string;
  text: string;
  views: readonly SeriesView[];
}

const views: Readonly<Record<string, Types>> = VIEWS;

/** Sketches and sets of hashes are for aggregation only. */
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

/** All series by name. */
export const SERIES_TABLE: ReadonlyMap<string, SeriesDefinition> = new Map(
  SERIES.map(({ name, text, view = name, since, until }) => {
    const buckets = BUCKETS.flatMap((bucket) => viewOf(`${view}_${bucket}`, bucket, 'bucket_start'));
    return [
      name,
      { name, text, views: [...(since === undefined ? [] : viewOf(name, null, since, until)), ...buckets] },
    ] as const;
  }),
);

/** Converts `bucket_start` to `bucketStart`. */
export function camelCase(column: string): string {
  return column.replaceAll(/_([a-z0-9])/g, (_, letter: string) => letter.toUpperCase());
}

/** Converts `bucketStart` to `bucket_start`. */
export function snakeCase(name: string): string {
  return name.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}
