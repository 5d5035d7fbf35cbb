import { asRole } from '#schemas/postgres/session.js';
import type { Postgres } from '#schemas/postgres/client.js';
import type { Role } from '#schemas/http/roles.js';
import { fromStore } from '../errors/from-store.js';
import type { Plan } from '../control/plans.js';
import type { Caller } from './caller.js';
import { hashToken, isTokenShaped, TOKEN_LENGTH } from './token-format.js';
import type { TokenUse } from './token-use.js';

/** Milliseconds an answer is reused; a revoked token works at most this long. */
const CACHE_MS = 1_000;
/** Answers kept at once: bounds the memory that a flood of made-up tokens can take. */
const CACHE_ENTRIES = 10_000;

/**
 * Finds the caller of a token; undefined: there is none. At once where it was found less than a second ago. Rejects with
 * `store_unavailable` when it cannot know.
 */
export type TokenLookup = (token: string) => Caller | undefined | Promise<Caller | undefined>;

interface Known {
  until: number;
  answer: Caller | undefined | Promise<Caller | undefined>;
}

interface TokenRow extends Record<string, unknown> {
  id: string;
  org_id: string;
  scopes: string[];
  repository: string | null;
  retention_days: number;
  keep_content: boolean;
  plan: Plan;
  deleted_at: Date | string | null;
  login: string | null;
  role: Role | null;
}

/** A lookup by hash with a short cache; simultaneous requests of one token share one query. */
export function createTokenLookup(db: Postgres, use?: TokenUse): TokenLookup {
  const cache = new Map<string, Known>();

  async function find(hash: string): Promise<Caller | undefined> {
    const [row] = await fromStore(
      asRole(db, 'shieldwatch_auth', { 'shieldwatch.token_hash': hash }, (tx) =>
        tx.query<TokenRow>(
          `SELECT token.id, token.org_id, token.scopes, token.repository, org.retention_days, org.keep_content, org.plan, org.deleted_at, member.login, member.role
           FROM token JOIN org ON org.id = token.org_id LEFT JOIN member ON member.id = token.member_id
           WHERE token.token_hash = $1 AND token.revoked_at IS NULL AND (token.expires_at IS NULL OR token.expires_at > now())`,
          [hash],
        ),
      ),
    );
    if (row === undefined) return undefined;
    use?.note(row.id);
    return {
      orgId: row.org_id,
      tokenId: row.id,
      actor: row.login === null ? `token:${row.id}` : `member:${row.login}`,
      // Of a deleted organisation what is left is to see how far that is.
      scopes: row.deleted_at === null ? row.scopes : row.scopes.filter((scope) => scope === 'admin' || scope === 'read'),
      plan: row.plan,
      role: roleOf(row),
      repository: row.repository,
      retentionDays: row.retention_days,
      keepContent: row.keep_content,
    };
  }

  return (token) => {
    if (token.length !== TOKEN_LENGTH) return undefined;
    const hash = hashToken(token);
    const now = Date.now();
    const known = cache.get(hash);
    // A clock set back must not keep a revoked token alive, hence the second condition.
    if (known !== undefined && known.until > now && known.until <= now + CACHE_MS) return known.answer;
    if (!isTokenShaped(token)) return undefined;
    if (cache.size >= CACHE_ENTRIES) cache.clear();
    const answer = find(hash);
    const entry: Known = { until: now + CACHE_MS, answer };
    cache.set(hash, entry);
    answer.then(
      (caller) => {
        entry.answer = caller;
      },
      () => {
        // A failure is no answer: the next request asks again.
        if (cache.get(hash) === entry) cache.delete(hash);
      },
    );
    return answer;
  };
}

/** A machine's token with `admin` decides as an administrator does; what only an owner may takes an owner's token. */
function roleOf(row: TokenRow): Role {
  return row.role ?? (row.scopes.includes('admin') ? 'admin' : 'viewer');
}
