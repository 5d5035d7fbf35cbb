import { z } from 'zod';

/** Roles of members in ascending order; each includes the rights of those before it (`ingest/CONTRACT.md` 6). */
export const ROLES = ['viewer', 'member', 'admin', 'owner'] as const;
export const role = z.enum(ROLES);
export type Role = z.infer<typeof role>;

/** Returns the role with the fewest rights. */
export function leastRole(roles: readonly Role[]): Role {
  return ROLES.find((each) => roles.includes(each)) ?? 'viewer';
}

/** Returns whether `actual` includes the rights of `needed`. */
export function isAtLeast(actual: Role, needed: Role): boolean {
  return ROLES.indexOf(actual) >= ROLES.indexOf(needed);
}
