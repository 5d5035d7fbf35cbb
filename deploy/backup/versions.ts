import { clickhouseMigrations } from '#schemas/clickhouse/migrate.js';
import { CommandError } from '#schemas/errors.js';
import { pendingMigrations, type AppliedMigration, type Migration } from '#schemas/migrations.js';
import { postgresMigrations } from '#schemas/postgres/migrate.js';
import type { Manifest } from './format.js';

/**
 * Returns the migrations at which a backup was made, of both stores.
 *
 * @throws CommandError when a newer version made it, or one with other migrations.
 */
export async function migrationsOf(manifest: Manifest): Promise<{ clickhouse: Migration[]; postgres: Migration[] }> {
  return {
    clickhouse: upTo('ClickHouse', await clickhouseMigrations(), manifest.migrations.clickhouse),
    postgres: upTo('Postgres', await postgresMigrations(), manifest.migrations.postgres),
  };
}

function upTo(store: string, wanted: readonly Migration[], applied: readonly AppliedMigration[]): Migration[] {
  if (applied.length === 0) throw new CommandError(`the backup states no migrations of ${store}`);
  // Before the baseline there were no backups.
  const pending = pendingMigrations(store, '', wanted, applied);
  const at = wanted.length - pending.length;
  if (pending.some(({ version }) => version <= at))
    throw new CommandError(`the backup lacks a migration of ${store} between others`);
  return wanted.slice(0, at);
}
