import { describe, expect, it } from 'vitest';
import { openPostgres } from './client.js';
import { migratePostgres, postgresMigrations } from './migrate.js';

describe('migratePostgres', () => {
  it('applies each migration once and then nothing', async () => {
    const db = await openPostgres({});
    try {
      const all = (await postgresMigrations()).map((migration) => migration.version);
      expect(await migratePostgres(db)).toEqual(all);
      expect(await migratePostgres(db)).toEqual([]);
    } finally {
      await db.close();
    }
  });

  it('keeps what a database of the version before holds', async () => {
    const db = await openPostgres({});
    try {
      const migrations = await postgresMigrations();
      const newest = migrations.at(-1)?.version ?? 0;
      await migratePostgres(db, migrations.slice(0, -1));
      await db.execute(`
        INSERT INTO org (id, name) VALUES ('org_a', 'A');
        INSERT INTO repo (id, org_id, full_name) VALUES ('r', 'org_a', 'acme/app');
        INSERT INTO member (id, org_id, login, role) VALUES ('m', 'org_a', 'ann', 'owner');
        INSERT INTO token (id, org_id, name, token_hash, scopes, member_id) VALUES ('t', 'org_a', 'n', 'h', '{read}', 'm');
        INSERT INTO audit_entry (org_id, seq, record, previous_hash, hash, signature) VALUES ('org_a', 1, '{}', '', 'h', 's');`);
      const all = async (): Promise<unknown[]> => Promise.all(['org', 'repo', 'member', 'token', 'audit_entry'].map((table) => db.query(`SELECT * FROM ${table}`)));
      const before = await all();
      expect(await migratePostgres(db)).toEqual([newest]);
      expect(await all()).toMatchObject(before);
    } finally {
      await db.close();
    }
  });

  it('that fails half way leaves nothing of itself, and can be run again', async () => {
    const db = await openPostgres({});
    try {
      const migrations = await postgresMigrations();
      const broken = migrations.map((migration, index) => (index === migrations.length - 1 ? { ...migration, sql: `${migration.sql}; SELECT 1 / 0` } : migration));
      await expect(migratePostgres(db, broken)).rejects.toThrow(/division by zero/);
      expect(await db.query("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")).toEqual([]);
      expect(await migratePostgres(db)).toHaveLength(migrations.length);
    } finally {
      await db.close();
    }
  });

  it('refuses a database of a newer version and an edited migration', async () => {
    const db = await openPostgres({});
    try {
      const migrations = await postgresMigrations();
      await migratePostgres(db, migrations);
      await expect(migratePostgres(db, migrations.slice(0, -1))).rejects.toThrow(/written by a newer Shieldwatch/);
      const edited = migrations.map((migration) => ({ ...migration, checksum: 'edited' }));
      await expect(migratePostgres(db, edited)).rejects.toThrow(/append-only/);
    } finally {
      await db.close();
    }
  });
});
