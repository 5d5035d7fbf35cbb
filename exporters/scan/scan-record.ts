import type { ScanBaseline, ScanPolicy, ScanRecord } from '#schemas/records/scan.js';
import type { Severity } from '#schemas/records/enums.js';
import { ciOfGithub } from '#schemas/mapping/scan-body.js';
import { scrubText } from '#schemas/scrub.js';
import type { CiContext } from './ci-context.js';
import type { EvidencePack } from './evidence-pack.js';

/** Values of a scan that its pack does not contain. */
export interface ScanContext {
  readonly repository: string;
  /** Absent: not reported. */
  readonly minSeverity?: Severity;
  readonly agentshieldVersion?: string;
  readonly exitCode: number;
  readonly ciContext: CiContext;
}

/**
 * Returns the scan of a pack. Its id is the digest of the pack's artifacts: the same pack exported twice is one scan.
 */
export function scanRecord(pack: EvidencePack, { ciContext: { provider, ci }, ...context }: ScanContext): ScanRecord {
  const { score, summary, timestamp } = pack.report;
  const { critical, high, medium, low, info } = summary;
  return {
    eventId: pack.bundleDigest,
    bundleDigest: pack.bundleDigest,
    generatedAt: new Date(timestamp).toISOString(),
    score: score.numericScore,
    grade: score.grade,
    breakdown: score.breakdown,
    findings: { critical, high, medium, low, info },
    filesScanned: summary.filesScanned,
    provider,
    ci,
    policy: scanPolicy(pack.policy),
    baseline: scanBaseline(pack.baseline),
    runtimeConfidence: countConfidence(pack.findings),
    ...(pack.findings.length === 0 ? {} : { keyScheme: 'source' }),
    ...(pack.supplyChain === null || 'status' in pack.supplyChain
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
    ...(pack.remediation === null ? {} : { remediation: pack.remediation }),
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

/** Counts as AgentShield's inspection does: a finding without the field belongs to the active runtime. */
function countConfidence(findings: EvidencePack['findings']): NonNullable<ScanRecord['runtimeConfidence']> {
  const counts: NonNullable<ScanRecord['runtimeConfidence']> = {};
  for (const { runtimeConfidence = 'active-runtime' } of findings)
    counts[runtimeConfidence] = (counts[runtimeConfidence] ?? 0) + 1;
  return counts;
}

/** Returns where the pack was written, as it states itself. */
export function packContext({ ci }: EvidencePack): CiContext {
  return { provider: ci.provider, ci: ciOfGithub(ci.github) };
}
