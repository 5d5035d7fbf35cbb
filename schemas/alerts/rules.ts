import { DRILL_CLIENTS } from '#schemas/records/drill.js';
import {
  drillOverdue,
  dropping,
  guardPassed,
  injectionSpike,
  maskedSpike,
  newSecret,
  rollupLag,
  scoreDrop,
  sessionTooLarge,
  silence,
  blockedBurn,
  NOW,
  UNDELIVERED_COUNTERS,
} from './queries.js';

/** One alert rule: the single source of Grafana's rules, of Prometheus' rules and of the metrics that these read. */
export interface AlertRule {
  /** Stable identifier: part of the rule's address and of silences. Never changed, never reused. */
  uid: string;
  title: string;
  /**
   * Rows of (labels..., one number): one alert instance per set of labels. `scope` is the condition on org_id, `now` the
   * evaluation time (default {@link NOW}).
   */
  sql: (scope: string, now?: string) => string;
  /** The number as a gauge of `GET /v1/metrics/prometheus`, named by the conventions of Prometheus. */
  metric: SignalMetric;
  /** Fires above this value. */
  above: number;
  /** Seconds that the value is about; absent: it has no window. */
  windowSeconds?: number;
  /** How long the value must stay above the threshold. */
  for: string;
  severity: 'critical' | 'warning';
  /** What a result without rows means, and therefore the state Grafana sets. */
  noData: 'OK' | 'NoData' | 'Alerting';
  /** Texts with the placeholders {@link PLACEHOLDERS}. */
  summary: string;
  description: string;
  /** File name in `grafana/runbooks`, and its panel on the runbook board. */
  runbook: string;
  /** Board and panel that show the number. */
  board: string;
  panel: number;
}

export interface SignalMetric {
  name: string;
  help: string;
  /** The number's column in the rows of `sql`. */
  column: string;
  /** How the numbers of several repositories become one, so that it fires if one of them does. */
  fold: 'sum' | 'max';
  /** Its rows are per organisation, and have no repository. */
  isOfOrganisation?: true;
  /** A label with a fixed value, where several rules share the name. */
  fixed?: Readonly<Record<string, string>>;
  /** A label of the rows in addition to organisation and repository, with the values it has. */
  label?: { readonly name: string; readonly values: readonly string[] };
}

/** Returns the seconds of a rule's duration like `0s`, `15m` or `1h`. */
export const secondsOf = (duration: string): number =>
  Number.parseInt(duration) * (duration.endsWith('h') ? 3_600 : duration.endsWith('m') ? 60 : 1);

/** Placeholders of the texts. Each output replaces them by an expression of its own template language. */
const PLACEHOLDERS = /\{(org|repository|value|producer|counter|client)\}/g;
export type Placeholder = 'org' | 'repository' | 'value' | 'producer' | 'counter' | 'client';

/** Replaces the placeholders of a rule's text. */
export function fillIn(text: string, expressions: Readonly<Record<Placeholder, string>>): string {
  return text.replaceAll(PLACEHOLDERS, (_, name: Placeholder) => expressions[name]);
}

/**
 * Returns the text, with placeholders, of the dedupe key of a rule's alerts: Shieldwatch's own notices, Grafana's and
 * Prometheus' have the same, so that a receiver that joins by it reports one thing once. The repository comes last, since
 * it may contain slashes.
 */
export function dedupeKey({ uid, metric }: Pick<AlertRule, 'uid' | 'metric'>): string {
  const label = metric.label === undefined ? '' : `/{${metric.label.name}}`;
  return `${uid}/{org}${label}${metric.isOfOrganisation === true ? '' : '/{repository}'}`;
}

/**
 * The blocked rate that is normal for guarded agents. The burn rate is the blocked rate divided by this value: the
 * multi-window alert of the SRE workbook, with this rate as the error budget.
 */
export const BLOCKED_BUDGET = 0.02;

const WHERE = '{repository} of {org}';

