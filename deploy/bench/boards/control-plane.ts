import type { Postgres } from '#schemas/postgres/client.js';
import { freshPostgres } from '#schemas/testing/postgres.js';
import { asRole } from '#schemas/postgres/session.js';

/** Creates an embedded Postgres with one organisation. A browser session needs the organisation to exist. */
export async function postgresWithOrg(orgId: string): Promise<Postgres> {
  const postgres = await freshPostgres();
  await asRole(postgres, 'shieldwatch_operator', {}, (tx) =>
    tx.query('INSERT INTO org (id, name, retention_days) VALUES ($1, $1, 90)', [orgId]),
  );
  return postgres;
}
