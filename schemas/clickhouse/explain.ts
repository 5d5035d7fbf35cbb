import { selectRows, type ClickHouseClient } from './client.js';
import { FACTS, readingsOf, type Fact } from './facts.js';
import { isCounted } from './judged-call.js';

/** Kinds of rows behind points: the table to read, the time column, and what distinguishes rows of one time. */
export const EVIDENCE_KINDS = {
  scan: { from: 'scan', time: 'occurred_at', id: 'event_id' },
  finding: { from: 'finding', time: 'occurred_at', id: 'event_id' },
  runtime_event: { from: 'runtime_event', time: 'occurred_at', id: 'event_id' },
  drift_event: { from: 'drift_event', time: 'occurred_at', id: 'event_id' },
  agent_event: { from: 'agent_event', time: 'occurred_at', id: 'event_id' },
  masking_event: { from: 'masking_event_v1 FINAL', time: 'occurred_at', id: 'event_id' },
  control_event: { from: 'control_event', time: 'occurred_at', id: 'event_id' },
  finding_transition: {
    from: 'finding_transition',
    time: 'scan_at',
    id: "concat(repo, ' ', scan_id, ' ', severity, ' ', category, ' ', finding_key, ' ', toString(occurrence))",
  },
  tool_call_outcome: {
    from: 'tool_call_outcome',
    time: 'occurred_at',
    id: "concat(repo, ' ', session_id, ' ', tool_call_id)",
  },
} as const satisfies Record<string, { from: string; time: string; id: string }>;
export type EvidenceKind = keyof typeof EVIDENCE_KINDS;

/**
 * The rows of one kind behind a point: those of its bucket; with `standing` the earlier rows that are still in effect at
 * its end; with `ofSessions` those of sessions; with `namedBy` the facts that calls of the bucket name in this column, of any time
 * and repository.
 */
export interface Evidence {
  readonly kind: EvidenceKind;
  readonly namedBy?: 'judgement_ids' | 'agent_event_ids';
  /** Of events: those of sessions of the repository that meet this condition, also if they claim another repository. */
  readonly ofSessions?: string;
  readonly standing?: (scope: string, beforeEnd: (column: string) => string) => string;
}

const all = (...kinds: readonly EvidenceKind[]): readonly Evidence[] => kinds.map((kind) => ({ kind }));

/** The calls of the bucket, and the facts of which they were made. */
const TOOL_CALLS: readonly Evidence[] = [
  { kind: 'tool_call_outcome' },
  { kind: 'runtime_event', namedBy: 'judgement_ids' },
  { kind: 'agent_event', namedBy: 'agent_event_ids' },
];

/** Model calls and errors of the sessions of a repository. */
const USAGE: readonly Evidence[] = [{ kind: 'agent_event', ofSessions: "kind IN ('model_call', 'error')" }];

/** The newest scan of every repository. */
const NEWEST_SCANS: Evidence = {
  kind: 'scan',
  standing: (scope, beforeEnd) => `(repo, occurred_at, event_id) IN (
    SELECT repo, occurred_at, event_id FROM scan WHERE ${scope} AND ${beforeEnd('occurred_at')} AND files_scanned > 0 ORDER BY repo, occurred_at DESC, event_id DESC LIMIT 1 BY repo)`,
};
/** The transitions of the findings that are open at the end of the bucket. */
const OPEN_FINDINGS: Evidence = {
  kind: 'finding_transition',
  standing: (scope, beforeEnd) => `(repo, severity, category, finding_key, occurrence) IN (
    SELECT repo, severity, category, finding_key, occurrence FROM finding_transition WHERE ${scope} AND ${beforeEnd('scan_at')}
    GROUP BY repo, severity, category, finding_key, occurrence HAVING sum(change) > 0)`,
};
/** The latest decision about each subject of a kind, if its state is one of `states`. */
const decided = (kind: string, states: readonly string[]): Evidence => ({
  kind: 'control_event',
  standing: (scope, beforeEnd) => `kind = '${kind}' AND (repo, subject, occurred_at, event_id) IN (
    SELECT repo, subject, max((occurred_at, event_id)).1, max((occurred_at, event_id)).2 FROM control_event WHERE ${scope} AND kind = '${kind}' AND ${beforeEnd('occurred_at')} GROUP BY repo, subject)
    AND state IN (${states.map((state) => `'${state}'`).join(', ')})`,
});
const TRIAGED = decided('finding_triage', ['accepted', 'muted']);

