import type { ScanBody, ScanFinding } from '../http/ingest-scan.js';
import { scrubText } from '../scrub.js';
import type { RuntimeConfidence } from '../records/enums.js';
import {
  evidenceHashOf,
  findingKey,
  NO_EVIDENCE,
  numberFindings,
  WITHHELD,
  type FindingRecord,
} from '../records/finding.js';
import { integrityOf } from '../records/integrity.js';
import type { ScanBaseline, ScanCi, ScanPolicy, ScanRecord } from '../records/scan.js';
import type { ScanExport } from '../records/scan-telemetry.js';

/** Maximum length of a finding's id, title and file, in UTF-16 units. */
export const MAX_FINDING_TEXT = 500;

/**
 * Number of files assumed for a scan that does not report it. The answer has a warning, because a scan of an empty
 * folder would look clean.
 */
const UNKNOWN_FILES = 1;

/**
 * Builds the body of `POST /v1/ingest/scan`: AgentShield's inspection of its own pack and the fields that it lacks.
 * {@link scanOfBody} restores the same scan, so that both paths store the same.
 */
export function bodyOfScan({ scan, findings, durationMs }: ScanExport): ScanBody {
  const { evidencePack, policy, baseline, supplyChain, ci } = scan;
  const { critical, high, medium, low, info } = scan.findings;
  const integrity = evidencePack?.integrity ?? 'ok';
  return {
    repository: scan.repository,
    bundleDigest: scan.bundleDigest ?? scan.eventId,
    expectedBundleDigest: evidencePack?.expectedDigest,
    generatedAt: scan.generatedAt,
    redacted: true,
    ok: integrity === 'ok',
    verification: { ok: integrity !== 'mismatch' },
    artifactCount: evidencePack?.artifacts,
    verifiedArtifactCount: evidencePack?.artifactsVerified,
    toolVersion: scan.agentshieldVersion,
    minSeverity: scan.minSeverity,
    exitCode: scan.exitCode,
    durationMs,
    report: {
      score: { grade: scan.grade, numericScore: scan.score, breakdown: scan.breakdown },
      findings: { total: critical + high + medium + low + info, critical, high, medium, low, info },
      filesScanned: scan.filesScanned,
      runtimeConfidence: scan.runtimeConfidence,
    },
    policy: policy && {
      status: policy.status,
      policyName: policy.name,
      policyPack: policy.pack,
      violations: policy.violations,
      minScore: policy.minScore,
      exceptionSummary: policy.exceptions && {
        total: policy.exceptions.total,
        active: policy.exceptions.active,
        expiringSoon: policy.exceptions.expiring_soon,
        expired: policy.exceptions.expired,
      },
    },
    baseline: baseline && {
      status: baseline.status,
      scoreDelta: baseline.scoreDelta,
      newFindings: baseline.findings?.new,
      resolvedFindings: baseline.findings?.resolved,
      unchangedCount: baseline.findings?.unchanged,
      newCriticalCount: baseline.findings?.new_critical,
      newHighCount: baseline.findings?.new_high,
    },
    supplyChain: supplyChain && {
      totalPackages: supplyChain.total,
      riskyPackages: supplyChain.risky,
      criticalCount: supplyChain.critical,
      highCount: supplyChain.high,
    },
    ciContext: { provider: scan.provider, repository: scan.repository, ...ci },
    remediation: scan.remediation,
    findings: findings.map(({ fingerprint, id, severity, category, title, file, line, runtimeConfidence, key }) => ({
      fingerprint,
      id,
      severity,
      category: category as ScanFinding['category'],
      title,
      file,
      line,
      runtimeConfidence: runtimeConfidence as RuntimeConfidence | undefined,
      findingKey: key,
    })),
  };
}

