import type { Postgres } from '#schemas/postgres/client.js';
import { asRole } from '#schemas/postgres/session.js';
import type { Ticket, TicketStore } from './destinations/destination.js';

interface TicketRow extends Record<string, unknown> {
  external_id: string | null;
  url: string | null;
  state: 'open' | 'closed';
  episode: number;
  created_at: Date | string;
}

/** Whose ticket it is, and the episode of the notice that is being sent. */
export interface TicketOf {
  orgId: string;
  destinationId: string;
  key: string;
  episode: number;
}

/** Returns access to the one ticket of a key at a destination. */
export function ticketStore(db: Postgres, { orgId, destinationId, key, episode }: TicketOf): TicketStore {
  const run = (sql: string, params: readonly unknown[]): Promise<TicketRow[]> =>
    asRole(db, 'shieldwatch_worker', {}, (tx) => tx.query<TicketRow>(sql, params));
  return {
    async find() {
      const [row] = await run('SELECT * FROM alert_ticket WHERE destination_id = $1 AND key = $2', [
        destinationId,
        key,
      ]);
      return row === undefined ? undefined : ticketOf(row);
    },
    async intend() {
      await run(
        `INSERT INTO alert_ticket (org_id, destination_id, key, episode) VALUES ($1, $2, $3, $4)
         ON CONFLICT (destination_id, key) DO NOTHING`,
        [orgId, destinationId, key, episode],
      );
    },
    async save({ externalId, url, state }) {
      await run(
        `INSERT INTO alert_ticket (org_id, destination_id, key, external_id, url, state, episode) VALUES ($1, $2, $3, $4, $5, $6, $7)
         ON CONFLICT (destination_id, key) DO UPDATE
         SET external_id = $4, url = $5, state = $6, episode = $7, changed_at = now()`,
        [orgId, destinationId, key, externalId, url, state, episode],
      );
    },
  };
}

const ticketOf = (row: TicketRow): Ticket => ({
  externalId: row.external_id,
  url: row.url,
  state: row.state,
  episode: row.episode,
  createdAt: new Date(row.created_at),
});
