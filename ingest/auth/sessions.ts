import { randomBytes } from 'node:crypto';
import { DEFAULT_LANDING_RETENTION_DAYS } from '#schemas/time.js';
import type { Plan } from '../plans.js';
import type { Caller } from './caller.js';
import { hashToken } from './token-format.js';

const LOGIN_CODE_MS = 10 * 60_000;
const SESSION_MS = 12 * 3_600_000;
/** Milliseconds for which the existence of an organisation is cached. */
const ORG_CACHE_TTL_MS = 1_000;
/**
 * Maximum number of codes or sessions of one organisation. Its oldest is removed first; other organisations are not
 * affected.
 */
const MAX_OF_ORG = 100;

/** The two secrets of a session: one is the cookie, the other (the key) is kept by the page and sent in a header. */
export interface OpenedSession {
  cookie: string;
  key: string;
  maxAgeSeconds: number;
}

/**
 * Browser sessions of the boards page. A session has two secrets, because browsers send a cookie to every port of a
 * host; the cookie alone is rejected. Sessions are kept in memory, so a restart ends them.
 */
export interface Sessions {
  /** Creates a one-time code that opens a session within 10 minutes, and the key of that session. */
  createLogin(orgId: string): { code: string; key: string };
  /**
   * Exchanges a code for the cookie of a new session; undefined when the code is unknown, used or expired. The key was
   * issued with the code.
   */
  open(code: string): Omit<OpenedSession, 'key'> | undefined;
  /** Opens a session that reads what the token with this hash reads, for as long as that token is valid. */
  openForToken(orgId: string, tokenHash: string): OpenedSession;
  /**
   * Returns the caller of a session, with read access only. The session ends with its organisation or token, at most a
   * second later. Returns a promise when the cached state is older than a second; it rejects with `store_unavailable`
   * when the store does not answer.
   */
  find(cookie: string, key: string | undefined): Caller | undefined | Promise<Caller | undefined>;
}

interface Entry {
  orgId: string;
  keyHash: string;
  until: number;
  /** Hash of the token that opened the session; absent when a link of the machine opened it. */
  tokenHash?: string;
  /** Time at which the organisation was last confirmed to exist, and its plan at that time. */
  seenAt: number;
  plan?: Plan;
}

/**
 * Creates the session store. `planOf` returns the plan of an existing organisation, `findToken` the caller of a token
 * by its hash.
 */
export function createSessions(
  planOf: (orgId: string) => Promise<Plan | undefined>,
  findToken: (hash: string) => Caller | undefined | Promise<Caller | undefined>,
): Sessions {
  const codes = new Map<string, Entry>();
  const sessions = new Map<string, Entry>();

  // Keyed by hash, so that lookup time reveals nothing about the secrets.
  function add(map: Map<string, Entry>, entry: Omit<Entry, 'until' | 'seenAt'>, lifeMs: number): string {
    const now = Date.now();
    for (const [hash, { until }] of map) if (until <= now) map.delete(hash);
    const ofOrg = [...map].filter(([, { orgId }]) => orgId === entry.orgId);
    for (const [oldest] of ofOrg.slice(0, Math.max(0, ofOrg.length - MAX_OF_ORG + 1))) map.delete(oldest);
    const secret = newSecret();
    map.set(hashToken(secret), { ...entry, until: now + lifeMs, seenAt: -Infinity });
    return secret;
  }

  function live(map: Map<string, Entry>, secret: string): Entry | undefined {
    const entry = map.get(hashToken(secret));
    return entry !== undefined && entry.until > Date.now() ? entry : undefined;
  }

  return {
    createLogin(orgId) {
      const key = newSecret();
      return { code: add(codes, { orgId, keyHash: hashToken(key) }, LOGIN_CODE_MS), key };
    },
    open(code) {
      const entry = live(codes, code);
      codes.delete(hashToken(code));
      if (entry === undefined) return undefined;
      const { orgId, keyHash } = entry;
      return { cookie: add(sessions, { orgId, keyHash }, SESSION_MS), maxAgeSeconds: SESSION_MS / 1_000 };
    },
    openForToken(orgId, tokenHash) {
      const key = newSecret();
      return {
        cookie: add(sessions, { orgId, tokenHash, keyHash: hashToken(key) }, SESSION_MS),
        key,
        maxAgeSeconds: SESSION_MS / 1_000,
      };
    },
    find(cookie, key) {
      const entry = live(sessions, cookie);
      if (entry === undefined || key === undefined || hashToken(key) !== entry.keyHash) return undefined;
      const now = Date.now();
      if (entry.tokenHash !== undefined) {
        const found = findToken(entry.tokenHash);
        return found instanceof Promise ? found.then(readerOf) : readerOf(found);
      }
      if (entry.seenAt <= now && now < entry.seenAt + ORG_CACHE_TTL_MS) return machineReader(entry);
      return planOf(entry.orgId).then((plan) => {
        if (plan === undefined) {
          sessions.delete(hashToken(cookie));
          return undefined;
        }
        entry.seenAt = now;
        entry.plan = plan;
        return machineReader(entry);
      });
    },
  };
}

const newSecret = (): string => randomBytes(32).toString('base64url');

function machineReader({ orgId, plan }: Entry): Caller {
  return {
    orgId,
    ...(plan === undefined ? {} : { plan }),
    tokenId: 'session',
    actor: 'session',
    scopes: ['read'],
    role: 'viewer',
    repository: null,
    retentionDays: DEFAULT_LANDING_RETENTION_DAYS,
  };
}

/** Reduces a token's caller to reading. Quotas stay the token's; nothing can be minted. */
function readerOf(token: Caller | undefined): Caller | undefined {
  if (token === undefined || token.isOrgDeleted === true || !token.scopes.includes('read')) return undefined;
  const { orgId, tokenId, actor, repository, plan, retentionDays } = token;
  return {
    orgId,
    tokenId,
    actor,
    scopes: ['read'],
    role: 'viewer',
    repository,
    retentionDays,
    ...(plan === undefined ? {} : { plan }),
  };
}
