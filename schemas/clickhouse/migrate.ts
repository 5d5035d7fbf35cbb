import { join } from 'node:path';
import {
  MIGRATIONS_TABLE,
  pendingMigrations,
  readMigrations,
  type AppliedMigration,
  type Migration,
} from '../migrations.js';
import { packageRoot } from '../root.js';
import { createClickHouse, DEFAULT_DATABASE, selectRows, type ClickHouseConfig } from './client.js';

/** Migration 1 of the chain that the baseline replaced. */
const RETIRED_FIRST = 'create_landing';

/** Reads the migrations of this version. */
export function clickhouseMigrations(): Promise<Migration[]> {
  return readMigrations(join(packageRoot(), 'schemas/clickhouse/migrations'));
}

/**
 * Splits a migration into statements, because ClickHouse's HTTP interface takes one per request. A statement ends with
 * a `;` at the end of a line.
 */
function splitStatements(sql: string): string[] {
  return sql
    .split(/;[ \t]*$/m)
    .map((statement) => statement.replace(/^\s*--.*$/gm, '').trim())
    .filter((statement) => statement !== '');
}

/** Timeout of one statement in milliseconds. */
const STATEMENT_TIMEOUT_MS = 630_000;

/**
 * Migrates the database to the newest schema. Statements are idempotent, and a migration is recorded after its last
 * one, so an interrupted run can be repeated.
 *
 * @returns the applied versions; empty when the schema was up to date.
 * @throws RetiredStoreError when the database was made before the baseline.
 * @throws CommandError when the database was written by a newer version, or an applied migration was edited.
 */
export async function migrateClickHouse(
  config: ClickHouseConfig,
  migrations?: readonly Migration[],
): Promise<number[]> {
  const wanted = migrations ?? (await clickhouseMigrations());
  const database = config.database ?? DEFAULT_DATABASE;
  const bootstrap = createClickHouse({ ...config, database: 'default' });
  try {
    await bootstrap.command({
      query: 'CREATE DATABASE IF NOT EXISTS {database:Identifier}',
      query_params: { database },
    });
  } finally {
    await bootstrap.close();
  }
  // A migration may copy a table.
  const client = createClickHouse({ requestTimeoutMs: STATEMENT_TIMEOUT_MS, ...config, database });
  try {
    await client.command({
      query: `CREATE TABLE IF NOT EXISTS ${MIGRATIONS_TABLE}
        (version UInt32, name String, checksum String, applied_at DateTime64(3, 'UTC') DEFAULT now64(3))
        ENGINE = ReplacingMergeTree ORDER BY version`,
    });
    const applied = await selectRows<AppliedMigration>(
      client,
      `SELECT version, name, checksum FROM ${MIGRATIONS_TABLE} FINAL ORDER BY version`,
    );
    const pending = pendingMigrations('ClickHouse', RETIRED_FIRST, wanted, applied);
    for (const migration of pending) {
      for (const query of splitStatements(migration.sql)) await client.command({ query });
      await client.insert({
        table: MIGRATIONS_TABLE,
        values: [{ version: migration.version, name: migration.name, checksum: migration.checksum }],
        columns: ['version', 'name', 'checksum'],
        format: 'JSONEachRow',
      });
    }
    return pending.map((migration) => migration.version);
  } finally {
    await client.close();
  }
}
