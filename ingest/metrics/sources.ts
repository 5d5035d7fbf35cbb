import { ALERT_RULES, type AlertRule } from '#schemas/alerts/rules.js';
import { FACTS } from '#schemas/clickhouse/facts.js';
import { OUTCOMES } from '#schemas/clickhouse/tool-call-outcome.js';
import { grade, SEVERITIES } from '#schemas/records/enums.js';

/*
 * The metrics of `GET /v1/metrics/prometheus`. Every quantity is read from the view that the API and the boards read;
 * values of alert rules come from the rules' own SQL. All are gauges: a late fact, a purge or a merge may lower each.
 */

/** A label with its values. Any other value becomes `other`, so that no producer can add a series. */
export interface Label {
  readonly name: string;
  readonly values: readonly string[];
}

export interface Gauge {
  readonly name: string;
  /** One line without backslashes and quotes, so that it needs no escaping in any format. */
  readonly help: string;
  /** SQL aggregate over the rows of one repository, or of those that are folded into `_other`. NULL: no sample. */
  readonly value: string;
}

/** One SELECT and the gauges that are computed from its rows. */
export interface Source {
  /** Rows with the column `repo` (unless of the organisation), a column for each label, and columns for the values. */
  readonly sql: (scope: string, now: string) => string;
  /** Its rows are of the whole organisation: no `repository` label, and nothing for a token bound to a repository. */
  readonly isOfOrganisation?: true;
  readonly labels: readonly Label[];
  readonly fixed?: Readonly<Record<string, string>>;
  readonly gauges: readonly Gauge[];
}

/** Agents with a telemetry of their own; those that report by spans of a library are `other`. */
const AGENTS = ['claude-code', 'codex', 'gemini-cli'];

/** The hour that has begun and the one before it. */
const HOUR: Label = { name: 'hour', values: ['current', 'closed'] };
const HOUR_HELP = 'by hour (UTC): current, which still grows, and closed, the one before';

/** Returns columns of an hourly view for both hours. */
function bothHours(view: string, columns: string, scope: string, now: string): string {
  return `SELECT repo, if(bucket_start < toStartOfHour(${now}), 'closed', 'current') AS hour, ${columns}
FROM ${view}
WHERE ${scope} AND bucket_start >= toStartOfHour(${now}) - toIntervalHour(1) AND bucket_start < toStartOfHour(${now}) + toIntervalHour(1)`;
}

const POSTURE: readonly Source[] = [
  {
    sql: (scope) => `SELECT repo, score FROM repo_route WHERE ${scope}`,
    labels: [],
    gauges: [
      {
        name: 'shieldwatch_score',
        help: 'Score of the newest scan, 0 to 100 (_other: the lowest).',
        value: 'min(score)',
      },
    ],
  },
  {
    sql: (scope) => `SELECT repo, grade
FROM scan
WHERE ${scope} AND (repo, event_id) IN (SELECT repo, scan_id FROM repo_route WHERE ${scope})`,
    labels: [{ name: 'grade', values: grade.options }],
    gauges: [
      {
        name: 'shieldwatch_grade',
        help: 'Repositories whose newest scan has this grade: 1 for one that is named.',
        value: 'uniqExact(repo)',
      },
    ],
  },
  {
    // A severity that a scan of the repository reported and listed has a number, also 0.
    sql: (scope) => `SELECT repo, toString(severity) AS severity, toString(triage) AS triage, 1 AS found
FROM open_finding
WHERE ${scope}
UNION ALL
SELECT repo, arrayJoin(arraySlice([${SEVERITIES.map((each) => `'${each}'`).join(', ')}], 1, 5 - lowest)) AS severity, 'open' AS triage, 0 AS found
FROM (SELECT repo, min(severity_from) AS lowest FROM scan_posture WHERE ${scope} AND is_detailed GROUP BY repo)`,
    labels: [
      { name: 'severity', values: SEVERITIES },
      { name: 'triage', values: ['open', 'accepted', 'muted'] },
    ],
    gauges: [
      {
        name: 'shieldwatch_open_findings',
        help: 'Findings that the newest scans show, by what people decided about them.',
        value: 'sum(found)',
      },
    ],
  },
  {
    sql: (scope) => `SELECT repo, toUInt64(is_open) AS exposed FROM secret_exposure_events WHERE ${scope}
UNION ALL
SELECT repo, toUInt64(0) AS exposed FROM repo_route WHERE ${scope}`,
    labels: [],
    gauges: [
      {
        name: 'shieldwatch_exposed_critical_secrets',
        help: 'Critical secrets that the newest scans show.',
        value: 'sum(exposed)',
      },
    ],
  },
  {
    sql: (scope, now) => bothHours('drift_history_hour', 'drifts, regressions, critical_drifts', scope, now),
    labels: [HOUR],
    gauges: [
      { name: 'shieldwatch_drifts', help: `Reported drifts, ${HOUR_HELP}.`, value: 'sum(drifts)' },
      {
        name: 'shieldwatch_drift_regressions',
        help: `Reported drifts that are a regression, ${HOUR_HELP}.`,
        value: 'sum(regressions)',
      },
      {
        name: 'shieldwatch_critical_drifts',
        help: `Reported drifts with a critical finding, ${HOUR_HELP}.`,
        value: 'sum(critical_drifts)',
      },
    ],
  },
];

