import { CommandError, ShieldwatchError } from '#schemas/errors.js';
import type { MintedToken, Token } from '#schemas/http/control.js';
import { isAtLeast, type Role } from '#schemas/http/roles.js';
import type { Scope } from '#schemas/http/scopes.js';
import type { Session } from '#schemas/postgres/session.js';
import type { Authority } from '../auth/caller.js';
import { mintToken, type TokenRequest } from '../auth/tokens.js';
import type { Actor, ChangeSession, ControlPlane } from './control-plane.js';
import { isoOrNull } from './iso.js';
import { memberByLogin } from './member-by-login.js';

const HOUR_MS = 3_600_000;

interface TokenRow extends Record<string, unknown> {
  id: string;
  name: string;
  scopes: Scope[];
  repository: string | null;
  member_id: string | null;
  login: string | null;
  role: Role | null;
  created_at: Date | string;
  expires_at: Date | string | null;
  revoked_at: Date | string | null;
  rotated_from: string | null;
  minted_by: string | null;
  minters: string[];
  last_used_at: Date | string | null;
}

/** The caller that mints a token. It cannot mint a token with more rights than its own. */
export interface Minter extends Actor {
  role: Role;
  authority?: Authority;
}

export interface NewToken {
  name: string;
  scopes: Scope[];
  repository?: string | undefined;
  member?: string | undefined;
  expiresInDays?: number | undefined;
}

const SELECT = `SELECT token.*, member.login, member.role FROM token LEFT JOIN member ON member.id = token.member_id`;

/** Lists an organisation's tokens after an id, oldest first. */
export async function listTokens(
  plane: ControlPlane,
  orgId: string,
  after: string | undefined,
  limit: number,
): Promise<Token[]> {
  const rows = await plane.read(orgId, (tx) =>
    tx.query<TokenRow>(`${SELECT} WHERE $1::text IS NULL OR token.id > $1 ORDER BY token.id LIMIT $2`, [
      after ?? null,
      limit,
    ]),
  );
  return rows.map(tokenOf);
}

/** Mints a token that expires no later than the minting token and ends with the members behind that one. */
export async function newToken(plane: ControlPlane, minter: Minter, request: NewToken): Promise<MintedToken> {
  const expiresAt =
    request.expiresInDays === undefined ? undefined : new Date(Date.now() + request.expiresInDays * 24 * HOUR_MS);
  return plane.change(minter, async (tx) => {
    const memberId = request.member === undefined ? undefined : await memberIdOf(tx, minter, request.member);
    return mint(
      tx,
      minter,
      {
        orgId: minter.orgId,
        name: request.name,
        scopes: request.scopes,
        ...(request.repository === undefined ? {} : { repository: request.repository }),
        ...(memberId === undefined ? {} : { memberId }),
        ...expiryOf(expiresAt, minter),
        ...derivation(minter),
      },
      'token.mint',
    );
  });
}

/**
 * Mints a successor with the rights of an old token, which stays valid for `overlapHours`. The successor expires when
 * the old one would have, and takes over the tokens that it minted.
 */
