import { selectRows, type ClickHouseClient } from './client.js';
import { readingOf, type Fact } from './facts.js';
import { isCounted } from './judged-call.js';

/** What a series is explained by: its view, its table, and the facts its buckets are made of. */
interface Explained {
  /** Views are `<view>_hour`, `_day` and `_week`. */
  readonly view: string;
  readonly table: string;
  readonly facts: readonly Fact[];
  /** Its buckets are of the whole organisation; the facts behind one are the newest scan of every repository. */
  readonly isOfOrganisation?: boolean;
  /** A bucket also depends on the scan before it, with which its first one is compared. */
  readonly comparesScans?: boolean;
}

const EXPLAINED = {
  score_trend: { view: 'score_trend', table: 'score_trend_v1', facts: ['scan'] },
  drift_history: { view: 'drift_history', table: 'drift_history_v1', facts: ['drift_event', 'scan', 'finding'], comparesScans: true },
  blocked_command_rate: { view: 'blocked_command_rate', table: 'blocked_command_rate_v1', facts: ['runtime_event'] },
  decision_duration: { view: 'decision_duration', table: 'decision_duration_v1', facts: ['runtime_event'] },
  injection_attempt_rate: { view: 'injection_attempt_rate', table: 'injection_attempt_rate_v1', facts: ['runtime_event', 'finding'] },
  secret_exposure_events: { view: 'secret_exposure', table: 'finding_lifecycle_v1', facts: ['scan', 'finding'], comparesScans: true },
  finding_lifecycle: { view: 'finding_lifecycle', table: 'finding_lifecycle_v1', facts: ['scan', 'finding'], comparesScans: true },
  cross_repo_org_rollup: { view: 'cross_repo_org_rollup', table: 'cross_repo_org_rollup_v1', facts: ['scan'], isOfOrganisation: true },
  coverage: { view: 'coverage', table: 'coverage_v1', facts: ['scan', 'runtime_event', 'drift_event', 'agent_event'] },
} as const satisfies Record<string, Explained>;

export type ExplainedSeries = keyof typeof EXPLAINED;
/** Whether a series has one point for the whole organisation, and so nothing of one repository alone. */
export const isOfOrganisation = (series: ExplainedSeries): boolean => 'isOfOrganisation' in EXPLAINED[series];
export const EXPLAINED_SERIES = Object.keys(EXPLAINED) as [ExplainedSeries, ...ExplainedSeries[]];

export const GRAINS = ['hour', 'day', 'week'] as const;
export type Grain = (typeof GRAINS)[number];

/** A point of a series. */
export interface PointKey {
  orgId: string;
  series: ExplainedSeries;
  /** Ignored for series of the whole organisation. */
  repo: string;
  /** Any moment of the bucket, seconds since the epoch. */
  at: number;
  grain: Grain;
  /** Facts of each kind that are listed; 1,000 unless set. All are counted. */
  limit?: number;
}

/** Why a point is what it is. */
export interface Explanation {
  series: ExplainedSeries;
  repo: string | null;
  grain: Grain;
  /** Begin and end of the bucket, ISO 8601; the end is not part of it. */
  from: string;
  to: string;
  /** What the view shows: one row a group, none when there is no data. */
  rows: Record<string, unknown>[];
  /**
   * The hours it is folded from as they were computed: by which formula, of how many facts, when, and by which run.
   * `run` is null until the pass that computed the hour has ended, since a pass writes its runs down at its end, some
   * seconds later where much was waiting; for good where it died before; and after 90 days, which is how long runs are kept.
   */
  computed: {
    bucketStart: string;
    formula: number;
    version: string;
    computedAt: string;
    facts: number | null;
    run: { worker: string; cause: string; durationMs: number; rowsRead: number | null } | null;
  }[];
  facts: {
    fact: Fact;
    /** Distinct facts of the bucket. */
    count: number;
    /** Those that the series counts: of a call that was judged more than once the strictest judgement. The rows say it as `is_counted`. */
    counted: number;
    /** Records in landing that repeat one of them: delivered again, counted once. What landing has dropped is not known any more. */
    duplicatesIgnored: number;
    rows: Record<string, unknown>[];
    isCutOff: boolean;
  }[];
  /** The scan before the bucket, with which its first scan is compared; null when there is none or none is needed. */
  comparedWith: Record<string, unknown> | null;
}

const START: Readonly<Record<Grain, string>> = {
  hour: 'toStartOfHour(at)',
  day: 'toStartOfDay(at)',
  week: "toDateTime(toMonday(at), 'UTC')",
};

const DEFAULT_LIMIT = 1_000;

