import type { ScanBaseline, ScanPolicy, ScanRecord } from '#schemas/records/scan.js';
import type { Severity } from '#schemas/records/enums.js';
import { scrubText } from '../scrub.js';
import type { CiContext } from './ci-context.js';
import type { EvidencePack } from './evidence-pack.js';

/** What the pack does not say about its scan. */
export interface ScanContext {
  readonly repository: string;
  readonly minSeverity: Severity;
  readonly agentshieldVersion: string;
  readonly exitCode: number;
  readonly ciContext: CiContext;
}

/** The scan that a pack tells of. Its identity is the pack's digest: the same pack exported twice is one scan. */
export function scanRecord(pack: EvidencePack, { ciContext: { provider, ci }, ...context }: ScanContext): ScanRecord {
  const { score, summary, timestamp } = pack.report;
  const { critical, high, medium, low, info } = summary;
  return {
    eventId: pack.bundleDigest,
    bundleDigest: pack.bundleDigest,
    generatedAt: timestamp,
    score: score.numericScore,
    grade: score.grade,
    breakdown: score.breakdown,
    findings: { critical, high, medium, low, info },
    filesScanned: summary.filesScanned,
    provider,
    ci,
    policy: scanPolicy(pack.policy),
    baseline: scanBaseline(pack.baseline),
    ...('status' in pack.supplyChain
      ? {}
      : {
          supplyChain: {
            total: pack.supplyChain.totalPackages,
            risky: pack.supplyChain.riskyPackages,
            critical: pack.supplyChain.criticalCount,
            high: pack.supplyChain.highCount,
          },
        }),
    evidencePack: pack.verification,
    remediation: pack.remediation,
    ...context,
  };
}

function scanPolicy(policy: EvidencePack['policy']): ScanPolicy {
  if ('status' in policy) return { status: policy.status };
  const { total, active, expiringSoon, expired } = policy.exceptionSummary;
  return {
    status: policy.passed ? 'passed' : 'failed',
    name: scrubText(policy.policyName, 200),
    pack: scrubText(policy.policyPack, 100),
    violations: policy.violations.length,
    minScore: policy.minScore,
    exceptions: { total, active, expiring_soon: expiringSoon, expired },
  };
}

function scanBaseline(baseline: EvidencePack['baseline']): ScanBaseline {
  if ('status' in baseline) return { status: baseline.status };
  return {
    status: baseline.isRegression ? 'regressed' : 'passed',
    scoreDelta: baseline.scoreDelta,
    findings: {
      new: baseline.newFindings.length,
      resolved: baseline.resolvedFindings.length,
      unchanged: baseline.unchangedCount,
      new_critical: baseline.newCriticalCount,
      new_high: baseline.newHighCount,
    },
  };
}

/** What a pack itself says of where it was written. */
export function packContext(pack: EvidencePack): CiContext {
  const { sha, runId, workflow } = pack.ci.github ?? {};
  const ci = {
    ...(sha === undefined ? {} : { sha: scrubText(sha, 100) }),
    ...(runId === undefined ? {} : { runId: scrubText(runId, 100) }),
    ...(workflow === undefined ? {} : { workflow: scrubText(workflow, 200) }),
  };
  return { provider: pack.ci.provider, ci };
}
