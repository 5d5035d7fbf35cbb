import { SeverityNumber } from '@opentelemetry/api-logs';
import { createHash } from 'node:crypto';
import {
  ATTR_EVENT_ID,
  ATTR_FINDING_CATEGORY,
  ATTR_FINDING_FILE,
  ATTR_FINDING_FINGERPRINT,
  ATTR_FINDING_ID,
  ATTR_FINDING_KEY,
  ATTR_FINDING_LINE,
  ATTR_FINDING_OCCURRENCE,
  ATTR_FINDING_RUNTIME_CONFIDENCE,
  ATTR_FINDING_SEVERITY,
  ATTR_FINDING_TITLE,
  ATTR_SCAN_GENERATED_AT,
  ATTR_SCAN_ID,
} from '../semconv.js';
import type { Severity } from './enums.js';
import { hashable } from '../hashable.js';

/** A scrubbed finding of one scan, without evidence and fix text. */
export interface FindingRecord {
  /** Event id of the scan it belongs to. */
  scanId: string;
  /** Report time of that scan, ISO 8601. */
  generatedAt: string;
  /** AgentShield's id. It contains byte offsets, so it changes when lines move. */
  id: string;
  severity: Severity;
  category: string;
  title: string;
  /** Path inside the repository. */
  file: string;
  line?: number;
  runtimeConfidence?: string;
  /** AgentShield's fingerprint, `id::file::sha256:...`, stored in addition to our key. */
  fingerprint: string;
  /** See {@link findingKey}. */
  key: string;
  /** Number among equal keys of the scan, from 1: two equal allow entries are two findings. */
  occurrence: number;
}

/** OpenTelemetry severity number of a finding's log record. The worst is an error, not fatal. */
export const FINDING_SEVERITY_NUMBERS: Readonly<Record<Severity, SeverityNumber>> = {
  critical: SeverityNumber.ERROR4,
  high: SeverityNumber.ERROR,
  medium: SeverityNumber.WARN,
  low: SeverityNumber.INFO2,
  info: SeverityNumber.INFO,
};

/**
 * Returns the key that identifies a finding across scans: id without its trailing offset, file, and the evidence hash
 * of the fingerprint. A comment line added above a finding changes its id and fingerprint but not this key.
 */
export function findingKey(finding: { id: string; file: string; fingerprint: string }): string {
  const evidence = finding.fingerprint.slice(finding.fingerprint.lastIndexOf('::') + 2);
  return `${finding.id.replace(/-\d+$/, '')}|${finding.file}|${evidence}`;
}

/** Findings whose evidence may contain a whole secret: AgentShield quotes connection strings and short passwords. */
const QUOTES_SECRETS = /password|passwd|credential|secret|token|db-conn|connection/i;

/**
 * Returns the storable hash of a finding's evidence: `sha256:withheld` if the evidence may contain a secret, because a
 * short password can be guessed from its hash. The same for REST and OTLP.
 */
export function evidenceHashOf({ id, category, hash }: { id: string; category: string; hash: string }): string {
  if (hash === NO_EVIDENCE) return hash;
  return category === 'secrets' || QUOTES_SECRETS.test(id) ? WITHHELD : hash;
}

export const NO_EVIDENCE = 'sha256:no-evidence';
export const WITHHELD = 'sha256:withheld';

/** Numbers findings with equal keys from 1, in order of arrival. */
export function numberFindings(findings: readonly Omit<FindingRecord, 'occurrence'>[]): FindingRecord[] {
  const seen = new Map<string, number>();
  return findings.map((finding) => {
    const occurrence = (seen.get(finding.key) ?? 0) + 1;
    seen.set(finding.key, occurrence);
    return { ...finding, occurrence };
  });
}

/**
 * Returns the findings that `others` lacks, by key as multisets: a finding on another line is the same, and if three
 * equal ones became two, one was resolved.
 */
export function findingsWithout<F extends { key: string }>(
  findings: readonly F[],
  others: readonly { key: string }[],
): F[] {
  const left = new Map<string, number>();
  for (const { key } of others) left.set(key, (left.get(key) ?? 0) + 1);
  return findings.filter(({ key }) => {
    const count = left.get(key) ?? 0;
    if (count > 0) left.set(key, count - 1);
    return count === 0;
  });
}

/** Returns the event id of a finding fact, derived from scan, key and occurrence. */
function findingEventId(scanId: string, key: string, occurrence: number): string {
  return createHash('sha256')
    .update(`${scanId}\0${hashable(key)}\0${occurrence}`)
    .digest('hex')
    .slice(0, 32);
}

/** Returns the attributes of the `agentshield.finding` log record. */
export function findingAttributes(record: FindingRecord): Record<string, string | number> {
  return {
    [ATTR_EVENT_ID]: findingEventId(record.scanId, record.key, record.occurrence),
    [ATTR_SCAN_ID]: record.scanId,
    [ATTR_SCAN_GENERATED_AT]: record.generatedAt,
    [ATTR_FINDING_ID]: record.id,
    [ATTR_FINDING_KEY]: record.key,
    [ATTR_FINDING_OCCURRENCE]: record.occurrence,
    [ATTR_FINDING_FINGERPRINT]: record.fingerprint,
    [ATTR_FINDING_SEVERITY]: record.severity,
    [ATTR_FINDING_CATEGORY]: record.category,
    [ATTR_FINDING_TITLE]: record.title,
    [ATTR_FINDING_FILE]: record.file,
    ...(record.line === undefined ? {} : { [ATTR_FINDING_LINE]: record.line }),
    ...(record.runtimeConfidence === undefined ? {} : { [ATTR_FINDING_RUNTIME_CONFIDENCE]: record.runtimeConfidence }),
  };
}
