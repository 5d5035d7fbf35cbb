import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import { ShieldwatchError } from '#schemas/errors.js';
import { packageRoot } from '#schemas/root.js';

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

/** Where build.mjs puts the bundle. */
export const BUNDLE = join(packageRoot(), 'dist/ingest/boards/page');

/**
 * Reads one of the bundle's files, by name: a path from the URL never reaches the file system.
 *
 * @throws ShieldwatchError `not_found` for any other name, and for a page that is not built
 */
export async function readAsset(name: string): Promise<Asset> {
  const type = Object.hasOwn(TYPES, name) ? TYPES[name] : undefined;
  if (type === undefined) throw new ShieldwatchError('not_found', 'there is nothing at this address');
  const body = await readFile(join(BUNDLE, name)).catch(() => {
    throw new ShieldwatchError('not_found', 'the page is not built: run npm run build');
  });
  return { body, gzipped: await promisify(gzip)(body), type, etag: `"${createHash('sha256').update(body).digest('base64url').slice(0, 22)}"` };
}
