import { describe, expect, it } from 'vitest';
import { readBaseline } from '../testing/baseline.js';
import { openPostgres } from './client.js';
import { migratePostgres, postgresMigrations } from './migrate.js';

/** Number of migrations of the baseline. */
const BASELINE = 3;

describe('a Postgres store of the baseline, upgraded to this version', () => {
  it('keeps the rows of every table', async () => {
    const db = await openPostgres({});
    try {
      const rows = readBaseline('postgres.ndjson');
      await migratePostgres(db, (await postgresMigrations()).slice(0, BASELINE));
      const tables = await db.query<{ name: string }>(
        "SELECT tablename AS name FROM pg_tables WHERE schemaname = 'public' AND tablename <> 'schema_migration' ORDER BY 1",
      );
      expect(
        tables.map(({ name }) => name),
        'the export has rows of every table',
      ).toEqual([...rows.keys()].sort());
      await db.query('DELETE FROM token_epoch');
      for (const [table, its] of rows)
        await db.query(
          `INSERT INTO ${table} OVERRIDING SYSTEM VALUE SELECT * FROM jsonb_populate_recordset(NULL::${table}, $1::jsonb)`,
          [JSON.stringify(its)],
        );
      await migratePostgres(db);
      for (const [table, its] of rows) {
        const columns = Object.keys(its[0] ?? {});
        const now = await db.query<{ row: Record<string, unknown> }>(`SELECT to_jsonb(t) AS row FROM ${table} t`);
        const shown = now.map(({ row }) =>
          JSON.stringify(Object.fromEntries(columns.map((name) => [name, row[name]]))),
        );
        expect(shown.sort(), table).toEqual(
          its.map((row) => JSON.stringify(Object.fromEntries(columns.map((name) => [name, row[name]])))).sort(),
        );
      }
    } finally {
      await db.close();
    }
  });
});
