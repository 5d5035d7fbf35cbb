import { ShieldwatchError } from '#schemas/errors.js';
import { redactText } from '#schemas/redaction.js';
import type { Caller } from './auth/caller.js';

/**
 * Returns the repository that the token is bound to, or else the one that the body names.
 * @throws ShieldwatchError 400 or 403.
 */
export function chooseRepository(named: string | null | undefined, caller: Pick<Caller, 'repository'>): string {
  if (caller.repository !== null) {
    if (named === undefined || named === null || named === caller.repository) return caller.repository;
    throw new ShieldwatchError('repository_not_allowed', 'repository: this token is bound to another repository', {
      field: 'repository',
    });
  }
  if (named === undefined || named === null) {
    throw new ShieldwatchError(
      'body_invalid',
      'repository: expected owner/name, because the token is not bound to a repository',
      {
        field: 'repository',
        expected: 'owner/name',
      },
    );
  }
  // AgentShield replaces the user's name everywhere, also inside a repository's name.
  if (/<[a-z-]+>/.test(named)) {
    throw new ShieldwatchError(
      'body_invalid',
      "repository: contains a placeholder of AgentShield's redaction; send the real name",
      {
        field: 'repository',
        expected: 'owner/name',
      },
    );
  }
  return redactText(named);
}
