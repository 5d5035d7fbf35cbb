import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, inject, it } from 'vitest';
import { packageRoot } from '../root.js';
import { SCHEMA_FOLDER, schemaFiles } from './schema-files.js';
import { freshDatabase } from '../testing/clickhouse.js';

it('schemas/clickhouse/schema is what the migrations make: run `npm run schema:generate`', async () => {
  const db = await freshDatabase(inject('clickhouseUrl'));
  const folder = join(packageRoot(), SCHEMA_FOLDER);
  const committed = Object.fromEntries(
    readdirSync(folder).map((file) => [file, readFileSync(join(folder, file), 'utf8')]),
  );
  expect(committed).toEqual(Object.fromEntries(await schemaFiles(db.client, db.database)));
  await db.drop();
});