export const ALERT_RULES: readonly AlertRule[] = [
  {
    uid: 'shieldwatch-blocked-fast',
    title: 'Blocked rate: fast burn',
    sql: (scope, now = NOW) =>
      blockedBurn(scope, now, { longMinutes: 60, shortMinutes: 5, minDecisions: 20, budget: BLOCKED_BUDGET }),
    metric: {
      name: 'shieldwatch_blocked_burn_ratio',
      help: 'Blocked rate divided by the 2 % that is normal, over a window and its last twelfth: the lower of both. No sample below 20 decisions (1h) or 60 (6h).',
      column: 'burn',
      fold: 'max',
      fixed: { window: '1h' },
    },
    above: 14.4,
    windowSeconds: 3_600,
    for: '2m',
    severity: 'critical',
    noData: 'OK',
    summary: `Guards of ${WHERE} block far more calls than usual`,
    description: `The blocked rate is {value} times the 2 % that is normal, over the last hour and over its last 5 minutes, with at least 20 decisions.`,
    runbook: 'blocked-rate',
    board: 'shieldwatch-runtime',
    panel: 6,
  },
  {
    uid: 'shieldwatch-blocked-slow',
    title: 'Blocked rate: slow burn',
    sql: (scope, now = NOW) =>
      blockedBurn(scope, now, { longMinutes: 360, shortMinutes: 30, minDecisions: 60, budget: BLOCKED_BUDGET }),
    metric: {
      name: 'shieldwatch_blocked_burn_ratio',
      help: 'Blocked rate divided by the 2 % that is normal, over a window and its last twelfth: the lower of both. No sample below 20 decisions (1h) or 60 (6h).',
      column: 'burn',
      fold: 'max',
      fixed: { window: '6h' },
    },
    above: 6,
    windowSeconds: 21_600,
    for: '15m',
    severity: 'warning',
    noData: 'OK',
    summary: `Guards of ${WHERE} have blocked more calls than usual for hours`,
    description: `The blocked rate is {value} times the 2 % that is normal, over the last 6 hours and over their last 30 minutes, with at least 60 decisions.`,
    runbook: 'blocked-rate',
    board: 'shieldwatch-runtime',
    panel: 6,
  },
  {
    uid: 'shieldwatch-injection-spike',
    title: 'Injection attempts: spike',
    sql: (scope, now = NOW) => injectionSpike(scope, now),
    metric: {
      name: 'shieldwatch_injection_spike_ratio',
      help: 'Injection attempts of the last hour divided by the hourly mean of the previous 7 days (at least 1); 0 below 5 attempts.',
      column: 'spike',
      fold: 'max',
    },
    above: 4,
    windowSeconds: 3_600,
    for: '0s',
    severity: 'critical',
    noData: 'OK',
    summary: `Injection attempts on ${WHERE}`,
    description: `Blocked injection attempts of the last hour: {value} times the hourly mean of the previous 7 days (at least 1 per hour), and at least 5.`,
    runbook: 'injection-spike',
    board: 'shieldwatch-runtime',
    panel: 12,
  },
  {
    uid: 'shieldwatch-new-secret',
    title: 'New critical secret',
    sql: (scope, now = NOW) => newSecret(scope, now),
    metric: {
      name: 'shieldwatch_new_critical_secrets',
      help: 'Critical secrets that first appeared, or reappeared, in the last 24 hours and are still present.',
      column: 'exposed',
      fold: 'sum',
    },
    above: 0,
    windowSeconds: 86_400,
    for: '0s',
    severity: 'critical',
    noData: 'OK',
    summary: `A critical secret is exposed in ${WHERE}`,
    description: `{value} critical secrets first appeared, or reappeared, in the last 24 hours and are still present.`,
    runbook: 'new-critical-secret',
    board: 'shieldwatch-secrets',
    panel: 6,
  },
  {
    uid: 'shieldwatch-score-drop',
    title: 'Score regression',
    sql: (scope, now = NOW) => scoreDrop(scope, now),
    metric: {
      name: 'shieldwatch_score_drop_points',
      help: 'Points that the newest scan scores less than the score in force 24 hours ago.',
      column: 'points',
      fold: 'max',
    },
    above: 9,
    windowSeconds: 86_400,
    for: '0s',
    severity: 'warning',
    noData: 'OK',
    summary: `The score of ${WHERE} fell`,
    description: `The newest scan scores {value} points less than the score in force 24 hours ago.`,
    runbook: 'score-regression',
    board: 'shieldwatch-repository',
    panel: 7,
  },
  {
    uid: 'shieldwatch-silent',
    title: 'Repository or guard silent',
    sql: (scope) => silence(scope),
    metric: {
      name: 'shieldwatch_silence_ratio',
      help: 'Silence of a producer divided by the silence that is allowed (guard: 1 day, scan: 7 days). No sample after 30 days.',
      column: 'silent_times',
      fold: 'max',
      label: { name: 'producer', values: ['scan', 'guard'] },
    },
    above: 1,
    for: '15m',
    severity: 'warning',
    noData: 'OK',
    summary: `{producer} of ${WHERE} is silent`,
    description: `No report for {value} times the allowed silence (guard: 1 day, scans: 7 days). After 30 days of silence a repository counts as retired.`,
    runbook: 'silent',
    board: 'shieldwatch-coverage',
    panel: 6,
  },
  {
    uid: 'shieldwatch-rollup-lag',
    title: 'Series lag behind',
    sql: (scope, now = NOW) => rollupLag(scope, now),
    metric: {
      name: 'shieldwatch_rollup_lag_seconds',
      help: 'Seconds that the oldest fact has waited to be in the series.',
      column: 'lag',
      fold: 'max',
      isOfOrganisation: true,
    },
    above: 300,
    for: '5m',
    severity: 'warning',
    noData: 'OK',
    summary: 'Series of {org} lag behind the facts',
    description: `Facts that arrived {value} seconds ago are not in the series yet: boards and other alerts show an older state.`,
    runbook: 'rollup-lag',
    board: 'shieldwatch-pipeline',
    panel: 2,
  },
  {
    uid: 'shieldwatch-masked-spike',
    title: 'Masked secrets: spike',
    sql: (scope, now = NOW) => maskedSpike(scope, now),
    metric: {
      name: 'shieldwatch_masked_spike_ratio',
      help: 'Values masked in this hour and the last divided by the usual number for two hours (at least 1); 0 below 10 values.',
      column: 'spike',
      fold: 'max',
    },
    above: 5,
    windowSeconds: 7_200,
    for: '0s',
    severity: 'warning',
    noData: 'OK',
    summary: `${WHERE} sends secrets`,
    description: `Values masked in the last two hours: {value} times the usual number for two hours over the previous 7 days (at least 1), and at least 10.`,
    runbook: 'masked-spike',
    board: 'shieldwatch-secrets',
    panel: 7,
  },
  {
    uid: 'shieldwatch-dropping',
    title: 'Collector dropping',
    sql: (scope, now = NOW) => dropping(scope, now),
    metric: {
      name: 'shieldwatch_collector_undelivered_records',
      help: 'Records that collectors refused, did not send or did not queue in the last 15 minutes.',
      column: 'records',
      fold: 'sum',
      isOfOrganisation: true,
      label: { name: 'counter', values: UNDELIVERED_COUNTERS },
    },
    above: 0,
    windowSeconds: 900,
    for: '0s',
    severity: 'critical',
    noData: 'OK',
    summary: 'A collector of {org} loses telemetry ({counter})',
    description: `{value} records were refused, not sent or not queued in the last 15 minutes.`,
    runbook: 'collector-dropping',
    board: 'shieldwatch-pipeline',
    panel: 8,
  },
  {
    uid: 'shieldwatch-guard-passed',
    title: 'Guard bypassed or failed open',
    sql: (scope, now = NOW) => guardPassed(scope, now),
    metric: {
      name: 'shieldwatch_guard_passed_calls',
      help: 'Calls of this hour and the last that ran although a guard denied them, or because the guard failed.',
      column: 'passed',
      fold: 'sum',
    },
    above: 0,
    windowSeconds: 7_200,
    for: '0s',
    severity: 'critical',
    noData: 'OK',
    summary: `Calls ran past the guard of ${WHERE}`,
    description: `{value} calls of this hour and the last ran although a guard denied them, or because the guard failed.`,
    runbook: 'guard-passed',
    board: 'shieldwatch-enforcement',
    panel: 10,
  },
  {
    uid: 'shieldwatch-session-too-large',
    title: 'Session too large to be judged',
    sql: (scope, now = NOW) => sessionTooLarge(scope, now),
    metric: {
      name: 'shieldwatch_sessions_too_large',
      help: 'Sessions with events in the last hour that are over the limits of the outcome ledger.',
      column: 'sessions',
      fold: 'sum',
      isOfOrganisation: true,
    },
    above: 0,
    windowSeconds: 3_600,
    for: '0s',
    severity: 'critical',
    noData: 'OK',
    summary: 'Calls of a session of {org} are not joined with their judgements',
    description: `{value} sessions with events in the last hour are over the limits of the outcome ledger: whether a guard judged their newer calls is not known.`,
    runbook: 'session-too-large',
    board: 'shieldwatch-enforcement',
    panel: 6,
  },
  {
    uid: 'shieldwatch-drill-overdue',
    title: 'Drill overdue',
    sql: (scope, now = NOW) => drillOverdue(scope, now),
    metric: {
      name: 'shieldwatch_drill_overdue_ratio',
      help: 'Time since a seat last proved that its agent obeys the guard, divided by the 1 day that is allowed; at least 2 if its newest drill failed (of several seats: the highest). No sample for seats that were never proved, or that have not drilled for 30 days.',
      column: 'days',
      fold: 'max',
      label: { name: 'client', values: DRILL_CLIENTS },
    },
    above: 1,
    for: '1h',
    severity: 'warning',
    noData: 'OK',
    summary: `{client} has not proved that it obeys the guard: ${WHERE}`,
    description: `The last proof of a seat is {value} days old (2 or more if its newest drill failed). Seats that were never proved do not fire; after 30 days without a drill a seat counts as retired.`,
    runbook: 'drill-overdue',
    board: 'shieldwatch-coverage',
    panel: 13,
  },
];
