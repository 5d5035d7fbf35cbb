import { openPostgres, type Postgres } from '#schemas/postgres/client.js';
import { migratePostgres } from '#schemas/postgres/migrate.js';
import { asRole } from '#schemas/postgres/session.js';

/** An embedded Postgres with one organisation, which a browser's session needs: it ends with its organisation. */
export async function postgresWithOrg(orgId: string): Promise<Postgres> {
  const postgres = await openPostgres({});
  await migratePostgres(postgres);
  await asRole(postgres, 'shieldwatch_operator', {}, (tx) =>
    tx.query('INSERT INTO org (id, name, retention_days) VALUES ($1, $1, 90)', [orgId]),
  );
  return postgres;
}
