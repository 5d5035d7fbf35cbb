import { ShieldwatchError } from '#schemas/errors.js';
import { canonicalRepository } from '#schemas/records/repository.js';
import { asRole } from '#schemas/postgres/session.js';
import type { Postgres } from '#schemas/postgres/client.js';
import { leastRole, type Role } from '#schemas/http/roles.js';
import { fromStore } from '../errors/from-store.js';
import type { Plan } from '../plans.js';
import type { Caller } from './caller.js';
import { hashToken, isTokenShaped, TOKEN_LENGTH } from './token-format.js';
import type { TokenUse } from './token-use.js';

/** Milliseconds that pass until it is asked again whether anything changed; a revoked token works at most this long. */
const BELIEVED_MS = 1_000;
/** Answers kept at once: bounds the memory that a flood of made-up tokens can take. */
const CACHE_ENTRIES = 10_000;

/**
 * Finds the caller of a token; undefined: there is none. Answers at once where the token is known and it was asked less than a
 * second ago whether any changed. Rejects with `store_unavailable` when it cannot know.
 */
export interface TokenLookup {
  byToken(token: string): Caller | undefined | Promise<Caller | undefined>;
  /** The same for who kept no more of the token than its hash. */
  byHash(hash: string): Caller | undefined | Promise<Caller | undefined>;
}

/** A question to the database, and its answer once it is there. `askedAt` is the gateway's clock before it was put. */
interface Asked<T> {
  readonly askedAt: number;
  answer: T | Promise<T>;
}

/** The database at one moment: how often tokens have changed, and its clock, milliseconds since the epoch. */
interface Moment {
  readonly epoch: string;
  readonly now: number;
}

interface Found {
  readonly caller: Caller;
  /** By the database's clock. */
  readonly expiresAt: number;
}

/** What was read of a token after the moment of this epoch; so for as long as the epoch stands. */
interface Known extends Asked<Found | undefined> {
  readonly epoch: string;
  /** The last moment at which it was used. */
  usedAt?: Moment;
}

interface TokenRow extends Record<string, unknown> {
  id: string;
  org_id: string;
  scopes: string[];
  repository: string | null;
  retention_days: number;
  keep_content: boolean;
  keep_identities: boolean;
  plan: Plan;
  deleted_at: Date | string | null;
  expires_at: Date | string | null;
  member_id: string | null;
  login: string | null;
  role: Role | null;
  minters: string[];
  /** Of the minters that are still members. */
  minter_roles: Role[];
}

/**
 * A lookup by hash that reads a token once, and again when a token, a member or an organisation has changed: that is one
 * question a second for all of them (migration 0006), and none without requests. Simultaneous requests share theirs.
 */
