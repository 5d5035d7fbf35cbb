import { createReadStream, existsSync } from 'node:fs';
import { copyFile, link, lstat, mkdir, readdir, readFile, rename, rm, rmdir } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { MIGRATIONS_TABLE, type AppliedMigration } from '#schemas/migrations.js';
import { CommandError } from '#schemas/errors.js';
import { appliedOf, readExport } from '#schemas/postgres/rows.js';
import { appliedMigrations, clockOf, takeSnapshot } from './clickhouse.js';
import { FORMAT, pathOf, type BackupFile, type Manifest } from './format.js';
import { hashOf, openBackup, syncFolder, writeBackupFile, writeManifest, type BackupFolder } from './folder.js';
import { openSource, type SourceStores } from './stores.js';

/** Secrets of a data folder: the audit trail's signing key, the key of pseudonyms, the passwords of ClickHouse's users. */
export const SECRET_FILES = ['audit-key.pem', 'pseudonym.key', 'secrets.key', 'clickhouse/users.json'] as const;

/** What a backup is made of and into. */
export interface BackupSettings {
  /** Folder that is made. */
  path: string;
  dataDir: string;
  product: string;
  /** Encrypts the files. */
  key: Buffer | undefined;
  withKeys: boolean;
  /** An earlier backup: of a partition that has not changed since, its file is linked instead of written. */
  incrementalFrom: string | undefined;
  onProgress: (line: string) => void;
}

/**
 * Backs up both stores of a running deployment. The folder appears under its name when it is complete.
 *
 * Postgres comes first: what its outbox still holds may reach ClickHouse twice, and events deduplicate.
 */
export async function makeBackup(settings: BackupSettings): Promise<Manifest> {
  const { path, key, onProgress } = settings;
  if (settings.withKeys && key === undefined)
    throw new CommandError('--with-keys: keys are never written unencrypted; add --key-file');
  if (existsSync(path)) throw new CommandError(`${path} exists; a backup makes a folder of its own`);
  const base = await openBase(settings);
  const partial: BackupFolder = { path: `${path}.partial`, key };
  await removeUnfinished(partial.path);
  const stores = await openSource(settings.dataDir);
  try {
    await mkdir(partial.path, { recursive: true, mode: 0o700 });
    const files: BackupFile[] = [];
    const startedAt = (await clockOf(stores.clickhouse)).toISOString();
    // Heads before the trail: it never ends before a published head.
    files.push(...(await backUpFolder(settings, partial)));
    const postgres = await backUpPostgres(stores, partial, files, onProgress);
    const columns = await backUpClickHouse(stores, partial, base, files, onProgress);
    const manifest: Manifest = {
      format: FORMAT,
      product: settings.product,
      startedAt,
      finishedAt: (await clockOf(stores.clickhouse)).toISOString(),
      migrations: { clickhouse: await appliedMigrations(stores.clickhouse), postgres: postgres.migrations },
      columns,
      orgs: postgres.orgs,
      files,
    };
    for (const folder of await readdir(partial.path)) await syncFolder(join(partial.path, folder));
    await writeManifest(partial, manifest);
    await syncFolder(partial.path);
    await rename(partial.path, path);
    await syncFolder(dirname(path));
    return manifest;
  } catch (error) {
    await rm(partial.path, { recursive: true, force: true });
    throw error;
  } finally {
    await stores.close();
  }
}

/** Removes what a backup that was killed has left. */
async function removeUnfinished(path: string): Promise<void> {
  if (!existsSync(path)) return;
  const foreign = (await readdir(path)).filter(
    (name) => !/^(clickhouse|postgres|folder|manifest\.json(\.sealed)?)$/.test(name),
  );
  if (foreign.length > 0) throw new CommandError(`${path} holds files that no backup wrote; move it away`);
  await rm(path, { recursive: true });
}

interface Base {
  readonly folder: BackupFolder;
  readonly files: ReadonlyMap<string, BackupFile>;
  readonly columns: Manifest['columns'];
}

async function openBase({ incrementalFrom, key }: BackupSettings): Promise<Base | undefined> {
  if (incrementalFrom === undefined) return undefined;
  const { folder, manifest } = await openBackup(incrementalFrom, key);
  return {
    folder,
    files: new Map(manifest.files.map((file) => [`${pathOf(file)} ${file.content ?? ''}`, file])),
    columns: manifest.columns,
  };
}

async function backUpFolder({ dataDir, withKeys }: BackupSettings, folder: BackupFolder): Promise<BackupFile[]> {
  const files: BackupFile[] = [];
  const add = async (table: string, source: AsyncIterable<Buffer>): Promise<void> => {
    const place = { store: 'folder', table, partition: 'all' } as const;
    files.push({ ...place, rows: 0, ...(await writeBackupFile(folder, place, source)) });
  };
  for (const [table, name] of [
    ['audit-key-pub', 'audit-key.pub.pem'],
    ['audit-heads', 'audit-heads.ndjson'],
  ] as const)
    if (existsSync(join(dataDir, name))) await add(table, createReadStream(join(dataDir, name)));
  if (withKeys) {
    const secrets: Record<string, string> = {};
    for (const name of SECRET_FILES)
      if (existsSync(join(dataDir, name))) secrets[name] = (await readFile(join(dataDir, name))).toString('base64');
    await add('keys', only(Buffer.from(JSON.stringify(secrets))));
  }
  return files;
}

async function* only(bytes: Buffer): AsyncGenerator<Buffer> {
  yield await Promise.resolve(bytes);
}

