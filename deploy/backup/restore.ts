import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile, rename, rm, rmdir, statfs, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { createRollupWorker } from '#rollups/worker.js';
import { migrateClickHouse } from '#schemas/clickhouse/migrate.js';
import { CommandError } from '#schemas/errors.js';
import { migratePostgres } from '#schemas/postgres/migrate.js';
import { importPostgres, type PostgresImport } from '#schemas/postgres/rows.js';
import { SECRET_FILES } from './backup.js';
import { importClickHouse, replayFacts } from './clickhouse.js';
import { openBackup, readBackupFile, syncFolder, type BackupFolder } from './folder.js';
import { pathOf, type Manifest } from './format.js';
import { openFolderStores, type FolderStores } from './stores.js';
import { migrationsOf } from './versions.js';

/** Rows of Postgres that are inserted at once. */
const INSERT_ROWS = 500;
/** Free bytes that a restore leaves. */
const RESERVE_BYTES = 512 * 2 ** 20;

/** States in an unfinished data folder that a restore made it, so that the next one may remove it. */
const MARKER = 'restore-in-progress';

export interface RestoreSettings {
  path: string;
  key: Buffer | undefined;
  /** Data folder to make: missing, or empty. */
  dataDir: string;
  /** Folder with the secrets of the old data folder, if the backup holds none. */
  keysFrom: string | undefined;
  onProgress: (line: string) => void;
  /** Called with the new folder before its stores are made, so that a test can put migrated ones there. */
  prepare?: ((dataDir: string) => Promise<void>) | undefined;
  /** Called with the restored stores, before the folder is in its place. */
  inspect?: (stores: FolderStores, folder: BackupFolder, manifest: Manifest) => Promise<void>;
}

/** What a restore did. */
export interface Restored {
  readonly manifest: Manifest;
  readonly rows: number;
  /** Secrets that the new data folder lacks. */
  readonly missingSecrets: readonly string[];
}

/**
 * Restores a backup into a new data folder, which appears under its name when everything is in it.
 *
 * @throws CommandError when the folder is not empty, a newer version made the backup, or a file is not what the manifest states.
 */
export async function restoreBackup(settings: RestoreSettings): Promise<Restored> {
  const { path, key, dataDir, onProgress } = settings;
  const { folder, manifest } = await openBackup(path, key);
  const at = await migrationsOf(manifest);
  if (Date.now() < Date.parse(manifest.startedAt))
    throw new CommandError(
      'the backup is from the future; set the clock of this machine: series have versions by the clock',
    );
  if (existsSync(dataDir) && (await readdir(dataDir)).length > 0)
    throw new CommandError(`${dataDir} is not empty; a restore makes a new data folder`);
  const partial = `${dataDir}.partial`;
  await removeUnfinished(partial);
  await mkdir(partial, { recursive: true, mode: 0o700 });
  await checkSpace(partial, manifest);
  await writeFile(join(partial, MARKER), '', { mode: 0o600 });
  try {
    await settings.prepare?.(partial);
    const stores = await openFolderStores(partial, async ({ clickhouseUrl, postgres }) => {
      await migrateClickHouse({ url: clickhouseUrl }, at.clickhouse);
      await migratePostgres(postgres, at.postgres);
    });
    let rows = 0;
    try {
      rows += await fillPostgres(stores, folder, manifest, onProgress);
      rows += await fillClickHouse(stores, folder, manifest, onProgress);
      await migratePostgres(stores.postgres);
      await migrateClickHouse({ url: stores.clickhouseUrl });
      onProgress('computing the series of what arrived while the backup was made');
      await replayFacts(stores.clickhouse, manifest.startedAt);
      await createRollupWorker({ clickhouse: stores.clickhouse }).tick();
      await settings.inspect?.(stores, folder, manifest);
    } finally {
      await stores.close();
    }
    const missingSecrets = await restoreFolder(settings, folder, manifest, partial);
    await rm(join(partial, MARKER));
    if (existsSync(dataDir)) await rmdir(dataDir);
    await rename(partial, dataDir);
    await syncFolder(dirname(dataDir));
    return { manifest, rows, missingSecrets };
  } catch (error) {
    await rm(partial, { recursive: true, force: true });
    throw error;
  }
}

/** Removes what a restore that was killed has left. */
async function removeUnfinished(partial: string): Promise<void> {
  if (!existsSync(partial)) return;
  if (!existsSync(join(partial, MARKER)) && (await readdir(partial)).length > 0)
    throw new CommandError(`${partial} holds files that no restore wrote; move it away`);
  // An engine whose parent was killed may still be ending.
  await rm(partial, { recursive: true, maxRetries: 20, retryDelay: 250 });
}

