import { type ScanBody } from '#schemas/http/ingest-scan.js';
import { scanAttributes, type ScanBaseline, type ScanPolicy, type ScanRecord } from '#schemas/records/scan.js';
import {
  ATTR_AGENTSHIELD_VERSION,
  ATTR_EVIDENCE_PACK_EXPECTED_DIGEST,
  ATTR_SCAN_EXIT_CODE,
  ATTR_SCAN_MIN_SEVERITY,
} from '#schemas/semconv.js';
import { scrubText } from '../body/scrub.js';
import type { Attributes } from '../telemetry/otlp-json.js';
import { integrityOf } from './integrity.js';

/** Files of a scan that does not say how many it looked at. It is told in a warning: an empty folder would look clean. */
const UNKNOWN_FILES = 1;

/**
 * The scan as attributes of its span, as our own exporter writes them, except that what the producer did not
 * say is left out instead of being made up.
 */
export function attributesOf(body: ScanBody, repository: string): Attributes {
  const { report, policy, baseline, supplyChain } = body;
  const { critical, high, medium, low, info } = report.findings;
  const { breakdown } = report.score;
  const record: ScanRecord = {
    eventId: body.bundleDigest,
    bundleDigest: body.bundleDigest,
    generatedAt: new Date(body.generatedAt).toISOString(),
    repository,
    score: report.score.numericScore,
    grade: report.score.grade,
    ...(breakdown === null || breakdown === undefined ? {} : { breakdown }),
    findings: { critical, high, medium, low, info },
    filesScanned: filesScanned(body) ?? UNKNOWN_FILES,
    minSeverity: body.minSeverity ?? 'info',
    agentshieldVersion: scrubText(body.toolVersion ?? '', 50),
    exitCode: body.exitCode ?? 0,
    provider: body.ciContext?.provider ?? body.ci?.provider ?? 'local',
    ci: ciOf(body),
    ...(policy === null || policy === undefined ? {} : { policy: policyOf(policy) }),
    ...(baseline === null || baseline === undefined ? {} : { baseline: baselineOf(baseline) }),
    ...(supplyChain === null || supplyChain === undefined
      ? {}
      : {
          supplyChain: {
            total: supplyChain.totalPackages,
            risky: supplyChain.riskyPackages,
            critical: supplyChain.criticalCount,
            high: supplyChain.highCount,
          },
        }),
    evidencePack: {
      expectedDigest: body.expectedBundleDigest ?? '',
      redacted: true,
      artifacts: body.artifactCount ?? 0,
      artifactsVerified: body.verifiedArtifactCount ?? 0,
      integrity: integrityOf(body),
    },
  };
  const unsaid = new Set<string>([
    ...(present(body.expectedBundleDigest) ? [] : [ATTR_EVIDENCE_PACK_EXPECTED_DIGEST]),
    ...(present(body.minSeverity) ? [] : [ATTR_SCAN_MIN_SEVERITY]),
    ...(present(body.toolVersion) ? [] : [ATTR_AGENTSHIELD_VERSION]),
    ...(present(body.exitCode) ? [] : [ATTR_SCAN_EXIT_CODE]),
  ]);
  return Object.fromEntries(Object.entries(scanAttributes(record)).filter(([name]) => !unsaid.has(name)));
}

/** Files that were looked at; undefined: the producer did not say. */
export function filesScanned(body: ScanBody): number | undefined {
  return body.report.filesScanned ?? body.filesScanned ?? undefined;
}

const present = (value: unknown): boolean => value !== null && value !== undefined;

function ciOf({ ciContext, ci }: ScanBody): NonNullable<ScanRecord['ci']> {
  const sha = ciContext?.sha ?? ci?.github?.sha;
  const runId = ciContext?.runId ?? ci?.github?.runId;
  const workflow = ciContext?.workflow ?? ci?.github?.workflow;
  return {
    ...(typeof sha === 'string' ? { sha: scrubText(sha, 100) } : {}),
    ...(typeof runId === 'string' ? { runId: scrubText(runId, 100) } : {}),
    ...(typeof workflow === 'string' ? { workflow: scrubText(workflow, 200) } : {}),
  };
}

function policyOf(policy: NonNullable<ScanBody['policy']>): ScanPolicy {
  if (policy.status !== 'passed' && policy.status !== 'failed') return { status: 'not-run' };
  const { violations, exceptionSummary, minScore } = policy;
  return {
    status: policy.status,
    name: scrubText(policy.policyName ?? '', 200),
    pack: scrubText(policy.policyPack ?? '', 100),
    violations: Array.isArray(violations) ? violations.length : (violations ?? 0),
    ...(typeof minScore === 'number' ? { minScore } : {}),
    ...(exceptionSummary === null || exceptionSummary === undefined
      ? {}
      : {
          exceptions: {
            total: exceptionSummary.total,
            active: exceptionSummary.active,
            expiring_soon: exceptionSummary.expiringSoon,
            expired: exceptionSummary.expired,
          },
        }),
  };
}

function baselineOf(baseline: NonNullable<ScanBody['baseline']>): ScanBaseline {
  if (baseline.status !== 'passed' && baseline.status !== 'regressed') return { status: 'not-run' };
  return {
    status: baseline.status,
    scoreDelta: baseline.scoreDelta ?? 0,
    findings: {
      new: baseline.newFindings ?? 0,
      resolved: baseline.resolvedFindings ?? 0,
      unchanged: baseline.unchangedCount ?? 0,
      new_critical: baseline.newCriticalCount ?? 0,
      new_high: baseline.newHighCount ?? 0,
    },
  };
}
