import {
  ATTR_DRIFT_FINDINGS_NEW,
  ATTR_DRIFT_FINDINGS_RESOLVED,
  ATTR_DRIFT_HAS_CRITICAL,
  ATTR_DRIFT_IS_REGRESSION,
  ATTR_DRIFT_SCORE_CURRENT,
  ATTR_DRIFT_SCORE_DELTA,
  ATTR_DRIFT_SCORE_PREVIOUS,
  ATTR_DRIFT_TIMESTAMP,
  ATTR_EVENT_ID,
} from '../semconv.js';

/** What changed between two scans of a repository, counted: AgentShield's DriftResult without its findings. */
export interface DriftRecord {
  readonly eventId: string;
  /** Of the later scan, ISO 8601. */
  readonly timestamp: string;
  readonly previousScore: number;
  readonly currentScore: number;
  readonly scoreDelta: number;
  readonly isRegression: boolean;
  readonly hasCritical: boolean;
  /** How many findings came, and how many went. */
  readonly newFindings: number;
  readonly resolvedFindings: number;
}

/** A drift as the attributes of its span, which the views make a fact of. */
export function driftAttributes(drift: DriftRecord): Record<string, string | number | boolean> {
  return {
    [ATTR_EVENT_ID]: drift.eventId,
    [ATTR_DRIFT_TIMESTAMP]: drift.timestamp,
    [ATTR_DRIFT_SCORE_PREVIOUS]: drift.previousScore,
    [ATTR_DRIFT_SCORE_CURRENT]: drift.currentScore,
    [ATTR_DRIFT_SCORE_DELTA]: drift.scoreDelta,
    [ATTR_DRIFT_IS_REGRESSION]: drift.isRegression,
    [ATTR_DRIFT_HAS_CRITICAL]: drift.hasCritical,
    [ATTR_DRIFT_FINDINGS_NEW]: drift.newFindings,
    [ATTR_DRIFT_FINDINGS_RESOLVED]: drift.resolvedFindings,
  };
}