async function checkSpace(folder: string, { files }: Manifest): Promise<void> {
  const { bavail, bsize } = await statfs(folder);
  // Stored again in about the same size, and one file at a time decompressed on its way into the store.
  const needed =
    files.reduce((sum, { bytes }) => sum + bytes, 0) * 2 +
    files.reduce((most, { rawBytes }) => Math.max(most, rawBytes), 0) +
    RESERVE_BYTES;
  const free = bavail * bsize;
  if (free < needed)
    throw new CommandError(
      `the disk of ${folder} has ${Math.floor(free / 2 ** 20)} MiB free, and the restore may need ${Math.ceil(needed / 2 ** 20)} MiB`,
    );
}

async function fillPostgres(
  stores: FolderStores,
  folder: BackupFolder,
  manifest: Manifest,
  onProgress: (line: string) => void,
): Promise<number> {
  const files = new Map(manifest.files.filter(({ store }) => store === 'postgres').map((file) => [file.table, file]));
  let total = 0;
  await importPostgres(stores.postgres, async (target) => {
    for (const table of files.keys())
      if (!target.tables.includes(table)) throw new CommandError(`postgres: this schema has no table ${table}`);
    for (const table of target.tables) {
      const file = files.get(table);
      if (file === undefined) throw new CommandError(`postgres/${table}: missing in the backup`);
      const rows = await readBackupFile(folder, file, (content) => insertLines(target, table, content));
      if (rows !== file.rows)
        throw new CommandError(`${pathOf(file)}: ${rows} rows, and the manifest states ${file.rows}`);
      total += rows;
      onProgress(`postgres ${table}: ${rows} rows`);
    }
  });
  return total;
}

async function insertLines(target: PostgresImport, table: string, content: Readable): Promise<number> {
  let rows = 0;
  let batch: string[] = [];
  const flush = async (): Promise<void> => {
    if (batch.length > 0) await target.insert(table, batch);
    rows += batch.length;
    batch = [];
  };
  for await (const line of createInterface({ input: content, crlfDelay: Infinity })) {
    batch.push(line);
    if (batch.length >= INSERT_ROWS) await flush();
  }
  await flush();
  return rows;
}

async function fillClickHouse(
  stores: FolderStores,
  folder: BackupFolder,
  manifest: Manifest,
  onProgress: (line: string) => void,
): Promise<number> {
  const target = await importClickHouse(stores.clickhouse, stores.database);
  const files = manifest.files.filter(({ store }) => store === 'clickhouse');
  let total = 0;
  for (const table of new Set(files.map((file) => file.table))) {
    let expected = 0;
    for (const file of files.filter((each) => each.table === table)) {
      expected += file.rows;
      const rows = await readBackupFile(folder, file, (content) =>
        target.insert(table, manifest.columns[table] ?? [], content),
      );
      if (rows !== expected)
        throw new CommandError(`${pathOf(file)}: the store has ${rows} rows after it, expected ${expected}`);
    }
    await target.finish(table);
    total += expected;
    onProgress(`clickhouse ${table}: ${expected} rows`);
  }
  await target.end();
  return total;
}

const secretsFile = (name: string): name is (typeof SECRET_FILES)[number] =>
  (SECRET_FILES as readonly string[]).includes(name);

async function restoreFolder(
  { keysFrom }: RestoreSettings,
  folder: BackupFolder,
  manifest: Manifest,
  dataDir: string,
): Promise<string[]> {
  const read = async (table: string): Promise<Buffer | undefined> => {
    const file = manifest.files.find((each) => each.store === 'folder' && each.table === table);
    return file === undefined ? undefined : readBackupFile(folder, file, buffer);
  };
  const write = async (name: string, bytes: Buffer | undefined): Promise<void> => {
    if (bytes !== undefined) await writeFile(join(dataDir, name), bytes, { mode: 0o600 });
  };
  await write('audit-key.pub.pem', await read('audit-key-pub'));
  await write('audit-heads.ndjson', await read('audit-heads'));
  const stored = await read('keys');
  const secrets = stored === undefined ? {} : (JSON.parse(stored.toString('utf8')) as Record<string, string>);
  for (const [name, base64] of Object.entries(secrets))
    if (secretsFile(name)) await write(name, Buffer.from(base64, 'base64'));
  if (keysFrom !== undefined)
    for (const name of SECRET_FILES)
      if (existsSync(join(keysFrom, name))) await write(name, await readFile(join(keysFrom, name)));
  // The passwords are made again by a start; the others are not.
  return SECRET_FILES.filter((name) => name !== 'clickhouse/users.json' && !existsSync(join(dataDir, name)));
}
