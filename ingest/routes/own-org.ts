import { z } from 'zod';
import { ShieldwatchError } from '#schemas/errors.js';
import type { Caller } from '../auth/caller.js';

/** Path parameter of an organisation. */
export const orgParams = z.object({ orgId: z.string().min(1).max(200) });

/**
 * Rejects a request about the whole organisation by a token that is bound to a repository.
 *
 * @throws ShieldwatchError 403.
 */
export function requireWholeOrg(caller: Caller): void {
  if (caller.repository !== null) {
    throw new ShieldwatchError(
      'repository_not_allowed',
      'this concerns the whole organisation, but the token is bound to a repository',
    );
  }
}

/**
 * Rejects any organisation but the caller's own. The one in the path is compared and never used.
 * @throws ShieldwatchError 404.
 */
export function requireOwnOrg(caller: Caller, orgId: string): void {
  if (orgId !== caller.orgId)
    throw new ShieldwatchError('not_found', 'there is no such organisation', { isDenied: true });
}
