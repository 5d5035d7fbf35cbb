/** What a plan allows (SPEC 8). */
export interface PlanLimits {
  /** Repositories; null: as many as you like. */
  repos: number | null;
  /** Days that raw telemetry may be kept. */
  retentionDays: number;
}

export type Plan = 'team' | 'enterprise';

export const PLAN_LIMITS: Readonly<Record<Plan, PlanLimits>> = {
  team: { repos: 25, retentionDays: 90 },
  enterprise: { repos: null, retentionDays: 3_650 },
};
