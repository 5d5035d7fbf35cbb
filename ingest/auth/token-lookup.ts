import { ShieldwatchError } from '#schemas/errors.js';
import { canonicalRepository } from '#schemas/records/repository.js';
import { asRole } from '#schemas/postgres/session.js';
import type { Postgres } from '#schemas/postgres/client.js';
import { leastRole, type Role } from '#schemas/http/roles.js';
import { withStoreErrors } from '../errors/with-store-errors.js';
import type { Plan } from '../plans.js';
import type { Caller } from './caller.js';
import { hashToken, isTokenShaped, TOKEN_LENGTH } from './token-format.js';
import type { TokenUse } from './token-use.js';

/** Milliseconds between two checks for changed tokens, and so the longest time that a revoked token still works. */
const CACHE_TTL_MS = 1_000;
/** Maximum cached answers: bounds the memory that a flood of made-up tokens can take. */
const CACHE_ENTRIES = 10_000;

/**
 * Finds the caller of a token; undefined when there is none. Returns a promise unless the token is cached and tokens
 * were checked for changes less than a second ago. Rejects with `store_unavailable` when the database does not answer.
 */
export interface TokenLookup {
  byToken(token: string): Caller | undefined | Promise<Caller | undefined>;
  /** Finds the caller by the token's hash. */
  byHash(hash: string): Caller | undefined | Promise<Caller | undefined>;
}

/** A database query and, once available, its answer. `queriedAt` is the gateway's clock before the query. */
interface CachedQuery<T> {
  readonly queriedAt: number;
  answer: T | Promise<T>;
}

/**
 * State of the database at one time: the number of token changes so far, and its clock in milliseconds since the epoch.
 */
interface TokenState {
  readonly epoch: string;
  readonly now: number;
}

interface Found {
  readonly caller: Caller;
  /** Expiry by the database's clock. */
  readonly expiresAt: number;
}

/** A token's row as read after its epoch; valid as long as the epoch stays the same. */
interface Known extends CachedQuery<Found | undefined> {
  readonly epoch: string;
  /** State at which the token was last used. */
  usedAt?: TokenState;
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
  /** Roles of those minters who are still members. */
  minter_roles: Role[];
}

/**
 * Creates a lookup that reads each token once, and again after any token, member or organisation changed. One query a
 * second checks for changes of all tokens (`token_epoch`); without requests there is none. Concurrent requests share
 * queries.
 */
export function createTokenLookup(db: Postgres, use?: TokenUse): TokenLookup {
  const cache = new Map<string, Known>();
  let latest: CachedQuery<TokenState> | undefined;

  async function readState(): Promise<TokenState> {
    const [row] = await withStoreErrors(
      asRole(db, 'shieldwatch_auth', {}, (tx) =>
        tx.query<{ epoch: string; now: number }>(
          'SELECT epoch::text AS epoch, (extract(epoch FROM now()) * 1000)::float8 AS now FROM token_epoch',
        ),
      ),
    );
    if (row === undefined) throw new ShieldwatchError('store_unavailable', 'the database returned no token epoch');
    return row;
  }

  async function read(hash: string): Promise<Found | undefined> {
    const [row] = await withStoreErrors(
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
    // A token ends when one of its minters is no longer a member.
    return row === undefined || row.minter_roles.length < row.minters.length
      ? undefined
      : { caller: callerOf(row), expiresAt: row.expires_at === null ? Infinity : new Date(row.expires_at).getTime() };
  }

  /** Returns the newest state that is at most a second old. */
  function currentState(now: number): TokenState | Promise<TokenState> {
    if (latest !== undefined && isFresh(latest, now)) return latest.answer;
    const query: CachedQuery<TokenState> = { queriedAt: now, answer: readState() };
    latest = query;
    return cacheAnswer(query, () => {
      if (latest === query) latest = undefined;
    });
  }

  /** Returns the cached row of a token for the given state, or reads it. */
  function find(hash: string, at: TokenState, now: number): Found | undefined | Promise<Found | undefined> {
    const known = cache.get(hash);
    // A missing token may be created later, and a pending answer may never arrive: keep neither longer than a second.
    const isRead = known?.answer !== undefined && !(known.answer instanceof Promise);
    if (known?.epoch === at.epoch && (isRead || isFresh(known, now))) return known.answer;
    if (cache.size >= CACHE_ENTRIES) cache.clear();
    const query: Known = { queriedAt: now, epoch: at.epoch, answer: read(hash) };
    cache.set(hash, query);
    return cacheAnswer(query, () => {
      if (cache.get(hash) === query) cache.delete(hash);
    });
  }

  function admit(hash: string, found: Found | undefined, at: TokenState): Caller | undefined {
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
    const at = currentState(now);
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

/**
 * Returns whether an answer is younger than the cache period. The second condition handles a clock that was set back.
 */
const isFresh = ({ queriedAt }: CachedQuery<unknown>, now: number): boolean =>
  now < queriedAt + CACHE_TTL_MS && queriedAt <= now;

/** Caches the answer once it arrives. A failed query is removed, so the next request repeats it. */
function cacheAnswer<T>(query: CachedQuery<T>, forget: () => void): Promise<T> {
  const pending = Promise.resolve(query.answer);
  pending.then((answer) => {
    query.answer = answer;
  }, forget);
  return pending;
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
    // A token may have been bound before repository names were canonical.
    repository: row.repository === null ? null : canonicalRepository(row.repository),
    retentionDays: row.retention_days,
    keepContent: row.keep_content,
    keepIdentities: row.keep_identities,
  };
}

function isUsable(scope: string, { deleted_at: deletedAt, repository }: TokenRow): boolean {
  // Of a deleted organisation, callers can only follow the deletion.
  if (deletedAt !== null && scope !== 'admin' && scope !== 'read') return false;
  // The control plane belongs to the whole organisation, so a bound token has no access to it.
  return scope !== 'admin' || repository === null;
}

/**
 * Returns the role of a token without a member: admin with the scope `admin`, member if it sends, otherwise viewer.
 * Actions of an owner need an owner's token.
 */
function roleOf(row: TokenRow): Role {
  if (row.role !== null) return row.role;
  if (row.scopes.includes('admin')) return 'admin';
  return row.scopes.some((scope) => scope !== 'read') ? 'member' : 'viewer';
}
