import { ShieldwatchError } from '#schemas/errors.js';

/** Limits of a plan (`ingest/CONTRACT.md` 8). */
export interface PlanLimits {
  /** Maximum repositories; null for unlimited. */
  repos: number | null;
  /** Maximum repositories that get a row because telemetry named them. */
  discoveredRepos: number;
  /** Maximum days for which raw telemetry may be kept. */
  retentionDays: number;
  /**
   * Whole days before today (UTC) that are shown; null for all. Older data is kept and shown again after a change of
   * plan.
   */
  historyDays: number | null;
  hasSso: boolean;
}

export type Plan = 'team' | 'enterprise';

export const PLAN_LIMITS: Readonly<Record<Plan, PlanLimits>> = {
  team: { repos: 25, discoveredRepos: 100, retentionDays: 90, historyDays: 90, hasSso: false },
  enterprise: { repos: null, discoveredRepos: 10_000, retentionDays: 3_650, historyDays: null, hasSso: true },
};

const DAY_MS = 86_400_000;

/**
 * Returns the start of the history that a plan shows; undefined when it shows all. API windows (`queries/window.ts`),
 * findings, explain, boards and the report all use it.
 */
export function historyStart(plan: Plan | undefined, now = Date.now()): Date | undefined {
  const { historyDays } = PLAN_LIMITS[plan ?? 'team'];
  return historyDays === null ? undefined : new Date((Math.floor(now / DAY_MS) - historyDays) * DAY_MS);
}

/** Creates the error for a window before the history that the plan shows. */
export function outsideHistory(plan: Plan | undefined, start: Date, field: string): ShieldwatchError {
  const from = start.toISOString();
  return new ShieldwatchError(
    'plan_limit',
    `${field}: the plan "${plan ?? 'team'}" shows nothing before ${from}; older data is kept and shown by a larger plan`,
    { field, expected: `a time after ${from}` },
  );
}
