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
