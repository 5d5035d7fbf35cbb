import { createHash } from 'node:crypto';
import { constants, createReadStream, createWriteStream } from 'node:fs';
import { chmod, lstat, mkdir, open, readdir, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { PassThrough, pipeline as connect, Readable, Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGunzip, createGzip } from 'node:zlib';
import { CommandError } from '#schemas/errors.js';
import { MAX_MANIFEST_BYTES, parseManifest, pathOf, type BackupFile, type Manifest } from './format.js';
import { seal, unseal } from './seal.js';

/** Name of the manifest; with `.sealed` where it is encrypted. */
const MANIFEST = 'manifest.json';
const SEALED = 'manifest.json.sealed';

/** gzip's level: the files are columns, which compress well at once. */
const LEVEL = 3;

/** A backup's folder, and the key where it is encrypted. */
export interface BackupFolder {
  readonly path: string;
  readonly key: Buffer | undefined;
}

const codeOf = (error: unknown): string => (error as NodeJS.ErrnoException).code ?? 'error';

/** Counts bytes, hashes them on request, and refuses more than `most`. */
function meter(
  name: string,
  most: number,
  withHash: boolean,
): { stream: Transform; bytes: () => number; sha256: () => string } {
  let bytes = 0;
  const hash = createHash('sha256');
  const stream = new Transform({
    transform(chunk: Buffer, _, done) {
      bytes += chunk.length;
      if (bytes > most) {
        done(new CommandError(`${name}: larger than the manifest states`));
        return;
      }
      if (withHash) hash.update(chunk);
      done(null, chunk);
    },
  });
  return { stream, bytes: () => bytes, sha256: () => hash.digest('hex') };
}

/** Writes a file of a backup: compressed, encrypted if the folder has a key, and flushed to disk. */
export async function writeBackupFile(
  { path, key }: BackupFolder,
  place: Pick<BackupFile, 'store' | 'table' | 'partition'>,
  source: Readable | AsyncIterable<Buffer | string>,
): Promise<Pick<BackupFile, 'rawBytes' | 'bytes' | 'sha256'>> {
  const name = pathOf(place);
  const raw = meter(name, Infinity, false);
  const stored = meter(name, Infinity, true);
  await mkdir(dirname(join(path, name)), { recursive: true, mode: 0o700 });
  await pipeline([
    Readable.from(source),
    raw.stream,
    createGzip({ level: LEVEL }),
    ...(key === undefined ? [] : [seal(key, name)]),
    stored.stream,
    createWriteStream(join(path, name), { flags: 'wx', mode: 0o600, flush: true }),
  ]);
  return { rawBytes: raw.bytes(), bytes: stored.bytes(), sha256: stored.sha256() };
}

/**
 * Passes the content of a file to `use`, and checks it on the way: a regular file of the stated size and SHA-256, which
 * decrypts and decompresses to the stated size. What `use` did counts only once this has resolved.
 *
 * @throws CommandError that names the file and what is wrong with it.
 */
export async function readBackupFile<T>(
  { path, key }: BackupFolder,
  file: BackupFile,
  use: (content: Readable) => Promise<T>,
): Promise<T> {
  const name = pathOf(file);
  await checkRegular(path, name, file.bytes);
  const stored = meter(name, file.bytes, true);
  const raw = meter(name, file.rawBytes, false);
  const content = new PassThrough();
  let failure: Error | undefined;
  const read = new Promise<void>((resolve) => {
    connect(
      [
        createReadStream(join(path, name), { flags: constants.O_RDONLY | constants.O_NOFOLLOW } as never),
        stored.stream,
        ...(key === undefined ? [] : [unseal(key, name)]),
        createGunzip(),
        raw.stream,
        content,
      ],
      (error) => {
        failure = error ?? undefined;
        resolve();
      },
    );
  });
  const used = await use(content).then(
    (value) => ({ value }),
    (error: unknown) => {
      content.destroy();
      return { error };
    },
  );
  await read;
  if (failure instanceof CommandError) throw failure;
  // Of a file that is not what was written, the checksum says more than the place at which reading it failed.
  if ('error' in used && !(failure !== undefined && isDamage(failure))) throw used.error as Error;
  const sha256 = failure === undefined ? stored.sha256() : await hashOf(join(path, name));
  if (sha256 !== file.sha256) throw new CommandError(`${name}: its SHA-256 is not that of the manifest`);
  if (failure !== undefined) throw new CommandError(`${name}: cannot be decompressed`);
  if (raw.bytes() !== file.rawBytes) throw new CommandError(`${name}: smaller than the manifest states`);
  return (used as { value: T }).value;
}

/** Streams the content of a file without checking more than decryption does; see {@link readBackupFile}. */
export function contentOf({ path, key }: BackupFolder, file: BackupFile): Readable {
  const name = pathOf(file);
  const content = new PassThrough();
  connect(
    [createReadStream(join(path, name)), ...(key === undefined ? [] : [unseal(key, name)]), createGunzip(), content],
    () => undefined,
  );
  return content;
}

const isDamage = (error: Error): boolean => codeOf(error).startsWith('Z_');

/** Returns the SHA-256 of a file, in hexadecimal digits. */
export async function hashOf(path: string): Promise<string> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(path), hash);
  return hash.digest('hex');
}

