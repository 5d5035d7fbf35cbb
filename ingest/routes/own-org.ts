import { z } from 'zod';
import { ShieldwatchError } from '#schemas/errors.js';
import type { Caller } from '../auth/caller.js';

/** An organisation in a path. */
export const orgParams = z.object({ orgId: z.string().min(1).max(200) });

/** The organisation in a path is checked, never used. @throws ShieldwatchError 404 for any but the caller's own. */
export function needOwnOrg(caller: Caller, orgId: string): void {
  if (orgId !== caller.orgId) throw new ShieldwatchError('not_found', 'there is no such organisation', { isDenied: true });
}