/**
 * How a series is explained: its view, its table, and the rows from which its points are computed. Answers page through
 * the first kind.
 */
interface Explained {
  /** Prefix of the views `<view>_hour`, `_day` and `_week`. */
  readonly view: string;
  /** Table of the computed hours; absent when the view computes from rows at query time. */
  readonly table?: string;
  readonly evidence: readonly Evidence[];
  /** The series' buckets cover the whole organisation. */
  readonly isOfOrganisation?: boolean;
  /** The series has no buckets: it shows the current state. */
  readonly isNow?: boolean;
  /** A bucket also depends on the previous scan, with which its first one is compared. */
  readonly comparesScans?: boolean;
}

const HEARD = all('scan', 'runtime_event', 'drift_event', 'agent_event');
const EXPLAINED = {
  score_trend: { view: 'score_trend', table: 'score_trend_v1', evidence: all('scan') },
  score_trend_org: { view: 'score_trend_org', table: 'score_trend_v1', evidence: all('scan'), isOfOrganisation: true },
  drift_history: {
    view: 'drift_history',
    table: 'drift_history_v1',
    evidence: all('drift_event', 'scan', 'finding'),
    comparesScans: true,
  },
  drift_history_org: {
    view: 'drift_history_org',
    table: 'drift_history_v1',
    evidence: all('drift_event', 'scan', 'finding'),
    isOfOrganisation: true,
  },
  blocked_command_rate: {
    view: 'blocked_command_rate',
    table: 'blocked_command_rate_v1',
    evidence: all('runtime_event'),
  },
  blocked_command_rate_org: {
    view: 'blocked_command_rate_org',
    table: 'blocked_command_rate_v1',
    evidence: all('runtime_event'),
    isOfOrganisation: true,
  },
  decision_duration: { view: 'decision_duration', table: 'decision_duration_v1', evidence: all('runtime_event') },
  decision_duration_org: {
    view: 'decision_duration_org',
    table: 'decision_duration_v1',
    evidence: all('runtime_event'),
    isOfOrganisation: true,
  },
  injection_attempt_rate: {
    view: 'injection_attempt_rate',
    table: 'injection_attempt_rate_v1',
    evidence: all('runtime_event', 'finding'),
  },
  injection_attempt_rate_org: {
    view: 'injection_attempt_rate_org',
    table: 'injection_attempt_rate_v1',
    evidence: all('runtime_event', 'finding'),
    isOfOrganisation: true,
  },
  secret_exposure_events: {
    view: 'secret_exposure',
    table: 'finding_lifecycle_v1',
    evidence: all('finding', 'scan'),
    comparesScans: true,
  },
  finding_lifecycle: {
    view: 'finding_lifecycle',
    table: 'finding_lifecycle_v1',
    evidence: all('finding', 'scan'),
    comparesScans: true,
  },
  finding_lifecycle_org: {
    view: 'finding_lifecycle_org',
    table: 'finding_lifecycle_v1',
    evidence: all('finding', 'scan'),
    isOfOrganisation: true,
  },
  open_finding: { view: 'open_finding', table: 'finding_transition_v1', evidence: [OPEN_FINDINGS, TRIAGED] },
  open_finding_org: {
    view: 'open_finding_org',
    table: 'finding_transition_v1',
    evidence: [OPEN_FINDINGS, TRIAGED],
    isOfOrganisation: true,
  },
  open_review_item_org: {
    view: 'open_review_item_org',
    evidence: [decided('review_item', ['open'])],
    isOfOrganisation: true,
  },
  masked_value: { view: 'masked_value', table: 'masked_value_v1', evidence: all('masking_event') },
  masked_value_org: {
    view: 'masked_value_org',
    table: 'masked_value_v1',
    evidence: all('masking_event'),
    isOfOrganisation: true,
  },
  cross_repo_org_rollup: {
    view: 'cross_repo_org_rollup',
    table: 'cross_repo_org_rollup_v1',
    evidence: [NEWEST_SCANS, decided('review_item', ['open'])],
    isOfOrganisation: true,
  },
  tool_call_outcomes: { view: 'tool_call_outcomes', table: 'tool_call_outcomes_v1', evidence: TOOL_CALLS },
  tool_call_outcomes_org: {
    view: 'tool_call_outcomes_org',
    table: 'tool_call_outcomes_v1',
    evidence: TOOL_CALLS,
    isOfOrganisation: true,
  },
  judged_share: { view: 'judged_share', table: 'tool_call_outcomes_v1', evidence: TOOL_CALLS },
  judged_share_org: {
    view: 'judged_share_org',
    table: 'tool_call_outcomes_v1',
    evidence: TOOL_CALLS,
    isOfOrganisation: true,
  },
  agent_usage: { view: 'agent_usage', evidence: USAGE },
  agent_usage_org: { view: 'agent_usage_org', evidence: USAGE, isOfOrganisation: true },
  repo_route: { view: 'repo_route', table: 'scan_posture_v1', evidence: [NEWEST_SCANS, TRIAGED], isNow: true },
  coverage: { view: 'coverage', table: 'coverage_v1', evidence: HEARD },
  coverage_org: { view: 'coverage_org', table: 'coverage_v1', evidence: HEARD, isOfOrganisation: true },
  session_coverage: { view: 'session_coverage', table: 'coverage_v1', evidence: HEARD, isOfOrganisation: true },
} as const satisfies Record<string, Explained>;

