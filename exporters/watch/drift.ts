import { driftRecord, type DriftRecord } from '#schemas/mapping/drift.js';
import { findingsWithout, type FindingRecord } from '#schemas/records/finding.js';
import type { ScanRecord } from '#schemas/records/scan.js';

/** A scan with its findings. */
export interface ScanState {
  readonly scan: ScanRecord;
  readonly findings: readonly FindingRecord[];
}

/** Compares two scans of one repository by the keys of their findings; undefined if no finding is new or resolved. */
export function driftBetween(before: ScanState, after: ScanState): DriftRecord | undefined {
  const [newFindings, resolvedFindings] = [
    findingsWithout(after.findings, before.findings),
    findingsWithout(before.findings, after.findings),
  ];
  if (newFindings.length + resolvedFindings.length === 0) return undefined;
  const [previousScore, currentScore] = [before.scan.score, after.scan.score];
  return driftRecord({
    repository: after.scan.repository,
    timestamp: after.scan.generatedAt,
    previousScore,
    currentScore,
    newFindings,
    resolvedFindings,
    isRegression: newFindings.length > 0 || currentScore < previousScore,
    hasCritical: newFindings.some(({ severity }) => severity === 'critical'),
  });
}