async function backUpPostgres(
  stores: SourceStores,
  folder: BackupFolder,
  files: BackupFile[],
  onProgress: (line: string) => void,
): Promise<{ migrations: AppliedMigration[]; orgs: Manifest['orgs'] }> {
  const orgs = new Map<string, Manifest['orgs'][number]>();
  let migrations: AppliedMigration[] = [];
  for await (const { table, rows } of readExport(await stores.exportPostgres())) {
    if (table === MIGRATIONS_TABLE) {
      const all: string[] = [];
      for await (const row of rows) all.push(row);
      migrations = appliedOf(all);
      continue;
    }
    let count = 0;
    const place = { store: 'postgres', table, partition: 'all' } as const;
    const written = await writeBackupFile(
      folder,
      place,
      (async function* () {
        for await (const row of rows) {
          count += 1;
          if (table === 'org' || table === 'audit_entry') note(orgs, table, row);
          yield `${row}\n`;
        }
      })(),
    );
    files.push({ ...place, rows: count, ...written });
    onProgress(`postgres ${table}: ${count} rows`);
  }
  return { migrations, orgs: [...orgs.values()] };
}

/** Notes an organisation, or the end of its audit trail. `org` comes before `audit_entry`, which refers to it. */
function note(orgs: Map<string, Manifest['orgs'][number]>, table: 'org' | 'audit_entry', row: string): void {
  const value = JSON.parse(row) as Record<string, unknown>;
  if (table === 'org') {
    const id = String(value['id']);
    orgs.set(id, { id, isDeleted: value['deleted_at'] !== null, seq: 0, head: '' });
    return;
  }
  const org = orgs.get(String(value['org_id']));
  const seq = Number(value['seq']);
  if (org !== undefined && org.seq < seq) orgs.set(org.id, { ...org, seq, head: String(value['hash']) });
}

async function backUpClickHouse(
  stores: SourceStores,
  folder: BackupFolder,
  base: Base | undefined,
  files: BackupFile[],
  onProgress: (line: string) => void,
): Promise<Manifest['columns']> {
  const snapshot = await takeSnapshot(stores.clickhouse, stores.database);
  try {
    const columns: Manifest['columns'] = Object.fromEntries(
      [...snapshot.columns].map(([table, list]) => [table, [...list]]),
    );
    for (const [done, partition] of snapshot.partitions.entries()) {
      const { table, rows, content } = partition;
      const place = { store: 'clickhouse', table, partition: partition.partition } as const;
      const known = base?.files.get(`${pathOf(place)} ${content}`);
      const isSame =
        base !== undefined &&
        known !== undefined &&
        known.rows === rows &&
        String(base.columns[table]) === String(columns[table]) &&
        (await linkFile(base.folder, known, folder));
      const file = isSame
        ? known
        : {
            ...place,
            rows,
            ...(await writeBackupFile(folder, place, checked(await snapshot.read(partition), pathOf(place)))),
            content,
          };
      files.push(file);
      onProgress(
        `clickhouse ${done + 1} of ${snapshot.partitions.length}: ${table} ${partition.partition}: ${rows} rows${isSame ? ', unchanged' : ''}`,
      );
    }
    return columns;
  } finally {
    await snapshot.remove();
  }
}

/** Ends of an answer in which a server reports an error after it has begun to answer. */
const EXCEPTION = /__exception__\r?\n?$|^Code: \d+\. DB::Exception/m;

/** Passes an answer on; throws where it ends with an error of the server. */
async function* checked(source: AsyncIterable<Buffer>, name: string): AsyncGenerator<Buffer> {
  let tail = Buffer.alloc(0);
  for await (const chunk of source) {
    tail = Buffer.concat([tail, chunk]).subarray(-100);
    yield chunk;
  }
  if (EXCEPTION.test(tail.toString('latin1'))) throw new CommandError(`${name}: the store stopped in the middle of it`);
}

/** Links a file of an earlier backup, or copies it where the file system has no links; false if it is not intact. */
async function linkFile(from: BackupFolder, file: BackupFile, to: BackupFolder): Promise<boolean> {
  const name = pathOf(file);
  const source = join(from.path, name);
  try {
    if (!(await lstat(source)).isFile() || (await hashOf(source)) !== file.sha256) return false;
  } catch {
    return false;
  }
  await mkdir(dirname(join(to.path, name)), { recursive: true, mode: 0o700 });
  await link(source, join(to.path, name)).catch(() => copyFile(source, join(to.path, name)));
  return true;
}

/**
 * Removes the oldest backups beside `path` beyond the `keep` newest. Only complete ones of the same key count, and only their
 * own files are removed; unchanged files stay with the backups that also hold them.
 *
 * @returns the removed folders.
 */
export async function removeOld(path: string, keep: number, key: Buffer | undefined): Promise<string[]> {
  const parent = dirname(path);
  const found: { folder: BackupFolder; manifest: Manifest }[] = [];
  for (const entry of await readdir(parent, { withFileTypes: true })) {
    if (!entry.isDirectory() || entry.name.endsWith('.partial')) continue;
    const backup = await openBackup(join(parent, entry.name), key, { asIs: true }).catch(() => undefined);
    if (backup !== undefined) found.push(backup);
  }
  found.sort((a, b) => (a.manifest.startedAt < b.manifest.startedAt ? 1 : -1));
  const removed: string[] = [];
  for (const { folder, manifest } of found.slice(keep)) {
    if (basename(folder.path) === basename(path)) continue;
    // Without its manifest it is no backup from now on.
    for (const name of ['manifest.json', 'manifest.json.sealed']) await rm(join(folder.path, name), { force: true });
    for (const file of manifest.files) await rm(join(folder.path, pathOf(file)), { force: true });
    for (const name of ['clickhouse', 'postgres', 'folder', '.'])
      await rmdir(join(folder.path, name)).catch(() => undefined);
    removed.push(folder.path);
  }
  return removed;
}
