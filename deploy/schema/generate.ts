import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createClickHouse } from '#schemas/clickhouse/client.js';
import { migrateClickHouse } from '#schemas/clickhouse/migrate.js';
import { SCHEMA_FOLDER, schemaFiles } from '#schemas/clickhouse/schema-files.js';
import { packageRoot } from '#schemas/root.js';
import { startClickHouse } from '../embedded/clickhouse/process.js';

/** `npm run schema:generate`: migrates an empty engine and writes the schema that it then has, one file an object. */
const DATABASE = 'schema_to_generate';
const work = await mkdtemp(join(tmpdir(), 'shieldwatch-schema-'));
const engine = await startClickHouse({ dataDir: join(work, 'data'), port: 0 });
try {
  await migrateClickHouse({ url: engine.url, database: DATABASE });
  const client = createClickHouse({ url: engine.url, database: DATABASE });
  const files = await schemaFiles(client, DATABASE);
  await client.close();
  const folder = join(packageRoot(), SCHEMA_FOLDER);
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { recursive: true });
  for (const [name, text] of files) await writeFile(join(folder, name), text);
  process.stdout.write(`${SCHEMA_FOLDER}: ${files.size} files\n`);
} finally {
  await engine.stop();
  await rm(work, { recursive: true, force: true });
}
