import { join } from 'node:path';
import {
  MIGRATIONS_TABLE,
  pendingMigrations,
  readMigrations,
  type AppliedMigration,
  type Migration,
} from '../migrations.js';
import { packageRoot } from '../root.js';
import type { Postgres } from './client.js';

/** Arbitrary number, the same in every process that migrates. */
const MIGRATION_LOCK = 7_205_759;

/** Migration 1 of the chain that the baseline replaced. */
const RETIRED_FIRST = 'create_tenancy';

/** Reads the migrations of this version. */
export function postgresMigrations(): Promise<Migration[]> {
  return readMigrations(join(packageRoot(), 'schemas/postgres/migrations'));
}

/**
 * Migrates the database to the newest schema, each migration in a transaction with its record, one process at a time.
 *
 * @returns the applied versions; empty when the schema was up to date.
 * @throws RetiredStoreError when the database was made before the baseline.
 * @throws CommandError when the database was written by a newer version, or an applied migration was edited.
 */
export async function migratePostgres(db: Postgres, migrations?: readonly Migration[]): Promise<number[]> {
  const wanted = migrations ?? (await postgresMigrations());
  return db.transaction(async (tx) => {
    await tx.query('SELECT pg_advisory_xact_lock($1)', [MIGRATION_LOCK]);
    await tx.execute(
      `CREATE TABLE IF NOT EXISTS ${MIGRATIONS_TABLE} (version integer PRIMARY KEY, name text NOT NULL, checksum text NOT NULL, applied_at timestamptz NOT NULL DEFAULT now())`,
    );
    const applied = await tx.query<AppliedMigration>(`SELECT version, name, checksum FROM ${MIGRATIONS_TABLE}`);
    const pending = pendingMigrations('Postgres', RETIRED_FIRST, wanted, applied);
    for (const migration of pending) {
      await tx.execute(migration.sql);
      await tx.query(`INSERT INTO ${MIGRATIONS_TABLE} (version, name, checksum) VALUES ($1, $2, $3)`, [
        migration.version,
        migration.name,
        migration.checksum,
      ]);
    }
    return pending.map((migration) => migration.version);
  });
}
