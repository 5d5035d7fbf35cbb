import type { FleetEntry, Route } from '#schemas/http/fleet.js';
import type { Grade } from '#schemas/records/enums.js';
import { scanIdOf } from '#schemas/records/ids.js';
import type { FleetScan } from './latest-scans.js';

/** Returns the digest that identifies a scan: its bundle digest, or its event id if there is no pack. */
export function digestOf(scan: Pick<FleetScan, 'bundle_digest' | 'event_id'>): string {
  return scan.bundle_digest === '' ? scan.event_id : scan.bundle_digest;
}

/**
 * Builds AgentShield's fleet entry of a scan. The route is computed by AgentShield's rules from stored values, not
 * taken from the sender.
 */
export function fleetEntry(orgId: string, scan: FleetScan): FleetEntry {
  const errors = errorsOf(scan.integrity);
  const { route, reason } = routeOf(scan, errors);
  return {
    outputDir: scanIdOf(orgId, scan.repo, scan.event_id),
    ok: errors.length === 0,
    route,
    reason,
    generatedAt: scan.occurred_at,
    targetPath: null,
    repository: scan.repo,
    provider: scan.provider === '' ? null : scan.provider,
    score: scan.score,
    grade: scan.grade as Grade,
    totalFindings: scan.total_findings,
    critical: scan.critical,
    high: scan.high,
    medium: scan.medium,
    low: scan.low,
    info: scan.info,
    policyStatus: scan.policy_status === '' ? 'unknown' : scan.policy_status,
    baselineStatus: scan.baseline_status === '' ? 'unknown' : scan.baseline_status,
    riskyPackages: scan.packages_risky,
    autoFixable: scan.auto_fixable ?? 0,
    manualReview: scan.manual_review ?? 0,
    errors,
  };
}

/** Returns the integrity errors of a scan. The same two states make a scan `invalid` in `repo_route`. */
export function errorsOf(integrity: string): string[] {
  if (integrity === 'mismatch') return ['artifacts or digest of the evidence pack do not verify'];
  return integrity === 'suspect' ? ['the evidence pack contradicts itself'] : [];
}

function routeOf(scan: FleetScan, errors: readonly string[]): { route: Route; reason: string } {
  const [error] = errors;
  if (error !== undefined) return { route: 'invalid', reason: error };
  const blockers: [number, string][] = [
    // Accepted findings do not block while the acceptance lasts; `repo_route` applies the same rule.
    [scan.critical - scan.accepted_critical, 'critical findings'],
    [scan.high - scan.accepted_high, 'high findings'],
    [scan.packages_critical, 'critical supply-chain packages'],
    [scan.packages_high, 'high supply-chain packages'],
  ];
  const blocker = blockers.find(([count]) => count > 0);
  if (blocker !== undefined) return { route: 'security-blocker', reason: `${String(blocker[0])} ${blocker[1]}` };
  if (scan.policy_status === 'failed') return { route: 'policy-review', reason: 'policy failed' };
  if (scan.baseline_status === 'regressed') return { route: 'baseline-regression', reason: 'baseline regressed' };
  if (scan.packages_risky > 0)
    return { route: 'supply-chain-review', reason: `${String(scan.packages_risky)} risky packages` };
  return { route: 'ready', reason: 'no routing blockers' };
}
