import { ShieldwatchError } from '#schemas/errors.js';

/** What a plan allows (`ingest/CONTRACT.md` 8). */
export interface PlanLimits {
  /** Repositories; null: as many as you like. */
  repos: number | null;
  /** Repositories that become rows by being named in telemetry, by any sender. */
  discoveredRepos: number;
  /** Days that raw telemetry may be kept. */
  retentionDays: number;
  /** Whole days before today (UTC) that are shown; null: all that is stored. What is older is kept, and shown again with the plan. */
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
 * Where the history begins that a plan shows; undefined: it shows all. The one place that knows: windows of the API
 * (`queries/window.ts`), findings, explain, and the boards with the report that is made of them.
 */
export function historyStart(plan: Plan | undefined, now = Date.now()): Date | undefined {
  const { historyDays } = PLAN_LIMITS[plan ?? 'team'];
  return historyDays === null ? undefined : new Date((Math.floor(now / DAY_MS) - historyDays) * DAY_MS);
}

/** The refusal of a window that lies before the history which a plan shows. */
export function beyondHistory(plan: Plan | undefined, start: Date, field: string): ShieldwatchError {
  const from = start.toISOString();
  return new ShieldwatchError(
    'plan_limit',
    `${field}: the plan "${plan ?? 'team'}" shows nothing before ${from}; what is older is kept for a plan that does`,
    { field, expected: `a time after ${from}` },
  );
}