async function checkRegular(folder: string, name: string, bytes: number): Promise<void> {
  const parent = await lstat(join(folder, dirname(name))).catch(() => undefined);
  const stats = await lstat(join(folder, name)).catch(() => undefined);
  if (parent === undefined || stats === undefined) throw new CommandError(`${name}: missing`);
  if (!parent.isDirectory() || !stats.isFile()) throw new CommandError(`${name}: not a regular file`);
  if (stats.size !== bytes)
    throw new CommandError(`${name}: ${stats.size} bytes, and the manifest states ${bytes}: cut off, or another file`);
}

/** Writes the manifest, which makes a folder a backup. */
export async function writeManifest({ path, key }: BackupFolder, manifest: Manifest): Promise<void> {
  const name = key === undefined ? MANIFEST : SEALED;
  await pipeline([
    [Buffer.from(JSON.stringify(manifest))],
    ...(key === undefined ? [] : [seal(key, SEALED)]),
    createWriteStream(join(path, name), { flags: 'wx', mode: 0o600, flush: true }),
  ] as unknown as [NodeJS.ReadableStream, NodeJS.WritableStream]);
}

/**
 * Opens a backup that somebody else may have written or changed. Other users lose their access to the folder, unless `asIs`.
 *
 * @throws CommandError when it is no backup, needs a key or has none, or another user could have written to it.
 */
export async function openBackup(
  path: string,
  key: Buffer | undefined,
  { asIs = false } = {},
): Promise<{ folder: BackupFolder; manifest: Manifest }> {
  if (!asIs) await makePrivate(path);
  const [isPlain, isSealed] = await Promise.all([isThere(join(path, MANIFEST)), isThere(join(path, SEALED))]);
  if (!isPlain && !isSealed)
    throw new CommandError(`${path} is not a backup: it has no ${MANIFEST}. One that was interrupted has none`);
  if (isPlain && isSealed) throw new CommandError(`${path} has two manifests, one encrypted and one not`);
  if (isSealed && key === undefined) throw new CommandError(`${path} is encrypted; name its key with --key-file`);
  if (isPlain && key !== undefined)
    throw new CommandError(`${path} is not encrypted; leave out --key-file if that is what you expect`);
  const name = isSealed ? SEALED : MANIFEST;
  const stats = await lstat(join(path, name));
  if (!stats.isFile()) throw new CommandError(`${name}: not a regular file`);
  if (stats.size > MAX_MANIFEST_BYTES) throw new CommandError(`${name}: larger than ${MAX_MANIFEST_BYTES} bytes`);
  const parts: Buffer[] = [];
  await pipeline([
    createReadStream(join(path, name)),
    ...(key === undefined ? [] : [unseal(key, SEALED)]),
    async (source: AsyncIterable<Buffer>) => {
      for await (const part of source) parts.push(part);
    },
  ] as unknown as [NodeJS.ReadableStream, NodeJS.WritableStream]);
  return { folder: { path, key }, manifest: parseManifest(Buffer.concat(parts).toString('utf8')) };
}

const isThere = (path: string): Promise<boolean> =>
  lstat(path).then(
    () => true,
    () => false,
  );

/** Takes other users' access to a folder of this user away; refuses a folder that another user owns. */
async function makePrivate(path: string): Promise<void> {
  let stats;
  try {
    stats = await stat(path);
  } catch (error) {
    throw new CommandError(`${path} cannot be read (${codeOf(error)})`);
  }
  if (!stats.isDirectory()) throw new CommandError(`${path} is not a folder`);
  if ((stats.mode & 0o077) === 0) return;
  if (stats.uid !== process.getuid?.()) throw new CommandError(`${path} belongs to another user and is open to others`);
  await chmod(path, 0o700);
}

/** Returns the paths of files in a backup's folder that its manifest does not name. */
export async function unknownFiles({ path, key }: BackupFolder, manifest: Manifest): Promise<string[]> {
  const known = new Set([...manifest.files.map(pathOf), key === undefined ? MANIFEST : SEALED]);
  const names = await readdir(path, { recursive: true, withFileTypes: true });
  return names
    .filter((entry) => !entry.isDirectory())
    .map((entry) => join(entry.parentPath, entry.name).slice(path.length + 1))
    .filter((name) => !known.has(name))
    .sort();
}

/** Flushes a folder's list of files to disk. */
export async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}
