/** What a plan allows (SPEC 8). */
export interface PlanLimits {
  /** Repositories; null: as many as you like. */
  repos: number | null;
  /** Repositories that become rows by being named in telemetry, whoever names them. */
  discoveredRepos: number;
  /** Days that raw telemetry may be kept. */
  retentionDays: number;
}

export type Plan = 'team' | 'enterprise';

export const PLAN_LIMITS: Readonly<Record<Plan, PlanLimits>> = {
  team: { repos: 25, discoveredRepos: 100, retentionDays: 90 },
  enterprise: { repos: null, discoveredRepos: 10_000, retentionDays: 3_650 },
};
