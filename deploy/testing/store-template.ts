import { cp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { startClickHouse } from '#deploy/embedded/clickhouse/process.js';
import { READER_FILE, USERS_FILE } from '#deploy/embedded/clickhouse/users.js';
import { DEFAULT_DATABASE } from '#schemas/clickhouse/client.js';
import { migrateClickHouse } from '#schemas/clickhouse/migrate.js';
import { openPostgres } from '#schemas/postgres/client.js';
import { migratePostgres } from '#schemas/postgres/migrate.js';
import { template } from '#schemas/testing/templates.js';

/**
 * Copies a migrated, empty store of the embedded engine into `dataDir`: database {@link DEFAULT_DATABASE}, without
 * passwords. A test run migrates one store and copies it for each caller. Outside of a test run it does nothing.
 */
export function copyMigratedClickHouse(dataDir: string): Promise<void> {
  return copyOf('clickhouse', dataDir, async (part) => {
    const engine = await startClickHouse({ dataDir: part, port: 0 });
    await migrateClickHouse({ url: engine.url, database: DEFAULT_DATABASE });
    await engine.stop();
    for (const file of [USERS_FILE, READER_FILE]) await rm(join(part, file));
    // Pipes for answers, of the engine that ran.
    await rm(join(part, 'spool'), { recursive: true });
  });
}

/** Copies a migrated, empty store of the embedded Postgres into `dataDir`, in the same way. */
export function copyMigratedPostgres(dataDir: string): Promise<void> {
  return copyOf('postgres', dataDir, async (part) => {
    const postgres = await openPostgres({ dataDir: part });
    await migratePostgres(postgres);
    await postgres.close();
  });
}

async function copyOf(name: string, target: string, make: (path: string) => Promise<void>): Promise<void> {
  const path = await template(name, make);
  if (path !== undefined) await cp(path, target, { recursive: true });
}
