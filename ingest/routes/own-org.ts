import { z } from 'zod';
import { ShieldwatchError } from '#schemas/errors.js';
import type { Caller } from '../auth/caller.js';

/** An organisation in a path. */
export const orgParams = z.object({ orgId: z.string().min(1).max(200) });

/**
 * Refuses what is about the organisation as a whole, of which no part is one repository's.
 *
 * @throws ShieldwatchError 403 for a token that is bound to a repository.
 */
export function needWholeOrg(caller: Caller): void {
  if (caller.repository !== null) {
    throw new ShieldwatchError(
      'repository_not_allowed',
      'this is of the whole organisation, and the token is bound to a repository',
    );
  }
}

/** The organisation in a path is checked, never used. @throws ShieldwatchError 404 for any but the caller's own. */
export function needOwnOrg(caller: Caller, orgId: string): void {
  if (orgId !== caller.orgId)
    throw new ShieldwatchError('not_found', 'there is no such organisation', { isDenied: true });
}
