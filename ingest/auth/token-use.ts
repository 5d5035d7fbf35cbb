import type { Postgres } from '#schemas/postgres/client.js';
import { asRole } from '#schemas/postgres/session.js';

/** Collects in memory when tokens were last used: one write per request would cost more than the request. */
export interface TokenUse {
  note(tokenId: string): void;
  /** Writes the collected times. Those that cannot be written are kept for the next flush. */
  flush(db: Postgres): Promise<void>;
}

export function createTokenUse(): TokenUse {
  let used = new Map<string, number>();
  return {
    note(tokenId) {
      used.set(tokenId, Date.now());
    },
    async flush(db) {
      if (used.size === 0) return;
      const written = used;
      used = new Map();
      try {
        await asRole(db, 'shieldwatch_worker', {}, (tx) =>
          tx.query(
            `UPDATE token SET last_used_at = greatest(last_used_at, used.at)
             FROM unnest($1::text[], $2::timestamptz[]) AS used (id, at) WHERE token.id = used.id`,
            [[...written.keys()], [...written.values()].map((at) => new Date(at).toISOString())],
          ),
        );
      } catch (error) {
        used = new Map([...written, ...used]);
        throw error;
      }
    },
  };
}