export async function rotateToken(
  plane: ControlPlane,
  minter: Minter,
  id: string,
  overlapHours: number,
): Promise<MintedToken> {
  return plane.change(minter, async (tx) => {
    const old = await requireToken(tx, id);
    const now = Date.now();
    if (old.revoked_at !== null || (old.expires_at !== null && new Date(old.expires_at).getTime() <= now)) {
      throw new ShieldwatchError('conflict', 'this token is revoked or expired; mint a new one');
    }
    checkRole(minter, old.role);
    await requireNoSuccessor(tx, old.id);
    const until = new Date(now + overlapHours * HOUR_MS);
    const minted = await mint(
      tx,
      minter,
      {
        orgId: minter.orgId,
        name: old.name,
        scopes: old.scopes,
        rotatedFrom: old.id,
        ...(old.repository === null ? {} : { repository: old.repository }),
        ...(old.member_id === null ? {} : { memberId: old.member_id }),
        ...expiryOf(old.expires_at === null ? undefined : new Date(old.expires_at), minter),
        // The caller that rotates a token sees the successor, so it becomes one of its minters. A token that rotates itself
        // keeps its minters.
        ...(minter.authority?.tokenId === old.id
          ? { ...(old.minted_by === null ? {} : { mintedBy: old.minted_by }), minters: old.minters }
          : derivation(minter)),
      },
      'token.rotate',
    );
    await tx.query('UPDATE token SET minted_by = $2 WHERE minted_by = $1', [old.id, minted.id]);
    // At most two are valid: a third rotation ends the predecessor's predecessor.
    if (old.rotated_from !== null) await revokeWithDerived(tx, old.rotated_from);
    await tx.query(
      'UPDATE token SET expires_at = least(coalesce(expires_at, $2::timestamptz), $2::timestamptz) WHERE id = $1',
      [old.id, until.toISOString()],
    );
    return minted;
  });
}

/** Revokes a token and the tokens that it minted; they work at most a second longer. Its successor stays. */
export async function revokeToken(plane: ControlPlane, minter: Minter, id: string): Promise<Token> {
  return plane.change(minter, async (tx) => {
    const token = await requireToken(tx, id);
    checkRole(minter, token.role);
    await revokeWithDerived(tx, id);
    return tokenOf(await requireToken(tx, id));
  });
}

/** Revokes a token and everything derived from it. */
async function revokeWithDerived(tx: ChangeSession, id: string): Promise<void> {
  await recordRevoked(
    tx,
    await tx.query<Revoked>(
      `WITH RECURSIVE derived AS (
       SELECT id FROM token WHERE id = $1 UNION SELECT token.id FROM token JOIN derived ON token.minted_by = derived.id)
     UPDATE token SET revoked_at = now() WHERE id IN (SELECT id FROM derived) AND revoked_at IS NULL RETURNING id, name`,
      [id],
    ),
    `token ${id}`,
  );
}

/**
 * Revokes tokens that a member minted, directly or through a token. The member's own tokens are deleted with the
 * member.
 */
export async function revokeMintedBy(tx: ChangeSession, memberId: string): Promise<void> {
  await recordRevoked(
    tx,
    await tx.query<Revoked>(
      'UPDATE token SET revoked_at = now() WHERE $1 = ANY (minters) AND revoked_at IS NULL RETURNING id, name',
      [memberId],
    ),
    `member ${memberId}`,
  );
}

/** Revokes the tokens bound to a removed repository, which could otherwise recreate it. */
export async function revokeBoundTo(tx: ChangeSession, repository: string): Promise<void> {
  await recordRevoked(
    tx,
    await tx.query<Revoked>(
      'UPDATE token SET revoked_at = now() WHERE $1 IN (repository, lower(repository)) AND revoked_at IS NULL RETURNING id, name',
      [repository],
    ),
    'its repository',
  );
}

interface Revoked extends Record<string, unknown> {
  id: string;
  name: string;
}

async function recordRevoked(tx: ChangeSession, revoked: readonly Revoked[], endedWith: string): Promise<void> {
  for (const { id, name } of revoked) {
    const detail = { name, endedWith: endedWith === `token ${id}` ? null : endedWith };
    await tx.record({ action: 'token.revoke', subject: id, detail, fact: { kind: 'token', state: 'revoked' } });
  }
}

/** Returns the expiry of a new token: as requested, but no later than that of the minting token. */
function expiryOf(expiresAt: Date | undefined, { authority }: Minter): { expiresAt?: Date } {
  const ends = [expiresAt, authority?.expiresAt ?? undefined].flatMap((end) =>
    end === undefined ? [] : [end.getTime()],
  );
  return ends.length === 0 ? {} : { expiresAt: new Date(Math.min(...ends)) };
}

