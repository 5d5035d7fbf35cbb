import { CommandError } from '#schemas/errors.js';
import { SCOPES, type Scope } from '#schemas/http/scopes.js';
import { canonicalRepository } from '#schemas/records/repository.js';
import type { Session } from '#schemas/postgres/session.js';
import { createToken, hashToken, randomBase62 } from './token-format.js';

export interface TokenRequest {
  orgId: string;
  /** Display name: where the token is used. */
  name: string;
  scopes: readonly Scope[];
  /** Binds the token to one repository, `owner/name`. */
  repository?: string;
  /** Member that the token belongs to. */
  memberId?: string;
  /** Expiry time. */
  expiresAt?: Date;
  /** Token that this one replaces. */
  rotatedFrom?: string;
  /** Token that mints this one; absent for the machine itself. */
  mintedBy?: string;
  /** Ids of the members whose authority the token has. */
  minters?: readonly string[];
}

/** The name is sent to the collector in a header, so it must be printable ASCII. */
const BINDABLE_REPOSITORY = /^[\x21-\x7e]{1,200}$/;

/**
 * Mints a token. The token itself is returned once; only its SHA-256 is stored.
 *
 * @throws CommandError on an unknown scope or a repository name that cannot be bound.
 */
export async function mintToken(db: Session, request: TokenRequest): Promise<{ id: string; token: string }> {
  const unknown = request.scopes.find((scope) => !SCOPES.includes(scope));
  if (unknown !== undefined || request.scopes.length === 0) {
    throw new CommandError(`scopes: expected one or more of ${SCOPES.join(', ')}`);
  }
  if (request.repository !== undefined && !BINDABLE_REPOSITORY.test(request.repository)) {
    throw new CommandError(
      'a token can be bound to a repository named with printable ASCII only, at most 200 characters',
    );
  }
  if (request.scopes.includes('admin') && request.repository !== undefined) {
    throw new CommandError('scopes: a token with the scope admin cannot be bound to a repository');
  }
  if (request.scopes.includes('webhook:drift') && (request.scopes.length > 1 || request.repository === undefined)) {
    throw new CommandError('a webhook token has only the scope webhook:drift and is bound to a repository');
  }
  const id = `tok_${randomBase62(20)}`;
  const token = createToken();
  await db.query(
    `INSERT INTO token (id, org_id, name, token_hash, scopes, repository, member_id, expires_at, rotated_from, minted_by, minters)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)`,
    [
      id,
      request.orgId,
      request.name,
      hashToken(token),
      [...request.scopes],
      request.repository === undefined ? null : canonicalRepository(request.repository),
      request.memberId ?? null,
      request.expiresAt?.toISOString() ?? null,
      request.rotatedFrom ?? null,
      request.mintedBy ?? null,
      [...(request.minters ?? [])],
    ],
  );
  return { id, token };
}