/** The session of an event of an agent: its own, that of its trace, or itself, as in `session_event`. */
const SESSION_OF_EVENT =
  "multiIf(session_id != '' AND position(session_id, '[REDACTED') = 0, session_id, trace_id != '', trace_id, event_id)";

export type ExplainedSeries = keyof typeof EXPLAINED;
/** Returns whether a series covers the whole organisation and has no points per repository. */
export const isOfOrganisation = (series: ExplainedSeries): boolean => 'isOfOrganisation' in EXPLAINED[series];
export const EXPLAINED_SERIES = Object.keys(EXPLAINED) as [ExplainedSeries, ...ExplainedSeries[]];

/** Returns the kind of rows that an answer about a series pages through. */
export const pagedKind = (series: ExplainedSeries): EvidenceKind => EXPLAINED[series].evidence[0].kind;

/**
 * Returns the SQL condition of the rows behind a point. Parameters: `orgId`, `repo` (for a repository's point), `start`
 * and `end` in seconds since 1970.
 */
export function evidenceCondition(series: ExplainedSeries, { kind, standing, namedBy, ofSessions }: Evidence): string {
  const scope = `org_id = {orgId:String}${isOfOrganisation(series) ? '' : ' AND repo = {repo:String}'}`;
  const { time } = EVIDENCE_KINDS[kind];
  // In milliseconds, like the facts: with a DateTime of whole seconds, ClickHouse skips parts that hold only the last
  // second.
  const beforeEnd = (column: string): string => `${column} < toDateTime64({end:UInt32}, 3, 'UTC')`;
  const sinceStart = `${time} >= toDateTime64({start:UInt32}, 3, 'UTC')`;
  if (namedBy !== undefined) {
    const inBucket = `bucket_start >= toDateTime({start:UInt32}, 'UTC') AND bucket_start < toDateTime({end:UInt32}, 'UTC')`;
    return `org_id = {orgId:String} AND ${sinceStart} AND event_id IN (SELECT arrayJoin(${namedBy}) FROM tool_call_outcome WHERE ${scope} AND ${inBucket})`;
  }
  if (ofSessions !== undefined)
    return `org_id = {orgId:String} AND ${sinceStart} AND ${beforeEnd(time)} AND ${ofSessions} AND ${SESSION_OF_EVENT} IN (SELECT session_id FROM agent_session WHERE ${scope})`;
  const isInTime =
    standing === undefined
      ? `${sinceStart} AND ${beforeEnd(time)}`
      : `${beforeEnd(time)} AND ${standing(scope, beforeEnd)}`;
  return `${scope} AND ${isInTime}`;
}

/** Returns {@link evidenceCondition} of the rows that an answer pages through. */
export const pagedCondition = (series: ExplainedSeries): string =>
  evidenceCondition(series, EXPLAINED[series].evidence[0]);

export const GRAINS = ['hour', 'day', 'week'] as const;
export type Grain = (typeof GRAINS)[number];

