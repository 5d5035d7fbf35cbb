import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { RetiredStoreError } from '../migrations.js';
import { openPostgres, type Postgres } from './client.js';
import { migratePostgres, postgresMigrations } from './migrate.js';

describe('migratePostgres', () => {
  let db: Postgres;
  beforeAll(async () => {
    db = await openPostgres({});
  });
  beforeEach(() => db.execute('DROP SCHEMA public CASCADE; CREATE SCHEMA public;'));
  afterAll(() => db.close());

  it('applies each migration exactly once', async () => {
    const all = (await postgresMigrations()).map((migration) => migration.version);
    expect(await migratePostgres(db)).toEqual(all);
    expect(await migratePostgres(db)).toEqual([]);
  });

  it('refuses a second member whose login differs in letter case alone', async () => {
    await migratePostgres(db);
    await db.execute(`
      INSERT INTO org (id, name) VALUES ('org_a', 'A'), ('org_b', 'B');
      INSERT INTO member (id, org_id, login, role) VALUES ('m1', 'org_a', 'Ann@example.com', 'viewer'), ('m2', 'org_b', 'ann@example.com', 'owner');`);
    await expect(
      db.query("INSERT INTO member (id, org_id, login, role) VALUES ('m3', 'org_a', 'aNN@example.com', 'viewer')"),
    ).rejects.toThrow(/member_by_login/);
  });

  it('refuses a database of the chain before the baseline, and changes nothing in it', async () => {
    await migratePostgres(db, []);
    await db.query(
      "INSERT INTO schema_migration (version, name, checksum) VALUES (1, 'create_tenancy', 'c'), (12, 'add_baseline_event', 'c')",
    );
    await expect(migratePostgres(db)).rejects.toThrow(new RetiredStoreError('Postgres'));
    expect(await db.query("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")).toEqual([
      { tablename: 'schema_migration' },
    ]);
  });

  it('rolls back a migration that fails half way, which can then be run again', async () => {
    const migrations = await postgresMigrations();
    const broken = migrations.map((migration, index) =>
      index === migrations.length - 1 ? { ...migration, sql: `${migration.sql}; SELECT 1 / 0` } : migration,
    );
    await expect(migratePostgres(db, broken)).rejects.toThrow(/division by zero/);
    expect(await db.query("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")).toEqual([]);
    expect(await migratePostgres(db)).toHaveLength(migrations.length);
  });

  it('refuses a database of a newer version and an edited migration', async () => {
    const migrations = await postgresMigrations();
    await migratePostgres(db, migrations);
    await expect(migratePostgres(db, migrations.slice(0, -1))).rejects.toThrow(/written by a newer Shieldwatch/);
    const edited = migrations.map((migration) => ({ ...migration, checksum: 'edited' }));
    await expect(migratePostgres(db, edited)).rejects.toThrow(/append-only/);
  });
});