/** Converts a body to a scrubbed scan, without values that the producer did not send. */
export function scanOfBody(body: ScanBody, repository: string): ScanExport {
  const { report, policy, baseline, supplyChain, remediation } = body;
  const { critical, high, medium, low, info } = report.findings;
  const findings = findingsOfBody(body);
  const scan: ScanRecord = {
    eventId: body.bundleDigest,
    bundleDigest: body.bundleDigest,
    generatedAt: new Date(body.generatedAt).toISOString(),
    repository,
    score: report.score.numericScore,
    grade: report.score.grade,
    ...(isPresent(report.score.breakdown) ? { breakdown: report.score.breakdown } : {}),
    findings: { critical, high, medium, low, info },
    filesScanned: filesScannedOf(body) ?? UNKNOWN_FILES,
    ...optional({
      minSeverity: body.minSeverity ?? body.source?.minSeverity,
      agentshieldVersion: scrubbed(body.toolVersion ?? body.source?.toolVersion, 50),
      exitCode: body.exitCode,
      runtimeConfidence: report.runtimeConfidence,
      remediation: isPresent(remediation)
        ? {
            totalFindings: remediation.totalFindings,
            autoFixable: remediation.autoFixable,
            manualReview: remediation.manualReview,
          }
        : undefined,
    }),
    provider: body.ciContext?.provider ?? body.ci?.provider ?? 'local',
    ci: ciOf(body),
    ...(isPresent(policy) ? { policy: policyOf(policy) } : {}),
    ...(isPresent(baseline) ? { baseline: baselineOf(baseline) } : {}),
    ...(isPresent(supplyChain)
      ? {
          supplyChain: {
            total: supplyChain.totalPackages,
            risky: supplyChain.riskyPackages,
            critical: supplyChain.criticalCount,
            high: supplyChain.highCount,
          },
        }
      : {}),
    evidencePack: {
      redacted: true,
      ...optional({
        expectedDigest: body.expectedBundleDigest,
        artifacts: body.artifactCount,
        artifactsVerified: body.verifiedArtifactCount,
      }),
      integrity: integrityOfBody(body),
    },
    ...(findings.length === 0 ? {} : { keyScheme: haveKeys(body) ? 'source' : 'gateway' }),
  };
  return { scan, findings, durationMs: body.durationMs ?? 0 };
}

/** Returns the integrity of a body's pack, from everything that the body reports. */
export function integrityOfBody(body: ScanBody): ReturnType<typeof integrityOf> {
  return integrityOf({
    ...body,
    findings: {
      reported: body.report.findings.total,
      planned: body.remediation?.totalFindings,
      listed: body.findings?.length,
    },
  });
}

/** Returns the number of scanned files; undefined if the producer did not send it. */
export function filesScannedOf(body: ScanBody): number | undefined {
  return body.report.filesScanned ?? body.filesScanned ?? undefined;
}

/** Reads the claims of AgentShield's `ci-context.json`. */
export function ciOfGithub(github: Partial<Record<string, string | null | undefined>> | null | undefined): ScanCi {
  if (!isPresent(github)) return {};
  const { serverUrl, repository, runId, ref, headRef } = github;
  const url = isPresent(serverUrl) && isPresent(repository) ? `${serverUrl}/${repository}` : undefined;
  const [, kind, name] = /^refs\/(heads|tags)\/(.+)$/.exec(ref ?? '') ?? [];
  return claims({
    sha: github['sha'],
    refName: headRef || name,
    refType: isPresent(headRef) && headRef !== '' ? 'branch' : kind && (kind === 'tags' ? 'tag' : 'branch'),
    changeId: /^refs\/pull\/(\d+)\//.exec(ref ?? '')?.[1],
    runId,
    runUrl: url !== undefined && isPresent(runId) ? `${url}/actions/runs/${runId}` : undefined,
    workflow: github['workflow'],
    job: github['job'],
    vcsProvider: isPresent(repository) ? 'github' : undefined,
    repositoryUrl: url,
    githubRepositoryId: github['repositoryId'],
  });
}

