import { createHash } from 'node:crypto';
import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import { ShieldwatchError } from '#schemas/errors.js';
import { pageBundle } from '#schemas/root.js';

/** One file of the page's bundle. */
export interface Asset {
  body: Buffer;
  gzipped: Buffer;
  type: string;
  etag: string;
}

const TYPES: Readonly<Record<string, string>> = {
  'page.js': 'text/javascript; charset=utf-8',
  'page.css': 'text/css; charset=utf-8',
};

/** Cache of the bundle's files by name; a file is read again after a new build. */
const read = new Map<string, { builtAt: number; asset: Promise<Asset> }>();

/**
 * Reads one of the bundle's files by name; a path from the URL never reaches the file system.
 *
 * @throws ShieldwatchError `not_found` for any other name, and if the page is not built
 */
export async function readAsset(name: string): Promise<Asset> {
  const type = Object.hasOwn(TYPES, name) ? TYPES[name] : undefined;
  if (type === undefined) throw new ShieldwatchError('not_found', 'there is no such route');
  const file = join(pageBundle(), name);
  try {
    const { mtimeMs: builtAt } = await stat(file);
    const known = read.get(name);
    if (known?.builtAt === builtAt) return await known.asset;
    const asset = pack(file, type);
    read.set(name, { builtAt, asset });
    return await asset;
  } catch {
    read.delete(name);
    throw new ShieldwatchError('not_found', 'the page is not built: run npm run build');
  }
}

async function pack(file: string, type: string): Promise<Asset> {
  const body = await readFile(file);
  return {
    body,
    gzipped: await promisify(gzip)(body),
    type,
    etag: `"${createHash('sha256').update(body).digest('base64url').slice(0, 22)}"`,
  };
}
