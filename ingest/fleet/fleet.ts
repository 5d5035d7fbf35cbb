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

/** Entries that are read, and parts of a digest that are hashed, in one turn of the event loop. */
const ENTRIES = 500;

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
  const summary = summaryOf([]);
  for await (const some of inTurns(entries)) {
    for (const [name, amount] of Object.entries(summaryOf(some)) as [keyof FleetSummary, number][])
      summary[name] += amount;
  }
  const routes: Fleet['routes'] = [];
  const errors: string[] = [];
  for await (const some of inTurns(entries)) {
    for (const { route, outputDir, repository, targetPath, reason, errors: ofEntry } of some) {
      routes.push({ route, outputDir, repository, targetPath, reason });
      errors.push(...ofEntry.map((error) => `${repository}: ${error}`));
    }
  }
  const open = {
    owners: new Set<string>(),
    routes: new Set<ReviewItem['route']>(),
    approvalIds: [] as string[],
    blocking: 0,
  };
  for await (const some of inTurns(reviewItems)) {
    for (const item of some.filter(({ status }) => status === 'open')) {
      open.owners.add(item.owner);
      open.routes.add(item.route);
      open.approvalIds.push(item.approvalId);
      if (item.severity === 'high') open.blocking += 1;
    }
  }
  const openCount = open.approvalIds.length;
  // A fleet with unchecked repositories is not ready.
  const isBlocked = isCut || openCount > 0 || (promotions.isEnforced && promotions.open.length > 0);
  const status = summary.invalidPacks > 0 ? 'invalid-evidence' : isBlocked ? 'blocked' : 'ready';
  const owners = [...open.owners].sort();
  return {
    ok: summary.invalidPacks === 0,
    requiresAttention: isCut || summary.invalidPacks > 0 || openCount > 0 || promotions.open.length > 0,
    summary,
    operatorReadback: {
      status,
      ready: status === 'ready',
      requiresApproval: openCount > 0 || promotions.open.length > 0,
      digest: await digestOf(summary, routes, reviewItems, promotions.open),
      invalidPackCount: summary.invalidPacks,
      reviewItemCount: openCount,
      blockingItemCount: open.blocking,
      ownerCount: owners.length,
      owners,
      routesRequiringApproval: [...open.routes].sort(),
      approvalIds: open.approvalIds.sort(),
      policyPromotionsRequiringApproval: promotions.open,
      nextAction: openCount === 0 && status === 'blocked' ? NEXT_ACTIONS.promotions : NEXT_ACTIONS[status],
    },
    entries,
    routes,
    reviewItems,
    errors: [
      ...(isCut
        ? [`more than ${String(MAX_FLEET)} repositories: the others, in order of their names, were not checked`]
        : []),
      ...errors,
    ],
  };
}

/** Yields a list in parts, each in a turn of the event loop. */
async function* inTurns<T>(list: readonly T[]): AsyncGenerator<T[]> {
  for (let at = 0; at < list.length; at += ENTRIES) {
    yield list.slice(at, at + ENTRIES);
    await nextTurn();
  }
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
  const parts: [string[], string[]] = [[], []];
  for await (const some of inTurns(routes)) parts[0].push(...some.map((route) => JSON.stringify(route)));
  for await (const some of inTurns(items)) {
    for (const { id, approvalId, route, status, ticket } of some)
      parts[1].push(JSON.stringify({ id, approvalId, route, status, ticket }));
  }
  for (const list of parts) {
    hash.update(',[');
    let separator = '';
    for await (const some of inTurns(list.sort())) {
      hash.update(`${separator}${JSON.stringify(some).slice(1, -1)}`);
      separator = ',';
    }
    hash.update(']');
  }
  return `sha256:${hash.update(`${promotions.map((each) => `,${JSON.stringify(each)}`).join('')}]`).digest('hex')}`;
}