/** Identifies a point of a series. */
export interface PointKey {
  orgId: string;
  series: ExplainedSeries;
  /** Ignored for series of the whole organisation. */
  repo: string;
  /** Any time within the bucket, in seconds since the epoch. */
  at: number;
  grain: Grain;
  /** Maximum listed facts of each kind. Default: 1,000. All are counted. */
  limit?: number;
}

/** Explanation of a point. */
export interface Explanation {
  series: ExplainedSeries;
  repo: string | null;
  grain: Grain;
  /** Start and end (exclusive) of the bucket, ISO 8601. */
  from: string;
  to: string;
  /** Rows of the view: one per group, none when there is no data. */
  rows: Record<string, unknown>[];
  /**
   * The computed hours of the bucket: formula, number of facts, time and run. `run` is null until the pass that
   * computed the hour has ended, because a pass stores its runs at its end; permanently if it crashed before; and after
   * 90 days, the retention of runs.
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
    fact: EvidenceKind;
    /** Number of distinct rows behind the point. */
    count: number;
    /**
     * Number of rows that the series counts: of a call with several judgements only the strictest. The rows have it as
     * `is_counted`.
     */
    counted: number;
    /**
     * Number of landing rows that repeat one of the facts: delivered again, counted once. Expired landing rows are not
     * included.
     */
    duplicatesIgnored: number;
    rows: Record<string, unknown>[];
    isCutOff: boolean;
  }[];
  /**
   * The scan before the bucket, with which its first scan is compared; null when there is none or the series does not
   * compare scans.
   */
  comparedWith: Record<string, unknown> | null;
}

const START: Readonly<Record<Grain, string>> = {
  hour: 'toStartOfHour(at)',
  day: 'toStartOfDay(at)',
  week: "toDateTime(toMonday(at), 'UTC')",
};

const DEFAULT_LIMIT = 1_000;

/** Lists the facts behind a point, the ignored repeats, the formula and the run that computed it. */
export async function explainPoint(client: ClickHouseClient, key: PointKey): Promise<Explanation> {
  const explained: Explained = EXPLAINED[key.series];
  const ofOrganisation = explained.isOfOrganisation === true;
  const [bucket] = await selectRows<{ start: number; end: number; from: string; to: string }>(
    client,
    `WITH toDateTime({at:UInt32}, 'UTC') AS at, ${START[key.grain]} AS bucket, bucket + INTERVAL 1 ${key.grain.toUpperCase()} AS next
     SELECT toUnixTimestamp(bucket) AS start, toUnixTimestamp(next) AS end, bucket AS from, next AS to`,
    { at: key.at },
  );
  if (bucket === undefined) throw new Error('the store returned no bucket');
  const params = {
    orgId: key.orgId,
    repo: key.repo,
    series: (explained.table ?? '').replace(/_v1$/, ''),
    start: bucket.start,
    end: bucket.end,
  };
  const scope = `org_id = {orgId:String}${ofOrganisation ? '' : ' AND repo = {repo:String}'}`;
  const rows = await selectRows<Record<string, unknown>>(
    client,
    explained.isNow === true
      ? `SELECT * FROM ${explained.view} WHERE ${scope} ORDER BY ALL LIMIT 1000`
      : `SELECT * FROM ${explained.view}_${key.grain} WHERE ${scope} AND bucket_start = toDateTime({start:UInt32}, 'UTC') ORDER BY ALL LIMIT 1000`,
    params,
  );
  const { table } = explained;
  return {
    series: key.series,
    repo: ofOrganisation ? null : key.repo,
    grain: key.grain,
    from: bucket.from,
    to: bucket.to,
    rows,
    computed:
      table === undefined
        ? []
        : await computedHours(
            client,
            table,
            `${scope} AND bucket_start >= toDateTime({start:UInt32}, 'UTC') AND bucket_start < toDateTime({end:UInt32}, 'UTC')`,
            params,
          ),
    facts: await Promise.all(
      explained.evidence.map((evidence) =>
        rowsBehind(client, key.series, evidence, params, key.limit ?? DEFAULT_LIMIT),
      ),
    ),
    comparedWith: explained.comparesScans === true ? await scanBefore(client, params) : null,
  };
}

type Params = Record<string, unknown>;

/**
 * Reads the computed hours of a point. For the organisation, the hours of all repositories are merged: the newest
 * computation and the sum of the facts.
 */