/** Returns a finding's scrubbed file: a path inside the scanned folder. */
export function fileOfFinding(file: string): string {
  return scrubText(file, MAX_FINDING_TEXT)
    .replace(/^<target-path>\//, '')
    .replaceAll('\\', '/');
}

/** Returns whether every finding has a key from its source. */
function haveKeys({ findings }: ScanBody): boolean {
  return (findings ?? []).every((row) => isPresent(row.findingKey));
}

/**
 * Converts the findings of a body. Ids, files and titles are scrubbed; keys and fingerprints are rebuilt from the
 * result.
 */
function findingsOfBody(body: ScanBody): FindingRecord[] {
  const isKeyed = haveKeys(body);
  return numberFindings(
    (body.findings ?? []).map((row) => {
      const id = scrubText(row.id, MAX_FINDING_TEXT);
      const file = fileOfFinding(row.file);
      const hash = evidenceHashOf({ id, category: row.category, hash: hashOf(row, isKeyed) });
      return {
        scanId: body.bundleDigest,
        generatedAt: new Date(body.generatedAt).toISOString(),
        id,
        severity: row.severity,
        category: row.category,
        title: scrubText(row.title, MAX_FINDING_TEXT),
        file,
        ...optional({ line: row.line, runtimeConfidence: row.runtimeConfidence }),
        fingerprint: `${id}::${scrubText(fileOfFingerprint(row), MAX_FINDING_TEXT)}::${hash}`,
        key: findingKey({ id, file, fingerprint: `::${hash}` }),
      };
    }),
  );
}

/** Returns the evidence hash from its source: of scrubbed evidence in a key, AgentShield's in a fingerprint. */
function hashOf({ findingKey: key, fingerprint, hasEvidence }: ScanFinding, isKeyed: boolean): string {
  if (isKeyed && isPresent(key)) return key.slice(key.lastIndexOf('|') + 1);
  if (isPresent(fingerprint)) return fingerprint.slice(fingerprint.lastIndexOf('::') + 2);
  return hasEvidence === true ? WITHHELD : NO_EVIDENCE;
}

/** Returns the file as AgentShield names it, which may differ from the path inside the repository. */
function fileOfFingerprint({ fingerprint, id, file }: ScanFinding): string {
  if (!isPresent(fingerprint) || !fingerprint.startsWith(`${id}::`)) return file;
  return fingerprint.slice(id.length + 2, Math.max(id.length + 2, fingerprint.lastIndexOf('::')));
}

function ciOf({ ciContext, ci }: ScanBody): ScanCi {
  const {
    sha,
    refName,
    refType,
    changeId,
    runId,
    runUrl,
    workflow,
    job,
    vcsProvider,
    repositoryUrl,
    githubRepositoryId,
  } = ciContext ?? {};
  return {
    ...ciOfGithub(ci?.github),
    ...claims({
      sha,
      refName,
      refType,
      changeId,
      runId,
      runUrl,
      workflow,
      job,
      vcsProvider,
      repositoryUrl,
      githubRepositoryId,
    }),
  };
}

/** Scrubs the claims of a CI environment and drops missing ones. */
export function claims(all: Partial<Record<keyof ScanCi, string | null | undefined>>): ScanCi {
  const present = Object.entries(all).flatMap(([name, value]) =>
    isPresent(value) && value !== '' ? [[name, scrubText(value, 300)] as const] : [],
  );
  return Object.fromEntries(present);
}

function policyOf(policy: NonNullable<ScanBody['policy']>): ScanPolicy {
  if (policy.status !== 'passed' && policy.status !== 'failed') return { status: policy.status };
  const { violations, exceptionSummary, minScore } = policy;
  return {
    status: policy.status,
    ...optional({
      name: scrubbed(policy.policyName, 200),
      pack: scrubbed(policy.policyPack, 100),
      violations: Array.isArray(violations) ? violations.length : violations,
      minScore,
      exceptions: isPresent(exceptionSummary)
        ? {
            total: exceptionSummary.total,
            active: exceptionSummary.active,
            expiring_soon: exceptionSummary.expiringSoon,
            expired: exceptionSummary.expired,
          }
        : undefined,
    }),
  };
}

function baselineOf(baseline: NonNullable<ScanBody['baseline']>): ScanBaseline {
  if (baseline.status !== 'passed' && baseline.status !== 'regressed') return { status: baseline.status };
  return {
    status: baseline.status,
    ...optional({ scoreDelta: baseline.scoreDelta }),
    findings: optional({
      new: baseline.newFindings,
      resolved: baseline.resolvedFindings,
      unchanged: baseline.unchangedCount,
      new_critical: baseline.newCriticalCount,
      new_high: baseline.newHighCount,
    }),
  };
}

const isPresent = <T>(value: T | null | undefined): value is T => value !== null && value !== undefined;

const scrubbed = (text: string | null | undefined, maxLength: number): string | undefined =>
  isPresent(text) ? scrubText(text, maxLength) : undefined;

/** Drops the missing fields. */
function optional<T extends object>(fields: T): { [K in keyof T]?: NonNullable<T[K]> } {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => isPresent(value))) as {
    [K in keyof T]?: NonNullable<T[K]>;
  };
}
