import type { ScanBody, ScanFinding } from '#schemas/http/ingest-scan.js';
import { findingKey, type FindingRecord } from '#schemas/records/finding.js';
import { scrubText } from '../body/scrub.js';

const MAX_TEXT = 500;

/**
 * Rows for the findings of a scan, as our own exporter makes them of a remediation plan: scrubbed, and equal
 * keys numbered in the order they came.
 */
export function findingRecords(body: ScanBody): FindingRecord[] {
  const seen = new Map<string, number>();
  return (body.findings ?? []).map((row) => {
    const id = scrubText(row.id, MAX_TEXT);
    const file = scrubText(row.file, MAX_TEXT).replace(/^<target-path>\//, '').replaceAll('\\', '/');
    const hash = evidenceHash(row);
    const key = findingKey({ id, file, fingerprint: `::${hash}` });
    const occurrence = (seen.get(key) ?? 0) + 1;
    seen.set(key, occurrence);
    return {
      scanId: body.bundleDigest,
      generatedAt: new Date(body.generatedAt).toISOString(),
      id,
      severity: row.severity,
      category: row.category,
      title: scrubText(row.title, MAX_TEXT),
      file,
      ...(typeof row.line === 'number' ? { line: row.line } : {}),
      ...(typeof row.runtimeConfidence === 'string' ? { runtimeConfidence: row.runtimeConfidence } : {}),
      fingerprint: `${id}::${scrubText(row.file, MAX_TEXT)}::${hash}`,
      key,
      occurrence,
    };
  });
}

/** Findings whose evidence may be a secret in full: AgentShield quotes connection strings and short passwords. */
const QUOTES_SECRETS = /password|passwd|credential|secret|token|db-conn|connection/i;

/**
 * The evidence's hash as the producer made it. Where the evidence may quote a secret it is withheld: a short
 * password can be guessed from its hash, and here is no evidence to scrub and hash again.
 */
function evidenceHash({ fingerprint, category, id, hasEvidence }: ScanFinding): string {
  const hash = typeof fingerprint === 'string' ? fingerprint.slice(fingerprint.lastIndexOf('::') + 2) : undefined;
  if (hash === 'sha256:no-evidence' || (hash === undefined && hasEvidence !== true)) return 'sha256:no-evidence';
  if (hash === undefined || category === 'secrets' || QUOTES_SECRETS.test(id)) return 'sha256:withheld';
  return hash;
}
