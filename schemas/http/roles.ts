import { z } from 'zod';

/** Roles of members, the least first; each may do all that those before it may (`ingest/CONTRACT.md` 6). */
export const ROLES = ['viewer', 'member', 'admin', 'owner'] as const;
export const role = z.enum(ROLES);
export type Role = z.infer<typeof role>;

/** The role of those given that may do least. */
export function leastRole(roles: readonly Role[]): Role {
  return ROLES.find((each) => roles.includes(each)) ?? 'viewer';
}

/** Whether `actual` may do what `needed` may. */
export function isAtLeast(actual: Role, needed: Role): boolean {
  return ROLES.indexOf(actual) >= ROLES.indexOf(needed);
}
