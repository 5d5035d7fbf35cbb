import { selectRows, type ClickHouseClient } from '#schemas/clickhouse/client.js';
import type { LatestScan } from '#schemas/http/posture.js';
import type { Grade, Integrity } from '#schemas/records/enums.js';
import type { Row } from '#schemas/records/rows.js';
import { scanIdOf } from '#schemas/records/ids.js';
import { errorsOf } from '../fleet/entry.js';
import type { Window } from './window.js';

/** Repository and time of the query. */
export interface ScanScope {
  orgId: string;
  repository: string;
}

/** Returns the newest scan before `to`; null when there is none. */
export async function latestScan(
  clickhouse: ClickHouseClient,
  scope: ScanScope,
  window: Window,
): Promise<LatestScan | null> {
  const { orgId, repository } = scope;
  const [row] = await selectRows<Row<'scan'>>(
    clickhouse,
    `SELECT event_id, occurred_at, score, grade, score_secrets, score_permissions, score_hooks, score_mcp, score_agents,
       total_findings, critical, high, medium, low, info, files_scanned, min_severity, producer_version, bundle_digest,
       provider, ci_sha, ci_run_id, ci_workflow, policy_status, policy_name, policy_pack, policy_violations, baseline_status,
       baseline_new, baseline_resolved, baseline_unchanged, baseline_score_delta, packages_total, packages_risky, packages_critical,
       packages_high, expected_bundle_digest, redacted, artifact_count, verified_artifact_count, integrity,
       runtime_confidence, remediation_findings, auto_fixable, manual_review
     FROM scan
     WHERE org_id = {orgId:String} AND repo = {repository:String} AND occurred_at < fromUnixTimestamp64Milli({before:Int64}, 'UTC')
     ORDER BY occurred_at DESC, event_id DESC LIMIT 1`,
    { orgId, repository, before: window.before },
  );
  if (row === undefined) return null;
  return toLatestScan(row, scope);
}

function toLatestScan(row: Row<'scan'>, { orgId, repository }: ScanScope): LatestScan {
  // A scan of 0 files has no score: AgentShield's A / 100 is omitted.
  const isEmpty = row.files_scanned === 0;
  const score = (value: number | null): number | null => (isEmpty ? null : value);
  // Without an evidence pack nothing can be inconsistent.
  const integrity = row.integrity === '' ? 'ok' : (row.integrity as Integrity);
  return {
    ok: integrity === 'ok',
    errors: errorsOf(integrity),
    scanId: scanIdOf(orgId, repository, row.event_id),
    integrity,
    generatedAt: row.occurred_at,
    bundleDigest: row.bundle_digest === '' ? null : row.bundle_digest,
    report: {
      score: { grade: isEmpty ? null : (row.grade as Grade), numericScore: score(row.score) },
      findings: {
        total: row.total_findings,
        critical: row.critical,
        high: row.high,
        medium: row.medium,
        low: row.low,
        info: row.info,
      },
      runtimeConfidence: row.runtime_confidence,
    },
    redacted: row.redacted,
    expectedBundleDigest: row.expected_bundle_digest === '' ? null : row.expected_bundle_digest,
    artifactCount: row.artifact_count,
    verifiedArtifactCount: row.verified_artifact_count,
    policy: policy(row),
    baseline: baseline(row),
    supplyChain:
      row.packages_total === null
        ? null
        : {
            totalPackages: row.packages_total,
            riskyPackages: row.packages_risky,
            criticalCount: row.packages_critical,
            highCount: row.packages_high,
          },
    ciContext:
      row.provider === ''
        ? null
        : {
            provider: row.provider,
            repository,
            ...(row.ci_workflow === '' ? {} : { workflow: row.ci_workflow }),
            ...(row.ci_run_id === '' ? {} : { runId: row.ci_run_id }),
            ...(row.ci_sha === '' ? {} : { sha: row.ci_sha }),
          },
    remediation:
      row.auto_fixable === null || row.manual_review === null
        ? null
        : {
            totalFindings: row.remediation_findings ?? row.total_findings,
            autoFixable: row.auto_fixable,
            manualReview: row.manual_review,
          },
    filesScanned: row.files_scanned,
    breakdown: {
      secrets: score(row.score_secrets),
      permissions: score(row.score_permissions),
      hooks: score(row.score_hooks),
      mcp: score(row.score_mcp),
      agents: score(row.score_agents),
    },
    minSeverity: row.min_severity,
    producerVersion: row.producer_version,
  };
}

function policy(row: Row<'scan'>): LatestScan['policy'] {
  const status = row.policy_status;
  if (status !== 'passed' && status !== 'failed') return { status: status === 'not-run' ? status : 'unknown' };
  return {
    status,
    ...(row.policy_name === '' ? {} : { policyName: row.policy_name }),
    ...(row.policy_pack === '' ? {} : { policyPack: row.policy_pack }),
    violations: row.policy_violations,
  };
}

function baseline(row: Row<'scan'>): LatestScan['baseline'] {
  const status = row.baseline_status;
  if (status !== 'passed' && status !== 'regressed') return { status: status === 'not-run' ? status : 'unknown' };
  return {
    status,
    newFindings: row.baseline_new,
    resolvedFindings: row.baseline_resolved,
    ...(row.baseline_unchanged === null ? {} : { unchangedCount: row.baseline_unchanged }),
    scoreDelta: row.baseline_score_delta,
  };
}
