import type { FindingRecord } from '#schemas/records/finding.js';

/** How two scans of one repository differ. */
export interface Difference {
  readonly added: readonly FindingRecord[];
  readonly resolved: readonly FindingRecord[];
}

/**
 * Compares findings by their key as multisets: what moved to another line is the same finding, and of three
 * equal ones that became two, one is resolved.
 */
export function compareFindings(before: readonly FindingRecord[], after: readonly FindingRecord[]): Difference {
  return { added: without(after, before), resolved: without(before, after) };
}

function without(findings: readonly FindingRecord[], others: readonly FindingRecord[]): FindingRecord[] {
  const left = new Map<string, number>();
  for (const { key } of others) left.set(key, (left.get(key) ?? 0) + 1);
  return findings.filter(({ key }) => {
    const count = left.get(key) ?? 0;
    if (count > 0) left.set(key, count - 1);
    return count === 0;
  });
}