async function computedHours(
  client: ClickHouseClient,
  table: string,
  where: string,
  params: Params,
): Promise<Explanation['computed']> {
  const columns = await selectRows<{ name: string }>(
    client,
    `SELECT name FROM system.columns WHERE database = currentDatabase() AND table = {table:String} AND name IN ('facts', 'repo')`,
    { table },
  );
  const has = (name: string): boolean => columns.some((column) => column.name === name);
  const rows = await selectRows<{
    bucketStart: string;
    formula: number;
    version: string;
    computedAt: string;
    facts: number | null;
    worker: string;
    cause: string;
    durationMs: number;
    rowsRead: number | null;
  }>(
    client,
    `SELECT h.bucket_start AS bucketStart, h.formula AS formula, toString(h.version) AS version, fromUnixTimestamp64Micro(toInt64(h.version), 'UTC') AS computedAt,
       h.facts AS facts, r.worker AS worker, r.cause AS cause, r.duration_ms AS durationMs, r.rows_read AS rowsRead
     FROM (
       SELECT k.bucket_start AS bucket_start, k.formula AS formula, max(k.version) AS version, ${has('facts') ? 'sum(k.facts)' : 'NULL'} AS facts
       FROM (
         SELECT ${has('repo') ? 't.repo' : "''"} AS repo, t.bucket_start AS bucket_start, t.formula AS formula, max(t.version) AS version${has('facts') ? ', argMax(t.facts, (t.version, t.facts)) AS facts' : ''}
         FROM ${table} AS t
         WHERE ${where} AND formula = (SELECT argMax(formula, switched_at) FROM rollup_formula_v1 WHERE series = {series:String})
         GROUP BY repo, bucket_start, formula
       ) AS k
       GROUP BY bucket_start, formula
     ) AS h
     LEFT ANY JOIN (SELECT * FROM rollup_run_v1 WHERE series = {series:String}) AS r ON r.version = h.version
     ORDER BY bucketStart`,
    params,
  );
  return rows.map(({ worker, cause, durationMs, rowsRead, ...hour }) => ({
    ...hour,
    run: worker === '' ? null : { worker, cause, durationMs, rowsRead },
  }));
}

async function rowsBehind(
  client: ClickHouseClient,
  series: ExplainedSeries,
  evidence: Evidence,
  params: Params,
  limit: number,
): Promise<Explanation['facts'][number]> {
  const { kind } = evidence;
  const { from, time, id } = EVIDENCE_KINDS[kind];
  const where = evidenceCondition(series, evidence);
  const counts = kind === 'runtime_event' ? isCounted(where) : 'true';
  const columns = kind === 'runtime_event' ? `*, ${counts} AS is_counted` : '*';
  const rows = await selectRows<Record<string, unknown>>(
    client,
    `SELECT ${columns} FROM ${from} WHERE ${where} ORDER BY ${time}, ${id} LIMIT {limit:UInt32}`,
    { ...params, limit },
  );
  const [found] = await selectRows<{ count: number; counted: number }>(
    client,
    `SELECT count() AS count, countIf(${counts}) AS counted FROM ${from} WHERE ${where}`,
    params,
  );
  const { count, counted } = found ?? { count: 0, counted: 0 };
  // Repeats are counted for one repository's bucket only, because landing is not scanned for all. Decisions of people
  // have no landing rows.
  const duplicatesIgnored =
    isFact(kind) && evidence.standing === undefined && evidence.namedBy === undefined && !isOfOrganisation(series)
      ? await repeatsOf(client, kind, where, params)
      : 0;
  return { fact: kind, count, counted, duplicatesIgnored, rows, isCutOff: count > rows.length };
}

const isFact = (kind: EvidenceKind): kind is EvidenceKind & Fact => Object.hasOwn(FACTS, kind);

async function repeatsOf(client: ClickHouseClient, fact: Fact, where: string, params: Params): Promise<number> {
  const readings = (await readingsOf(client, fact)).join(' UNION ALL ');
  const landed = await selectRows<{ repeats: number }>(
    client,
    `SELECT count() - uniqExact(org_id, repo, event_id, occurred_at) AS repeats FROM (${readings}) WHERE ${where} AND problem = ''`,
    params,
  );
  return landed[0]?.repeats ?? 0;
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
