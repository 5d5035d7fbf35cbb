import type { FindingRecord } from '#schemas/records/finding.js';
import type { ScanRecord } from '#schemas/records/scan.js';

/**
 * Body of `POST /v1/ingest/scan`: AgentShield's inspection of its own pack with what it leaves out, the
 * score's breakdown, the files scanned and the findings. The same facts as the span and log records tell.
 */
export function scanBody(scan: ScanRecord, findings: readonly FindingRecord[]): object {
  const { evidencePack, policy, baseline, supplyChain, remediation, ci } = scan;
  return {
    repository: scan.repository,
    bundleDigest: scan.bundleDigest,
    expectedBundleDigest: evidencePack?.expectedDigest,
    generatedAt: scan.generatedAt,
    redacted: evidencePack?.redacted,
    artifactCount: evidencePack?.artifacts,
    verifiedArtifactCount: evidencePack?.artifactsVerified,
    source: { toolVersion: scan.agentshieldVersion, minSeverity: scan.minSeverity },
    report: {
      score: { grade: scan.grade, numericScore: scan.score, breakdown: scan.breakdown },
      findings: { total: findings.length, ...scan.findings },
      filesScanned: scan.filesScanned,
      runtimeConfidence: countConfidence(findings),
    },
    policy: policy && { status: policy.status, policyName: policy.name, policyPack: policy.pack, violations: policy.violations, minScore: policy.minScore },
    baseline: baseline && {
      status: baseline.status,
      newFindings: baseline.findings?.new,
      resolvedFindings: baseline.findings?.resolved,
      unchangedCount: baseline.findings?.unchanged,
      scoreDelta: baseline.scoreDelta,
    },
    supplyChain: supplyChain && {
      totalPackages: supplyChain.total,
      riskyPackages: supplyChain.risky,
      criticalCount: supplyChain.critical,
      highCount: supplyChain.high,
    },
    ciContext: { provider: scan.provider, repository: scan.repository, workflow: ci?.workflow, runId: ci?.runId, sha: ci?.sha },
    remediation: remediation && { totalFindings: findings.length, autoFixable: remediation.autoFixable, manualReview: remediation.manualReview },
    findings: findings.map(({ fingerprint, id, severity, category, title, file, line, runtimeConfidence, key, occurrence }) => ({
      fingerprint, id, severity, category, title, file, line, runtimeConfidence, findingKey: key, occurrence,
    })),
  };
}

/** As AgentShield counts it: a finding that says nothing is one of the active runtime. */
function countConfidence(findings: readonly FindingRecord[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { runtimeConfidence = 'active-runtime' } of findings) counts[runtimeConfidence] = (counts[runtimeConfidence] ?? 0) + 1;
  return counts;
}
