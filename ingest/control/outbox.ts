import type { ClickHouseClient } from '#schemas/clickhouse/client.js';
import type { Postgres } from '#schemas/postgres/client.js';
import { asRole } from '#schemas/postgres/session.js';

/** Maximum rows per round. */
const BATCH = 500;

interface OutboxRow extends Record<string, unknown> {
  id: string | number;
  org_id: string;
  event_id: string;
  occurred_at: Date | string;
  repository: string;
  kind: string;
  subject: string;
  state: string;
  actor: string;
  detail: string;
}

/**
 * Moves rows from the outbox to ClickHouse, oldest first, and deletes them once stored. A crash in between sends them
 * again; `control_event` deduplicates by event id.
 *
 * @returns the number of rows moved.
 */
export async function drainOutbox(postgres: Postgres, clickhouse: ClickHouseClient): Promise<number> {
  let taken = 0;
  for (;;) {
    const rows = await asRole(postgres, 'shieldwatch_worker', {}, (tx) =>
      tx.query<OutboxRow>('SELECT * FROM outbox ORDER BY id LIMIT $1', [BATCH]),
    );
    if (rows.length === 0) return taken;
    await clickhouse.insert({
      table: 'control_event_v1',
      format: 'JSONEachRow',
      columns: ['org_id', 'repo', 'event_id', 'occurred_at', 'kind', 'subject', 'state', 'actor', 'detail'],
      values: rows.map((row) => ({
        org_id: row.org_id,
        repo: row.repository,
        event_id: row.event_id,
        occurred_at: new Date(row.occurred_at).toISOString().replace('T', ' ').replace('Z', ''),
        kind: row.kind,
        subject: row.subject,
        state: row.state,
        actor: row.actor,
        detail: row.detail,
      })),
      clickhouse_settings: { async_insert: 0, wait_end_of_query: 1 },
    });
    await asRole(postgres, 'shieldwatch_worker', {}, (tx) =>
      tx.query('DELETE FROM outbox WHERE id = ANY($1::bigint[])', [rows.map((row) => String(row.id))]),
    );
    taken += rows.length;
  }
}
