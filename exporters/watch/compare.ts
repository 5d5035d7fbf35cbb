import { findingsWithout, type FindingRecord } from '#schemas/records/finding.js';

/** How two scans of one repository differ. */
export interface Difference {
  readonly added: readonly FindingRecord[];
  readonly resolved: readonly FindingRecord[];
}

/** Compares two scans of one repository by the keys of their findings. */
export function compareFindings(before: readonly FindingRecord[], after: readonly FindingRecord[]): Difference {
  return { added: findingsWithout(after, before), resolved: findingsWithout(before, after) };
}
