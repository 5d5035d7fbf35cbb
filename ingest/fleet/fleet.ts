import { createHash } from 'node:crypto';
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Fleet, FleetEntry, FleetSummary, ReviewItem } from '#schemas/http/fleet.js';
import { MAX_FLEET } from './latest-scans.js';
import type { CurrentFleet } from './review-items.js';

const NEXT_ACTIONS = {
  'invalid-evidence': 'Regenerate invalid evidence packs before promotion.',
  blocked: 'Route review items to listed owners and attach approval before promotion.',
  promotions: 'Have an owner approve or reject the policy packs that wait, before promotion.',
  ready: 'Promotion can proceed with the current evidence digest.',
} as const;

/** Parts of a digest that are hashed in one turn of the event loop. */
const PARTS = 1_000;

/** Policy packs that wait for approval, and whether the plan makes them block. */
export interface PromotionGate {
  open: string[];
  isEnforced: boolean;
}

/**
 * Builds AgentShield's fleet inspection from the newest scan of each repository. Approved and dismissed items are
 * listed but do not block. Long work is cut into turns of the event loop.
 */
export async function fleetOf(
  { entries, reviewItems, isCut }: CurrentFleet,
  promotions: PromotionGate,
): Promise<Fleet> {
  const summary = summaryOf(entries);
  const routes = entries.map(({ route, outputDir, repository, targetPath, reason }) => ({
    route,
    outputDir,
    repository,
    targetPath,
    reason,
  }));
  const open = reviewItems.filter((item) => item.status === 'open');
  // A fleet with unchecked repositories is not ready.
  const isBlocked = isCut || open.length > 0 || (promotions.isEnforced && promotions.open.length > 0);
  const status = summary.invalidPacks > 0 ? 'invalid-evidence' : isBlocked ? 'blocked' : 'ready';
  const owners = [...new Set(open.map((item) => item.owner))].sort();
  return {
    ok: summary.invalidPacks === 0,
    requiresAttention: isCut || summary.invalidPacks > 0 || open.length > 0 || promotions.open.length > 0,
    summary,
    operatorReadback: {
      status,
      ready: status === 'ready',
      requiresApproval: open.length > 0 || promotions.open.length > 0,
      digest: await digestOf(summary, routes, reviewItems, promotions.open),
      invalidPackCount: summary.invalidPacks,
      reviewItemCount: open.length,
      blockingItemCount: open.filter((item) => item.severity === 'high').length,
      ownerCount: owners.length,
      owners,
      routesRequiringApproval: [...new Set(open.map((item) => item.route))].sort(),
      approvalIds: open.map((item) => item.approvalId).sort(),
      policyPromotionsRequiringApproval: promotions.open,
      nextAction: open.length === 0 && status === 'blocked' ? NEXT_ACTIONS.promotions : NEXT_ACTIONS[status],
    },
    entries,
    routes,
    reviewItems,
    errors: [
      ...(isCut
        ? [`more than ${String(MAX_FLEET)} repositories: the others, in order of their names, were not checked`]
        : []),
      ...entries.flatMap((entry) => entry.errors.map((error) => `${entry.repository}: ${error}`)),
    ],
  };
}

function summaryOf(entries: readonly FleetEntry[]): FleetSummary {
  const sum = (of: (entry: FleetEntry) => number): number => entries.reduce((total, entry) => total + of(entry), 0);
  const count = (is: (entry: FleetEntry) => boolean): number => entries.filter(is).length;
  return {
    totalPacks: entries.length,
    verifiedPacks: count((entry) => entry.ok),
    invalidPacks: count((entry) => !entry.ok),
    totalFindings: sum((entry) => entry.totalFindings),
    critical: sum((entry) => entry.critical),
    high: sum((entry) => entry.high),
    medium: sum((entry) => entry.medium),
    low: sum((entry) => entry.low),
    info: sum((entry) => entry.info),
    policyFailures: count((entry) => entry.policyStatus === 'failed'),
    baselineRegressions: count((entry) => entry.baselineStatus === 'regressed'),
    riskyPackages: sum((entry) => entry.riskyPackages),
    autoFixable: sum((entry) => entry.autoFixable),
    manualReview: sum((entry) => entry.manualReview),
  };
}

/** Returns a digest of the answer without times and people: the same fleet has the same digest. */
async function digestOf(
  summary: FleetSummary,
  routes: Fleet['routes'],
  items: readonly ReviewItem[],
  promotions: readonly string[],
): Promise<string> {
  const hash = createHash('sha256').update(`[${JSON.stringify(summary)}`);
  const decided = items.map(({ id, approvalId, route, status, ticket }) => ({ id, approvalId, route, status, ticket }));
  for (const list of [routes, decided]) {
    const parts = list.map((part) => JSON.stringify(part)).sort();
    hash.update(',[');
    for (let at = 0; at < parts.length; at += PARTS) {
      const text = JSON.stringify(parts.slice(at, at + PARTS)).slice(1, -1);
      hash.update(at === 0 ? text : `,${text}`);
      await nextTurn();
    }
    hash.update(']');
  }
  return `sha256:${hash.update(`${promotions.map((each) => `,${JSON.stringify(each)}`).join('')}]`).digest('hex')}`;
}
