import type { Connection } from './chdb.js';
import { named } from './errors.js';
import type { UserName } from './users.js';

/** What a request asks of a session. */
export interface SessionRequest {
  readonly id: string;
  readonly timeoutSeconds: number;
  /** The session must exist already: `session_check`. */
  readonly mustExist: boolean;
  /** It ends with the request: `close_session`. */
  readonly closes: boolean;
}

/**
 * A client's session. The writer's and the admin's has a connection of the engine's, which keeps its settings, database and temporary
 * tables. A reader's keeps settings that were judged, and nothing in the engine.
 */
export interface Session {
  readonly settings: Map<string, string>;
  connection: Connection | undefined;
  /** Names of parameters that past requests left on the connection. */
  readonly spentParams: Set<string>;
}

interface Kept extends Session {
  readonly key: string;
  isBusy: boolean;
  expiresAt: number;
}

/** Of each user. Beyond it the session that was used least recently ends. */
const MAX_SESSIONS = { writer: 32, reader: 256, admin: 32 } as const;
const MAX_ID_BYTES = 256;
export const DEFAULT_SESSION_SECONDS = 60;
export const MAX_SESSION_SECONDS = 3600;

/** The sessions of one server, by user and `session_id`: nobody gets at another user's. */
export class Sessions {
  /** In order of their last use. */
  readonly #kept: Readonly<Record<UserName, Map<string, Kept>>> = {
    writer: new Map(),
    reader: new Map(),
    admin: new Map(),
  };
  readonly #close: (connection: Connection) => void;

  /** @param close lets go of a session's connection */
  constructor(close: (connection: Connection) => void) {
    this.#close = close;
  }

  /**
   * Runs `work` in a session, which is made if there is none. One with a connection takes one request at a time. Throws
   * SESSION_NOT_FOUND and SESSION_IS_LOCKED.
   */
  async use<R>(
    user: UserName,
    asked: SessionRequest,
    now: () => number,
    work: (session: Session) => Promise<R>,
  ): Promise<R> {
    if (asked.id.length > MAX_ID_BYTES)
      throw named('BAD_ARGUMENTS', `session_id is longer than ${MAX_ID_BYTES} characters`);
    this.#endExpired(now());
    const sessions = this.#kept[user];
    const session = sessions.get(asked.id) ?? this.#open(user, asked);
    // One connection runs one statement; a reader's session has none.
    if (user !== 'reader' && session.isBusy)
      throw named('SESSION_IS_LOCKED', 'Session is locked by a concurrent client');
    session.isBusy = true;
    session.expiresAt = Number.POSITIVE_INFINITY;
    try {
      return await work(session);
    } finally {
      session.isBusy = false;
      session.expiresAt = now() + 1000 * asked.timeoutSeconds;
      sessions.delete(session.key);
      if (asked.closes) this.#end(session);
      else sessions.set(session.key, session);
    }
  }

  /** How many there are, for one user. */
  count(user: UserName): number {
    return this.#kept[user].size;
  }

  #open(user: UserName, asked: SessionRequest): Kept {
    if (asked.mustExist) throw named('SESSION_NOT_FOUND', 'Session not found');
    const sessions = this.#kept[user];
    if (sessions.size >= MAX_SESSIONS[user]) {
      const idle = [...sessions.values()].find(({ isBusy }) => !isBusy);
      if (idle === undefined)
        throw named('TOO_MANY_SIMULTANEOUS_QUERIES', `Too many sessions: ${MAX_SESSIONS[user]} are in use`);
      sessions.delete(idle.key);
      this.#end(idle);
    }
    const session: Kept = {
      key: asked.id,
      settings: new Map(),
      connection: undefined,
      spentParams: new Set(),
      isBusy: false,
      expiresAt: Number.POSITIVE_INFINITY,
    };
    sessions.set(asked.id, session);
    return session;
  }

  #endExpired(now: number): void {
    for (const sessions of Object.values(this.#kept)) {
      for (const session of sessions.values()) {
        if (session.expiresAt > now) continue;
        sessions.delete(session.key);
        this.#end(session);
      }
    }
  }

  #end(session: Kept): void {
    if (session.connection !== undefined) this.#close(session.connection);
    session.connection = undefined;
  }
}
