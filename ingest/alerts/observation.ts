import type { AlertKind, AlertSeverity } from '#schemas/alerts/signals.js';

/** What an evaluation saw of one instance of a rule or signal. */
export interface Observation {
  /** Dedupe key. */
  key: string;
  rule: string;
  kind: AlertKind;
  severity: AlertSeverity;
  /** Canonical name; empty: the organisation. */
  repository: string;
  owners: readonly string[];
  labels: Readonly<Record<string, string>>;
  title: string;
  summary: string;
  value: number | null;
  threshold: number | null;
  windowSeconds: number | null;
  isFiring: boolean;
  /** Whether it may begin an episode: false for what is older than the evaluation. */
  canOpen: boolean;
  /** Of an event: its id. Each event is an episode of its own. */
  occurrence: string;
}

/** Everything that was seen of one rule or signal. */
export interface Reading {
  rule: string;
  /** Seconds for which it must fire before an episode opens. */
  forSeconds: number;
  observations: readonly Observation[];
  /** Whether an instance that was not seen has no data. Otherwise nothing is known of it. */
  isComplete: boolean;
}