const derivation = ({ authority }: Minter): Pick<TokenRequest, 'mintedBy' | 'minters'> =>
  authority === undefined ? {} : { mintedBy: authority.tokenId, minters: authority.members };

/** Rejects a second successor: rotation forms a single line. */
async function requireNoSuccessor(tx: Session, id: string): Promise<void> {
  const [successor] = await tx.query<{ id: string }>(
    'SELECT id FROM token WHERE rotated_from = $1 AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > now())',
    [id],
  );
  if (successor !== undefined)
    throw new ShieldwatchError('conflict', `this token was rotated already; rotate its successor ${successor.id}`);
}

/**
 * Checks that the organisation and the minting token are still valid, and locks them until the transaction ends.
 *
 * @throws ShieldwatchError 401 or 409.
 */
async function requireLiveAuthority(tx: Session, { authority }: Minter): Promise<void> {
  const live = await tx.query('SELECT id FROM org WHERE deleted_at IS NULL FOR SHARE');
  if (live.length === 0) throw new ShieldwatchError('conflict', 'the organisation is deleted: no token can be minted');
  if (authority === undefined) return;
  const tokens = await tx.query(
    'SELECT id FROM token WHERE id = $1 AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > now()) FOR SHARE',
    [authority.tokenId],
  );
  if (tokens.length === 0)
    throw new ShieldwatchError('token_invalid', 'the token is unknown, revoked, expired or mistyped');
}

async function mint(tx: ChangeSession, minter: Minter, request: TokenRequest, action: string): Promise<MintedToken> {
  await requireLiveAuthority(tx, minter);
  const { id, token } = await mintToken(tx, request).catch((error: unknown) => {
    if (error instanceof CommandError) {
      const field = /^(\w+): /.exec(error.message)?.[1];
      throw new ShieldwatchError('body_invalid', error.message, field === undefined ? {} : { field });
    }
    throw error;
  });
  const { name, scopes, repository, expiresAt, rotatedFrom } = request;
  await tx.record({
    action,
    subject: id,
    detail: {
      name,
      scopes: scopes.join(' '),
      repository: repository ?? null,
      expiresAt: expiresAt?.toISOString() ?? null,
      rotatedFrom: rotatedFrom ?? null,
    },
    fact: { kind: 'token', state: 'live', repository: repository ?? '' },
  });
  return {
    id,
    token,
    expiresAt: expiresAt?.toISOString() ?? null,
    ...(scopes.includes('webhook:drift') ? { webhookPath: `/v1/webhooks/drift/${token}` } : {}),
  };
}

async function memberIdOf(tx: Session, minter: Minter, login: string): Promise<string> {
  const row = await memberByLogin(tx, login);
  if (row === undefined)
    throw new ShieldwatchError('body_invalid', 'member: expected the login of a member', { field: 'member' });
  checkRole(minter, row.role);
  return row.id;
}

function checkRole(minter: Minter, role: Role | null): void {
  if (role === null || isAtLeast(minter.role, role)) return;
  throw new ShieldwatchError('role_missing', `this needs the role ${role}, which the member of the token has`);
}

async function requireToken(tx: Session, id: string): Promise<TokenRow> {
  const [row] = await tx.query<TokenRow>(`${SELECT} WHERE token.id = $1 FOR UPDATE OF token`, [id]);
  if (row === undefined) throw new ShieldwatchError('not_found', 'there is no such token');
  return row;
}

function tokenOf(row: TokenRow): Token {
  return {
    id: row.id,
    name: row.name,
    scopes: row.scopes,
    repository: row.repository,
    member: row.login,
    createdAt: new Date(row.created_at).toISOString(),
    expiresAt: isoOrNull(row.expires_at),
    revokedAt: isoOrNull(row.revoked_at),
    rotatedFrom: row.rotated_from,
    lastUsedAt: isoOrNull(row.last_used_at),
  };
}
