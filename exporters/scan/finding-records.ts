import { createHash } from 'node:crypto';
import { homedir } from 'node:os';
import { posix } from 'node:path';
import { hashable } from '#schemas/hashable.js';
import {
  evidenceHashOf,
  findingKey,
  NO_EVIDENCE,
  numberFindings,
  WITHHELD,
  type FindingRecord,
} from '#schemas/records/finding.js';
import { MAX_FINDING_TEXT } from '#schemas/mapping/scan-body.js';
import { scrubText } from '#schemas/scrub.js';
import type { EvidencePack, PlanFinding } from './evidence-pack.js';

/** Values that all findings of a scan share. */
export interface FindingsOf {
  readonly scanId: string;
  readonly generatedAt: string;
  /** Path of the scanned folder inside its repository, `''` at its top. */
  readonly pathInRepository: string;
}

/**
 * Returns rows for the findings of a pack: those of the remediation plan, scrubbed. A key is derived from scrubbed text
 * only, and equal keys are numbered in the pack's order.
 */
export function findingRecords(pack: EvidencePack, scan: FindingsOf): FindingRecord[] {
  const evidence = new Map(pack.report.findings.map((finding) => [fingerprintOf(finding), finding.evidence]));
  return numberFindings(
    pack.findings.map((row) => {
      const id = clean(row.id);
      const file = fileInRepository(row.file, scan.pathInRepository);
      const hash = evidenceHashOf({ id, category: row.category, hash: scrubbedHash(row, evidence) });
      return {
        scanId: scan.scanId,
        generatedAt: scan.generatedAt,
        id,
        severity: row.severity,
        category: row.category,
        title: clean(row.title),
        file,
        ...(row.line === undefined ? {} : { line: row.line }),
        ...(row.runtimeConfidence === undefined ? {} : { runtimeConfidence: row.runtimeConfidence }),
        // Joined from scrubbed parts: scrubbed as a whole, `...TOKEN::file` would read as an assignment.
        fingerprint: `${id}::${clean(row.file)}::${hash}`,
        key: findingKey({ id, file, fingerprint: `::${hash}` }),
      };
    }),
  );
}

/**
 * Returns a hash of evidence without secrets and personal data. AgentShield hashes evidence that may still contain a
 * password (it quotes connection strings in full). If there was nothing to scrub, both hashes are equal; if the
 * evidence is missing, AgentShield's hash cannot be shown to be harmless.
 */
function scrubbedHash(row: PlanFinding, evidence: ReadonlyMap<string, string | undefined>): string {
  if (!evidence.has(row.fingerprint)) return row.hasEvidence ? WITHHELD : NO_EVIDENCE;
  const text = evidence.get(row.fingerprint);
  return hashOf(text === undefined ? undefined : hashable(withoutHome(text)));
}

/** Implements AgentShield's `fingerprintFinding`. */
function fingerprintOf(finding: { id: string; file: string; evidence?: string | undefined }): string {
  return `${finding.id}::${finding.file}::${hashOf(finding.evidence)}`;
}

function hashOf(evidence: string | undefined): string {
  if (evidence === undefined || evidence === '') return NO_EVIDENCE;
  return `sha256:${createHash('sha256').update(evidence).digest('hex').slice(0, 16)}`;
}

/** Scrubs, and removes the home folder: the child process had another one (see run-agentshield). */
function clean(text: string): string {
  return scrubText(withoutHome(text), MAX_FINDING_TEXT);
}

function withoutHome(text: string): string {
  const home = homedir();
  return home.length > 1 ? text.replaceAll(home, '<home>') : text;
}

function fileInRepository(file: string, pathInRepository: string): string {
  const path = clean(file)
    .replace(/^<target-path>\//, '')
    .replaceAll('\\', '/');
  return pathInRepository === '' || path.startsWith('/') ? path : posix.join(pathInRepository, path);
}
