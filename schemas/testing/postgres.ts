import { readFile, writeFile } from 'node:fs/promises';
import { PGlite } from '@electric-sql/pglite';
import { embeddedPostgres, openPostgres, type Postgres } from '../postgres/client.js';
import { migratePostgres } from '../postgres/migrate.js';
import { template } from './templates.js';

/** A migrated Postgres of its own, in memory. A test run migrates one, of which each is a copy. */
export async function freshPostgres(): Promise<Postgres> {
  const path = await template('postgres.tar', async (part) => {
    const db = await PGlite.create();
    await migratePostgres(embeddedPostgres(db));
    const dump = await db.dumpDataDir('none');
    await db.close();
    await writeFile(part, Buffer.from(await dump.arrayBuffer()));
  });
  if (path === undefined) {
    const postgres = await openPostgres({});
    await migratePostgres(postgres);
    return postgres;
  }
  return embeddedPostgres(await PGlite.create({ loadDataDir: new Blob([await readFile(path)]) }));
}
