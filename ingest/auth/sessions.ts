import { randomBytes } from 'node:crypto';
import { DEFAULT_LANDING_RETENTION_DAYS } from '#schemas/time.js';
import type { Caller } from './caller.js';
import { hashToken } from './token-format.js';

const LOGIN_CODE_MS = 10 * 60_000;
const SESSION_MS = 12 * 3_600_000;
/** Milliseconds for which an organisation that was there is taken to be there still. */
const SEEN_MS = 1_000;
/** Codes or sessions kept at once; the oldest goes first. */
const MAX_ENTRIES = 1_000;

/** Browser sessions of the boards page. In memory: a restart logs browsers out, and that is all it does. */
export interface Sessions {
  /** A code that opens one session, once, within 10 minutes. */
  createLoginCode(orgId: string): string;
  /** Trades a code for the secret of a new session; undefined when the code is unknown, used or too old. */
  open(code: string): { secret: string; maxAgeSeconds: number } | undefined;
  /**
   * The caller of a session: read only. It ends with its organisation, at most a second later; at once where that was
   * asked less than a second ago. Rejects with `store_unavailable` when it cannot know.
   */
  find(secret: string): Caller | undefined | Promise<Caller | undefined>;
}

interface Entry {
  orgId: string;
  until: number;
  /** Moment at which the organisation was last seen to be there. */
  seenAt: number;
}

/** `isOrgLive` says whether an organisation is there and not deleted. */
export function createSessions(isOrgLive: (orgId: string) => Promise<boolean>): Sessions {
  const codes = new Map<string, Entry>();
  const sessions = new Map<string, Entry>();

  // Keyed by hash, so that the time a lookup takes tells nothing about the secrets.
  function add(map: Map<string, Entry>, orgId: string, lifeMs: number): string {
    const secret = randomBytes(32).toString('base64url');
    for (const oldest of map.keys()) {
      if (map.size < MAX_ENTRIES) break;
      map.delete(oldest);
    }
    map.set(hashToken(secret), { orgId, until: Date.now() + lifeMs, seenAt: -Infinity });
    return secret;
  }

  function live(map: Map<string, Entry>, secret: string): Entry | undefined {
    const entry = map.get(hashToken(secret));
    return entry !== undefined && entry.until > Date.now() ? entry : undefined;
  }

  return {
    createLoginCode: (orgId) => add(codes, orgId, LOGIN_CODE_MS),
    open(code) {
      const entry = live(codes, code);
      codes.delete(hashToken(code));
      if (entry === undefined) return undefined;
      return { secret: add(sessions, entry.orgId, SESSION_MS), maxAgeSeconds: SESSION_MS / 1_000 };
    },
    find(secret) {
      const entry = live(sessions, secret);
      if (entry === undefined) return undefined;
      const now = Date.now();
      if (entry.seenAt <= now && now < entry.seenAt + SEEN_MS) return callerOf(entry.orgId);
      return isOrgLive(entry.orgId).then((isLive) => {
        if (!isLive) {
          sessions.delete(hashToken(secret));
          return undefined;
        }
        entry.seenAt = now;
        return callerOf(entry.orgId);
      });
    },
  };
}

function callerOf(orgId: string): Caller {
  return { orgId, tokenId: 'session', actor: 'session', scopes: ['read'], role: 'viewer', repository: null, retentionDays: DEFAULT_LANDING_RETENTION_DAYS };
}