/** Lists the facts behind a point, the repeats that were ignored, the formula and the run that computed it. */
export async function explainPoint(client: ClickHouseClient, key: PointKey): Promise<Explanation> {
  const explained: Explained = EXPLAINED[key.series];
  const ofOrganisation = explained.isOfOrganisation === true;
  const [bucket] = await selectRows<{ start: number; end: number; from: string; to: string }>(
    client,
    `WITH toDateTime({at:UInt32}, 'UTC') AS at, ${START[key.grain]} AS bucket, bucket + INTERVAL 1 ${key.grain.toUpperCase()} AS next
     SELECT toUnixTimestamp(bucket) AS start, toUnixTimestamp(next) AS end, bucket AS from, next AS to`,
    { at: key.at },
  );
  if (bucket === undefined) throw new Error('the store did not tell the bucket');
  const params = { orgId: key.orgId, repo: key.repo, series: explained.table.replace(/_v1$/, ''), start: bucket.start, end: bucket.end };
  const repo = ofOrganisation ? '' : 'AND repo = {repo:String}';
  // In milliseconds, as facts are: compared with whole seconds the store skips parts that hold the last second alone.
  const inBucket = (column: string): string => `${column} >= toDateTime64({start:UInt32}, 3, 'UTC') AND ${column} < toDateTime64({end:UInt32}, 3, 'UTC')`;

  const rows = await selectRows<Record<string, unknown>>(
    client,
    `SELECT * FROM ${explained.view}_${key.grain} WHERE org_id = {orgId:String} ${repo} AND bucket_start = toDateTime({start:UInt32}, 'UTC') ORDER BY ALL LIMIT 1000`,
    params,
  );
  return {
    series: key.series,
    repo: ofOrganisation ? null : key.repo,
    grain: key.grain,
    from: bucket.from,
    to: bucket.to,
    rows,
    computed: await computedHours(client, explained, `org_id = {orgId:String} ${repo} AND ${inBucket('bucket_start')}`, params),
    facts: ofOrganisation
      ? [await newestScans(client, params, key.limit ?? DEFAULT_LIMIT)]
      : await Promise.all(explained.facts.map((fact) => factsOf(client, fact, inBucket('occurred_at'), params, key.limit ?? DEFAULT_LIMIT))),
    comparedWith: explained.comparesScans === true ? await scanBefore(client, params) : null,
  };
}

type Params = Record<string, unknown>;

async function computedHours(client: ClickHouseClient, { table }: Explained, where: string, params: Params): Promise<Explanation['computed']> {
  const columns = await selectRows<{ name: string }>(client, `SELECT name FROM system.columns WHERE database = currentDatabase() AND table = {table:String} AND name = 'facts'`, { table });
  const rows = await selectRows<{ bucketStart: string; formula: number; version: string; computedAt: string; facts: number | null; worker: string; cause: string; durationMs: number; rowsRead: number | null }>(
    client,
    `SELECT h.bucket_start AS bucketStart, h.formula AS formula, toString(h.version) AS version, fromUnixTimestamp64Micro(toInt64(h.version), 'UTC') AS computedAt,
       h.facts AS facts, r.worker AS worker, r.cause AS cause, r.duration_ms AS durationMs, r.rows_read AS rowsRead
     FROM (
       SELECT t.bucket_start AS bucket_start, t.formula AS formula, max(t.version) AS version, ${columns.length === 0 ? 'NULL' : 'argMax(t.facts, (t.version, t.facts))'} AS facts
       FROM ${table} AS t
       WHERE ${where} AND formula = (SELECT argMax(formula, switched_at) FROM rollup_formula_v1 WHERE series = {series:String})
       GROUP BY bucket_start, formula
     ) AS h
     LEFT ANY JOIN (SELECT * FROM rollup_run_v1 WHERE series = {series:String}) AS r ON r.version = h.version
     ORDER BY bucketStart`,
    params,
  );
  return rows.map(({ worker, cause, durationMs, rowsRead, ...hour }) => ({ ...hour, run: worker === '' ? null : { worker, cause, durationMs, rowsRead } }));
}

async function factsOf(client: ClickHouseClient, fact: Fact, inBucket: string, params: Params, limit: number): Promise<Explanation['facts'][number]> {
  const where = `org_id = {orgId:String} AND repo = {repo:String} AND ${inBucket}`;
  const counts = fact === 'runtime_event' ? isCounted(where) : 'true';
  const columns = fact === 'runtime_event' ? `*, ${counts} AS is_counted` : '*';
  const rows = await selectRows<Record<string, unknown>>(client, `SELECT ${columns} FROM ${fact} WHERE ${where} ORDER BY occurred_at, event_id LIMIT {limit:UInt32}`, { ...params, limit });
  const [all] = await selectRows<{ count: number; counted: number }>(client, `SELECT count() AS count, countIf(${counts}) AS counted FROM ${fact} WHERE ${where}`, params);
  const landed = await selectRows<{ repeats: number }>(
    client,
    `SELECT count() - uniqExact(org_id, repo, event_id, occurred_at) AS repeats FROM (${await readingOf(client, fact)}) WHERE ${where} AND problem = ''`,
    params,
  );
  const { count, counted } = all ?? { count: 0, counted: 0 };
  return { fact, count, counted, duplicatesIgnored: landed[0]?.repeats ?? 0, rows, isCutOff: count > rows.length };
}

/** The newest scan of every repository before the end of the bucket. */
async function newestScans(client: ClickHouseClient, params: Params, limit: number): Promise<Explanation['facts'][number]> {
  const rows = await selectRows<Record<string, unknown>>(
    client,
    `SELECT * FROM scan WHERE org_id = {orgId:String} AND occurred_at < toDateTime64({end:UInt32}, 3, 'UTC') AND files_scanned > 0
     ORDER BY repo, occurred_at DESC, event_id DESC LIMIT 1 BY repo`,
    params,
  );
  return { fact: 'scan', count: rows.length, counted: rows.length, duplicatesIgnored: 0, rows: rows.slice(0, limit), isCutOff: rows.length > limit };
}

async function scanBefore(client: ClickHouseClient, params: Params): Promise<Record<string, unknown> | null> {
  const rows = await selectRows<Record<string, unknown>>(
    client,
    `SELECT scan_id, scan_at, severity_from, score FROM scan_posture
     WHERE org_id = {orgId:String} AND repo = {repo:String} AND is_detailed AND bucket_start < toDateTime({start:UInt32}, 'UTC')
     ORDER BY scan_at DESC, scan_id DESC LIMIT 1`,
    params,
  );
  return rows[0] ?? null;
}

