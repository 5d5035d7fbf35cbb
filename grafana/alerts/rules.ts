import {
  dropping,
  injectionSpike,
  maskedSpike,
  newSecret,
  rollupLag,
  scoreDrop,
  silence,
  blockedBurn,
} from '../queries/alerts.js';

/** What one alert rule is, before it becomes Grafana's file format. */
export interface AlertRule {
  /** Part of the rule's address and of its silences: never changed, never given out again. */
  uid: string;
  title: string;
  /** Rows of (labels..., one number): one alert instance for each set of labels. `scope` is the condition on org_id. */
  sql: (scope: string) => string;
  /** Fires above this. */
  above: number;
  /** How long it must stay above. */
  for: string;
  severity: 'critical' | 'warning';
  /** What it means that the query has no rows, and so what Grafana is to do. */
  noData: 'OK' | 'NoData' | 'Alerting';
  summary: string;
  description: string;
  /** File in `grafana/runbooks`, and its panel on the runbook board. */
  runbook: string;
  /** Where to look: the board, and the panel that shows the number. */
  board: string;
  panel: number;
}

/**
 * A blocked rate that is normal for guarded agents. Burn is the rate over this: the multi-window alert of the SRE
 * workbook, with the budget as the rate that is spent.
 */
export const BLOCKED_BUDGET = 0.02;

/** Quoted strings of Grafana's templates: no `$` in them, since provisioning files give it a meaning of its own. */
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
    summary: `Guards of ${WHERE} block far more than usual`,
    description: `The blocked rate is ${VALUE} times the 2 % that is normal, over the last hour and over its last 5 minutes too, of 20 decisions or more.`,
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
    summary: `Guards of ${WHERE} have blocked more than usual for hours`,
    description: `The blocked rate is ${VALUE} times the 2 % that is normal, over the last 6 hours and over their last 30 minutes too, of 60 decisions or more.`,
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
    description: `Blocked injections of the last hour are ${VALUE} times the hourly mean of the 7 days before (at least 1 an hour), and 5 or more.`,
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
    description: `${VALUE} critical secrets were first shown, or came back, in the last 24 hours and are still there.`,
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
    description: `The newest scan scores ${VALUE} points less than what held 24 hours ago.`,
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
    description: `Nothing was heard for ${VALUE} times as long as it may be silent: a guard 1 day, scans 7 days. Silent for 30 days it counts as retired.`,
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
    summary: 'Series of {{ .Labels.org_id }} lag behind what arrived',
    description: `Something that arrived ${VALUE} seconds ago is in no series yet: boards and other alerts show an older state.`,
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
    description: `Values masked in the last two hours are ${VALUE} times the usual of two hours over the 7 days before (at least 1), and 10 or more.`,
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
];
