import { CommandError, ShieldwatchError } from '#schemas/errors.js';
import type { MintedToken, Token } from '#schemas/http/control.js';
import { isAtLeast, type Role } from '#schemas/http/roles.js';
import type { Scope } from '#schemas/http/scopes.js';
import type { Session } from '#schemas/postgres/session.js';
import { mintToken, type TokenRequest } from '../auth/tokens.js';
import type { Actor, ChangeSession, ControlPlane } from './control-plane.js';
import { isoOrNull } from './iso.js';

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
  last_used_at: Date | string | null;
}

/** Who mints: nobody makes a token that may decide more than they may. */
export interface Minter extends Actor {
  role: Role;
}

export interface NewToken {
  name: string;
  scopes: Scope[];
  repository?: string | undefined;
  member?: string | undefined;
  expiresInDays?: number | undefined;
}

const SELECT = `SELECT token.*, member.login, member.role FROM token LEFT JOIN member ON member.id = token.member_id`;

/** Tokens of an organisation, oldest first, after an id. */
export async function listTokens(plane: ControlPlane, orgId: string, after: string | undefined, limit: number): Promise<Token[]> {
  const rows = await plane.read(orgId, (tx) =>
    tx.query<TokenRow>(`${SELECT} WHERE $1::text IS NULL OR token.id > $1 ORDER BY token.id LIMIT $2`, [after ?? null, limit]),
  );
  return rows.map(tokenOf);
}

export async function newToken(plane: ControlPlane, minter: Minter, request: NewToken): Promise<MintedToken> {
  if (request.scopes.includes('admin') && request.repository !== undefined) {
    throw new ShieldwatchError('body_invalid', 'scopes: a token with the scope admin cannot be bound to a repository', { field: 'scopes' });
  }
  const expiresAt = request.expiresInDays === undefined ? undefined : new Date(Date.now() + request.expiresInDays * 24 * HOUR_MS);
  return plane.change(minter, async (tx) => {
    const memberId = request.member === undefined ? undefined : await memberIdOf(tx, minter, request.member);
    return mint(tx, minter, {
      orgId: minter.orgId,
      name: request.name,
      scopes: request.scopes,
      ...(request.repository === undefined ? {} : { repository: request.repository }),
      ...(memberId === undefined ? {} : { memberId }),
      ...(expiresAt === undefined ? {} : { expiresAt }),
    }, 'token.mint');
  });
}

/** A new token with the rights of an old one, which works for `overlapHours` more. */
export async function rotateToken(plane: ControlPlane, minter: Minter, id: string, overlapHours: number): Promise<MintedToken> {
  return plane.change(minter, async (tx) => {
    const old = await needToken(tx, id);
    const now = Date.now();
    if (old.revoked_at !== null || (old.expires_at !== null && new Date(old.expires_at).getTime() <= now)) {
      throw new ShieldwatchError('conflict', 'this token is revoked or expired; mint a new one');
    }
    checkRole(minter, old.role);
    const until = new Date(now + overlapHours * HOUR_MS);
    const minted = await mint(tx, minter, {
      orgId: minter.orgId,
      name: old.name,
      scopes: old.scopes,
      rotatedFrom: old.id,
      ...(old.repository === null ? {} : { repository: old.repository }),
      ...(old.member_id === null ? {} : { memberId: old.member_id }),
    }, 'token.rotate');
    // At most two live: a third rotation ends what an earlier one left alive.
    await tx.query('UPDATE token SET revoked_at = now() WHERE id = $1 AND revoked_at IS NULL', [old.rotated_from]);
    await tx.query('UPDATE token SET expires_at = least(coalesce(expires_at, $2::timestamptz), $2::timestamptz) WHERE id = $1', [old.id, until.toISOString()]);
    return minted;
  });
}

/** Works at most a second longer. */
export async function revokeToken(plane: ControlPlane, minter: Minter, id: string): Promise<Token> {
  return plane.change(minter, async (tx) => {
    const token = await needToken(tx, id);
    checkRole(minter, token.role);
    if (token.revoked_at === null) {
      await tx.query('UPDATE token SET revoked_at = now() WHERE id = $1', [id]);
      await tx.record({ action: 'token.revoke', subject: id, detail: { name: token.name }, fact: { kind: 'token', state: 'revoked' } });
    }
    return tokenOf(await needToken(tx, id));
  });
}

async function mint(tx: ChangeSession, minter: Minter, request: TokenRequest, action: string): Promise<MintedToken> {
  const { id, token } = await mintToken(tx, request).catch((error: unknown) => {
    if (error instanceof CommandError) throw new ShieldwatchError('body_invalid', error.message);
    throw error;
  });
  const { name, scopes, repository, expiresAt, rotatedFrom } = request;
  await tx.record({
    action,
    subject: id,
    detail: {
      name, scopes: scopes.join(' '), repository: repository ?? null, expiresAt: expiresAt?.toISOString() ?? null, rotatedFrom: rotatedFrom ?? null,
    },
    fact: { kind: 'token', state: 'live', repository: repository ?? '' },
  });
  return { id, token, ...(scopes.includes('webhook:drift') ? { webhookPath: `/v1/webhooks/drift/${token}` } : {}) };
}

async function memberIdOf(tx: Session, minter: Minter, login: string): Promise<string> {
  const [row] = await tx.query<{ id: string; role: Role }>('SELECT id, role FROM member WHERE login = $1', [login]);
  if (row === undefined) throw new ShieldwatchError('body_invalid', 'member: expected the login of a member', { field: 'member' });
  checkRole(minter, row.role);
  return row.id;
}

function checkRole(minter: Minter, role: Role | null): void {
  if (role === null || isAtLeast(minter.role, role)) return;
  throw new ShieldwatchError('role_missing', `this needs the role ${role}, which the member of the token has`);
}

async function needToken(tx: Session, id: string): Promise<TokenRow> {
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
