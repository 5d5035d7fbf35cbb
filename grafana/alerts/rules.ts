import {
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
} from '../queries/alerts.js';

/** One alert rule, independent of Grafana's file format. */
export interface AlertRule {
  /** Stable identifier: part of the rule's address and of silences. Never changed, never reused. */
  uid: string;
  title: string;
  /** Rows of (labels..., one number): one alert instance per set of labels. `scope` is the condition on org_id. */
  sql: (scope: string) => string;
  /** Fires above this value. */
  above: number;
  /** How long the value must stay above the threshold. */
  for: string;
  severity: 'critical' | 'warning';
  /** What a result without rows means, and therefore the state Grafana sets. */
  noData: 'OK' | 'NoData' | 'Alerting';
  summary: string;
  description: string;
  /** File name in `grafana/runbooks`, and its panel on the runbook board. */
  runbook: string;
  /** Board and panel that show the number. */
  board: string;
  panel: number;
}

/**
 * The blocked rate that is normal for guarded agents. The burn rate is the blocked rate divided by this value: the
 * multi-window alert of the SRE workbook, with this rate as the error budget.
 */
export const BLOCKED_BUDGET = 0.02;

/** String literals in Grafana's templates. They contain no `$`: Grafana expands it in provisioning files. */
const WHERE = '{{ .Labels.repo }} of {{ .Labels.org_id }}';
const VALUE = '{{ .Values.B }}';

export const ALERT_RULES: readonly AlertRule[] = [
  {
    uid: 'shieldwatch-blocked-fast',
    title: 'Blocked rate: fast burn',
    sql: (scope) => blockedBurn(scope, { longMinutes: 60, shortMinutes: 5, minDecisions: 20, budget: BLOCKED_BUDGET }),
    above: 14.4,
    for: '2m',
    severity: 'critical',
    noData: 'OK',
    summary: `Guards of ${WHERE} block far more calls than usual`,
    description: `The blocked rate is ${VALUE} times the 2 % that is normal, over the last hour and over its last 5 minutes, with at least 20 decisions.`,
    runbook: 'blocked-rate',
    board: 'shieldwatch-runtime',
    panel: 6,
  },
  {
    uid: 'shieldwatch-blocked-slow',
    title: 'Blocked rate: slow burn',
    sql: (scope) =>
      blockedBurn(scope, { longMinutes: 360, shortMinutes: 30, minDecisions: 60, budget: BLOCKED_BUDGET }),
    above: 6,
    for: '15m',
    severity: 'warning',
    noData: 'OK',
    summary: `Guards of ${WHERE} have blocked more calls than usual for hours`,
    description: `The blocked rate is ${VALUE} times the 2 % that is normal, over the last 6 hours and over their last 30 minutes, with at least 60 decisions.`,
    runbook: 'blocked-rate',
    board: 'shieldwatch-runtime',
    panel: 6,
  },
  {
    uid: 'shieldwatch-injection-spike',
    title: 'Injection attempts: spike',
    sql: injectionSpike,
    above: 4,
    for: '0s',
    severity: 'critical',
    noData: 'OK',
    summary: `Injection attempts on ${WHERE}`,
    description: `Blocked injection attempts of the last hour: ${VALUE} times the hourly mean of the previous 7 days (at least 1 per hour), and at least 5.`,
    runbook: 'injection-spike',
    board: 'shieldwatch-runtime',
    panel: 12,
  },
  {
    uid: 'shieldwatch-new-secret',
    title: 'New critical secret',
    sql: newSecret,
    above: 0,
    for: '0s',
    severity: 'critical',
    noData: 'OK',
    summary: `A critical secret is exposed in ${WHERE}`,
    description: `${VALUE} critical secrets first appeared, or reappeared, in the last 24 hours and are still present.`,
    runbook: 'new-critical-secret',
    board: 'shieldwatch-secrets',
    panel: 6,
  },
  {
    uid: 'shieldwatch-score-drop',
    title: 'Score regression',
    sql: scoreDrop,
    above: 9,
    for: '0s',
    severity: 'warning',
    noData: 'OK',
    summary: `The score of ${WHERE} fell`,
    description: `The newest scan scores ${VALUE} points less than the score in force 24 hours ago.`,
    runbook: 'score-regression',
    board: 'shieldwatch-repository',
    panel: 7,
  },
  {
    uid: 'shieldwatch-silent',
    title: 'Repository or guard silent',
    sql: silence,
    above: 1,
    for: '15m',
    severity: 'warning',
    noData: 'OK',
    summary: `{{ .Labels.producer }} of ${WHERE} is silent`,
    description: `No report for ${VALUE} times the allowed silence (guard: 1 day, scans: 7 days). After 30 days of silence a repository counts as retired.`,
    runbook: 'silent',
    board: 'shieldwatch-coverage',
    panel: 6,
  },
  {
    uid: 'shieldwatch-rollup-lag',
    title: 'Series lag behind',
    sql: rollupLag,
    above: 300,
    for: '5m',
    severity: 'warning',
    noData: 'OK',
    summary: 'Series of {{ .Labels.org_id }} lag behind the facts',
    description: `Facts that arrived ${VALUE} seconds ago are not in the series yet: boards and other alerts show an older state.`,
    runbook: 'rollup-lag',
    board: 'shieldwatch-pipeline',
    panel: 2,
  },
  {
    uid: 'shieldwatch-masked-spike',
    title: 'Masked secrets: spike',
    sql: maskedSpike,
    above: 5,
    for: '0s',
    severity: 'warning',
    noData: 'OK',
    summary: `${WHERE} sends secrets`,
    description: `Values masked in the last two hours: ${VALUE} times the usual number for two hours over the previous 7 days (at least 1), and at least 10.`,
    runbook: 'masked-spike',
    board: 'shieldwatch-secrets',
    panel: 7,
  },
  {
    uid: 'shieldwatch-dropping',
    title: 'Collector dropping',
    sql: dropping,
    above: 0,
    for: '0s',
    severity: 'critical',
    noData: 'OK',
    summary: 'A collector of {{ .Labels.org_id }} loses telemetry ({{ .Labels.counter }})',
    description: `${VALUE} records were refused, not sent or not queued in the last 15 minutes.`,
    runbook: 'collector-dropping',
    board: 'shieldwatch-pipeline',
    panel: 8,
  },
  {
    uid: 'shieldwatch-guard-passed',
    title: 'Guard bypassed or failed open',
    sql: guardPassed,
    above: 0,
    for: '0s',
    severity: 'critical',
    noData: 'OK',
    summary: `Calls ran past the guard of ${WHERE}`,
    description: `${VALUE} calls of this hour and the last ran although a guard denied them, or because the guard failed.`,
    runbook: 'guard-passed',
    board: 'shieldwatch-enforcement',
    panel: 10,
  },
  {
    uid: 'shieldwatch-session-too-large',
    title: 'Session too large to be judged',
    sql: sessionTooLarge,
    above: 0,
    for: '0s',
    severity: 'critical',
    noData: 'OK',
    summary: 'Calls of a session of {{ .Labels.org_id }} are not joined with their judgements',
    description: `${VALUE} sessions with events in the last hour are over the limits of the outcome ledger: whether a guard judged their newer calls is not known.`,
    runbook: 'session-too-large',
    board: 'shieldwatch-enforcement',
    panel: 6,
  },
];
