import { describe, expect, it } from 'vitest';
import { openPostgres } from './client.js';
import { migratePostgres, postgresMigrations } from './migrate.js';

describe('migratePostgres', () => {
  it('applies each migration exactly once', async () => {
    const db = await openPostgres({});
    try {
      const all = (await postgresMigrations()).map((migration) => migration.version);
      expect(await migratePostgres(db)).toEqual(all);
      expect(await migratePostgres(db)).toEqual([]);
    } finally {
      await db.close();
    }
  });

  it('keeps the data of a database of the previous version', async () => {
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
      const all = async (): Promise<unknown[]> =>
        Promise.all(
          ['org', 'repo', 'member', 'token', 'audit_entry'].map((table) => db.query(`SELECT * FROM ${table}`)),
        );
      const before = await all();
      expect(await migratePostgres(db)).toEqual([newest]);
      expect(await all()).toMatchObject(before);
    } finally {
      await db.close();
    }
  });

  it('merges members whose logins differ only in letter case, with the least of their roles', async () => {
    const db = await openPostgres({});
    try {
      const migrations = await postgresMigrations();
      await migratePostgres(
        db,
        migrations.filter(({ version }) => version < 10),
      );
      await db.execute(`
        INSERT INTO org (id, name) VALUES ('org_a', 'A'), ('org_b', 'B');
        INSERT INTO repo (id, org_id, full_name) VALUES ('r', 'org_a', 'acme/app');
        INSERT INTO member (id, org_id, login, role, created_at) VALUES
          ('m1', 'org_a', 'Ann@example.com', 'viewer', '2026-01-01'), ('m2', 'org_a', 'ann@example.com', 'owner', '2026-01-02'), ('m3', 'org_a', 'ANN@EXAMPLE.COM', 'admin', '2026-01-03'),
          ('m4', 'org_a', 'bob', 'owner', '2026-01-04'), ('m5', 'org_b', 'ann@example.com', 'owner', '2026-01-05'), ('m6', 'org_b', 'BOB', 'member', '2026-01-06');
        INSERT INTO token (id, org_id, name, token_hash, scopes, member_id, minters) VALUES
          ('t1', 'org_a', 'n', 'h1', '{read}', 'm1', '{}'), ('t2', 'org_a', 'n', 'h2', '{read}', 'm2', '{m4}'), ('t3', 'org_a', 'n', 'h3', '{read}', NULL, '{m1,m2,m3,gone}'), ('t5', 'org_b', 'n', 'h5', '{read}', 'm5', '{m5}');
        INSERT INTO review_item (id, org_id, repo_id, route, bundle_digest, approval_id, assignee) VALUES ('i1', 'org_a', 'r', 'policy-review', 'd', 'a', 'ann@example.com'), ('i2', 'org_a', 'r', 'invalid', 'd', 'a', 'bob');`);
      expect(await migratePostgres(db)).toContain(10);
      expect(await db.query('SELECT id, login, role FROM member ORDER BY id')).toEqual([
        { id: 'm1', login: 'Ann@example.com', role: 'viewer' },
        { id: 'm4', login: 'bob', role: 'owner' },
        { id: 'm5', login: 'ann@example.com', role: 'owner' },
        { id: 'm6', login: 'BOB', role: 'member' },
      ]);
      const tokens = await db.query<{ id: string; member_id: string | null; minters: string[] }>(
        'SELECT id, member_id, minters FROM token ORDER BY id',
      );
      expect(tokens.map(({ id, member_id: member, minters }) => [id, member, [...minters].sort()])).toEqual([
        ['t1', 'm1', []],
        ['t2', 'm1', ['m4']],
        ['t3', null, ['gone', 'm1']],
        ['t5', 'm5', ['m5']],
      ]);
      expect(await db.query('SELECT id, assignee FROM review_item ORDER BY id')).toEqual([
        { id: 'i1', assignee: 'Ann@example.com' },
        { id: 'i2', assignee: 'bob' },
      ]);
      await expect(
        db.query("INSERT INTO member (id, org_id, login, role) VALUES ('m7', 'org_a', 'aNN@example.com', 'viewer')"),
      ).rejects.toThrow(/member_by_login/);
      expect(
        await db.query(
          "SELECT relname FROM pg_class WHERE relname IN ('member', 'token', 'review_item') AND NOT relforcerowsecurity",
        ),
      ).toEqual([]);
    } finally {
      await db.close();
    }
  });

  it('rolls back a migration that fails half way, which can then be run again', async () => {
    const db = await openPostgres({});
    try {
      const migrations = await postgresMigrations();
      const broken = migrations.map((migration, index) =>
        index === migrations.length - 1 ? { ...migration, sql: `${migration.sql}; SELECT 1 / 0` } : migration,
      );
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