export function createTokenLookup(db: Postgres, use?: TokenUse): TokenLookup {
  const cache = new Map<string, Known>();
  let latest: Asked<Moment> | undefined;

  async function readMoment(): Promise<Moment> {
    const [row] = await fromStore(
      asRole(db, 'shieldwatch_auth', {}, (tx) =>
        tx.query<{ epoch: string; now: number }>(
          'SELECT epoch::text AS epoch, (extract(epoch FROM now()) * 1000)::float8 AS now FROM token_epoch',
        ),
      ),
    );
    if (row === undefined)
      throw new ShieldwatchError('store_unavailable', 'the database does not tell whether tokens changed');
    return row;
  }

  async function read(hash: string): Promise<Found | undefined> {
    const [row] = await fromStore(
      asRole(db, 'shieldwatch_auth', { 'shieldwatch.token_hash': hash }, (tx) =>
        tx.query<TokenRow>(
          `SELECT token.id, token.org_id, token.scopes, token.repository, token.expires_at, org.retention_days, org.keep_content, org.keep_identities, org.plan, org.deleted_at, token.member_id, member.login, member.role,
             token.minters, ARRAY(SELECT minter.role FROM member AS minter WHERE minter.id = ANY (token.minters)) AS minter_roles
           FROM token JOIN org ON org.id = token.org_id LEFT JOIN member ON member.id = token.member_id
           WHERE token.token_hash = $1 AND token.revoked_at IS NULL AND (token.expires_at IS NULL OR token.expires_at > now())`,
          [hash],
        ),
      ),
    );
    // A minter who is no member any more takes the token along.
    return row === undefined || row.minter_roles.length < row.minters.length
      ? undefined
      : { caller: callerOf(row), expiresAt: row.expires_at === null ? Infinity : new Date(row.expires_at).getTime() };
  }

  /** The newest moment that is no more than a second old. */
  function moment(now: number): Moment | Promise<Moment> {
    if (latest !== undefined && isFresh(latest, now)) return latest.answer;
    const asked: Asked<Moment> = { askedAt: now, answer: readMoment() };
    latest = asked;
    return settle(asked, () => {
      if (latest === asked) latest = undefined;
    });
  }

  /** What is known of the token at a moment; else it is read. */
  function find(hash: string, at: Moment, now: number): Found | undefined | Promise<Found | undefined> {
    const known = cache.get(hash);
    // A token that is not there may come to be, and an answer that is not there may never come: no longer than a second.
    const isRead = known?.answer !== undefined && !(known.answer instanceof Promise);
    if (known?.epoch === at.epoch && (isRead || isFresh(known, now))) return known.answer;
    if (cache.size >= CACHE_ENTRIES) cache.clear();
    const asked: Known = { askedAt: now, epoch: at.epoch, answer: read(hash) };
    cache.set(hash, asked);
    return settle(asked, () => {
      if (cache.get(hash) === asked) cache.delete(hash);
    });
  }

  function admit(hash: string, found: Found | undefined, at: Moment): Caller | undefined {
    if (found === undefined || found.expiresAt <= at.now) return undefined;
    const known = cache.get(hash);
    if (known !== undefined && known.usedAt !== at) {
      known.usedAt = at;
      use?.note(found.caller.tokenId);
    }
    return found.caller;
  }

  function byHash(hash: string): Caller | undefined | Promise<Caller | undefined> {
    const now = Date.now();
    const at = moment(now);
    if (at instanceof Promise) return at.then(async (when) => admit(hash, await find(hash, when, now), when));
    const found = find(hash, at, now);
    return found instanceof Promise ? found.then((later) => admit(hash, later, at)) : admit(hash, found, at);
  }

  return {
    byHash,
    byToken(token) {
      if (token.length !== TOKEN_LENGTH) return undefined;
      const hash = hashToken(token);
      return cache.has(hash) || isTokenShaped(token) ? byHash(hash) : undefined;
    },
  };
}

/** A clock that was set back must not keep anything alive, hence the second condition. */
const isFresh = ({ askedAt }: Asked<unknown>, now: number): boolean => now < askedAt + BELIEVED_MS && askedAt <= now;

/** Keeps the answer when it comes. A failure is no answer: the next request asks again. */
function settle<T>(asked: Asked<T>, forget: () => void): Promise<T> {
  const coming = Promise.resolve(asked.answer);
  coming.then((answer) => {
    asked.answer = answer;
  }, forget);
  return coming;
}

function callerOf(row: TokenRow): Caller {
  return {
    orgId: row.org_id,
    tokenId: row.id,
    actor: row.login === null ? `token:${row.id}` : `member:${row.login}`,
    scopes: row.scopes.filter((scope) => isUsable(scope, row)),
    isOrgDeleted: row.deleted_at !== null,
    plan: row.plan,
    role: leastRole([roleOf(row), ...row.minter_roles]),
    authority: {
      tokenId: row.id,
      members: [...new Set([...(row.member_id === null ? [] : [row.member_id]), ...row.minters])],
      expiresAt: row.expires_at === null ? null : new Date(row.expires_at),
    },
    // A token may have been bound before names were folded.
    repository: row.repository === null ? null : canonicalRepository(row.repository),
    retentionDays: row.retention_days,
    keepContent: row.keep_content,
    keepIdentities: row.keep_identities,
  };
}

function isUsable(scope: string, { deleted_at: deletedAt, repository }: TokenRow): boolean {
  // Of a deleted organisation what is left is to see how far that is.
  if (deletedAt !== null && scope !== 'admin' && scope !== 'read') return false;
  // The control plane is the organisation's, however the token came to be.
  return scope !== 'admin' || repository === null;
}

/**
 * A token of no member that has `admin` decides as an administrator does, one that sends may do what a member may; what
 * only an owner may takes an owner's token.
 */
function roleOf(row: TokenRow): Role {
  if (row.role !== null) return row.role;
  if (row.scopes.includes('admin')) return 'admin';
  return row.scopes.some((scope) => scope !== 'read') ? 'member' : 'viewer';
}