const CALLS: readonly Source[] = [
  {
    sql: (scope, now) => bothHours('blocked_command_rate_hour', 'allowed, blocked, asked, total', scope, now),
    labels: [HOUR],
    gauges: [
      {
        name: 'shieldwatch_decisions',
        help: `Calls that guards judged, each once, ${HOUR_HELP}.`,
        value: 'sum(total)',
      },
      {
        name: 'shieldwatch_allowed_decisions',
        help: `Judged calls that were allowed, ${HOUR_HELP}.`,
        value: 'sum(allowed)',
      },
      {
        name: 'shieldwatch_blocked_decisions',
        help: `Judged calls that were blocked, ${HOUR_HELP}.`,
        value: 'sum(blocked)',
      },
      {
        name: 'shieldwatch_asked_decisions',
        help: `Judged calls that the user was asked about, ${HOUR_HELP}.`,
        value: 'sum(asked)',
      },
      {
        name: 'shieldwatch_blocked_ratio',
        help: `Blocked decisions divided by all decisions, ${HOUR_HELP}. No sample without decisions.`,
        value: 'sum(blocked) / nullIf(sum(total), 0)',
      },
    ],
  },
  {
    sql: (scope, now) => bothHours('injection_attempt_rate_hour', 'attempts', scope, now),
    labels: [HOUR],
    gauges: [
      {
        name: 'shieldwatch_injection_attempts',
        help: `Calls blocked as injections, ${HOUR_HELP}.`,
        value: 'sum(attempts)',
      },
    ],
  },
  {
    sql: (scope, now) => bothHours('judged_share_hour', 'ran, judged', scope, now),
    labels: [HOUR],
    gauges: [
      { name: 'shieldwatch_ran_calls', help: `Tool calls that ran, ${HOUR_HELP}.`, value: 'sum(ran)' },
      {
        name: 'shieldwatch_judged_ran_calls',
        help: `Tool calls that ran and that a guard judged in time, ${HOUR_HELP}.`,
        value: 'sum(judged)',
      },
      {
        name: 'shieldwatch_judged_ratio',
        help: `Calls judged in time divided by calls that ran, ${HOUR_HELP}. No sample if none ran.`,
        value: 'sum(judged) / nullIf(sum(ran), 0)',
      },
    ],
  },
  {
    sql: (scope, now) => bothHours('tool_call_outcomes_hour', 'outcome, calls', scope, now),
    labels: [HOUR, { name: 'outcome', values: OUTCOMES }],
    gauges: [{ name: 'shieldwatch_tool_calls', help: `Tool calls by outcome, ${HOUR_HELP}.`, value: 'sum(calls)' }],
  },
];

const PIPELINE: readonly Source[] = [
  {
    sql: (scope) =>
      `SELECT repo, producer, assumeNotNull(silent_seconds) AS age FROM coverage WHERE ${scope} AND state != 'never'`,
    labels: [{ name: 'producer', values: ['scan', 'guard', 'watch', ...AGENTS] }],
    gauges: [
      {
        name: 'shieldwatch_coverage_age_seconds',
        help: 'Seconds since the last report of a producer: scan, guard, watch, or an agent (_other: the longest).',
        value: 'max(age)',
      },
    ],
  },
  {
    sql: (scope, now) => `SELECT repo, if(ingested_at < toStartOfHour(${now}), 'closed', 'current') AS hour, record
FROM quarantine
WHERE ${scope} AND ingested_at >= toStartOfHour(${now}) - toIntervalHour(1)`,
    labels: [HOUR, { name: 'record', values: Object.keys(FACTS) }],
    gauges: [
      {
        name: 'shieldwatch_quarantined_records',
        help: `Records that arrived and did not become facts, ${HOUR_HELP}. No sample if there are none.`,
        value: 'count()',
      },
    ],
  },
];

function ofRule({ sql, metric }: AlertRule): Source {
  const { name, help, column, fold, fixed, label, isOfOrganisation } = metric;
  return {
    sql,
    labels: label === undefined ? [] : [label],
    ...(fixed === undefined ? {} : { fixed }),
    ...(isOfOrganisation === undefined ? {} : { isOfOrganisation }),
    gauges: [{ name, help, value: `${fold}(${column})` }],
  };
}

/** All sources. Those that share a gauge's name stand together, as the formats require of its samples. */
export const SOURCES: readonly Source[] = [...POSTURE, ...CALLS, ...PIPELINE, ...ALERT_RULES.map(ofRule)];
