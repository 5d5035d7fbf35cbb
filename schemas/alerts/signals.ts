/** What may fire: a rule (`rules.ts`), or a single finding, drift, policy pack or review item. */
export const ALERT_KINDS = ['rule', 'finding', 'drift', 'approval', 'review'] as const;
export type AlertKind = (typeof ALERT_KINDS)[number];
export const ALERT_SEVERITIES = ['critical', 'warning'] as const;
export type AlertSeverity = (typeof ALERT_SEVERITIES)[number];

/** A signal of the gateway itself, which has no counterpart in Grafana or Prometheus: it is about one thing, not a number. */
export interface AlertSignal {
  /** Never changed, never reused. */
  uid: string;
  kind: Exclude<AlertKind, 'rule'>;
  title: string;
  /** File name in `grafana/runbooks`; null: none. */
  runbook: string | null;
  /** Board that shows it. */
  board: string;
}

export const ALERT_SIGNALS: readonly AlertSignal[] = [
  {
    uid: 'shieldwatch-new-finding',
    kind: 'finding',
    title: 'New critical or secret finding',
    runbook: 'new-critical-secret',
    board: 'shieldwatch-repository',
  },
  {
    uid: 'shieldwatch-drift',
    kind: 'drift',
    title: 'Drift with a regression or a critical finding',
    runbook: 'score-regression',
    board: 'shieldwatch-repository',
  },
  {
    uid: 'shieldwatch-policy-approval',
    kind: 'approval',
    title: 'Policy pack waits for approval',
    runbook: null,
    board: 'shieldwatch-fleet',
  },
  {
    uid: 'shieldwatch-review-item',
    kind: 'review',
    title: 'Review item waits for a decision',
    runbook: null,
    board: 'shieldwatch-fleet',
  },
];

/** Rules whose every instance a signal announces one by one: they send no notice where a route takes the signal too. */
export const COVERED_BY: Readonly<Record<string, string>> = { 'shieldwatch-new-secret': 'shieldwatch-new-finding' };
