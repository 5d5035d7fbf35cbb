import { createHash, randomBytes } from 'node:crypto';
import { chmodSync, existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { ClickHouseStartError } from './messages.js';

/** Who asks: `writer` is the stack itself (collector, gateway, rollups, migrations), `reader` are people and Grafana. */
export type UserName = 'writer' | 'reader';

/** The passwords of a data folder, as they are in `users.json`. */
export interface Passwords {
  readonly writer: string;
  readonly reader: string;
}

/**
 * What the engine's process needs to know who asks. Hashes only: a query that gets at its memory or
 * environment finds no password. Plain SHA-256 is enough for 256 random bits.
 */
export interface Accounts {
  readonly writerHash: string;
  readonly readerHash: string;
}

/** The reader's name and password as curl reads them (`curl --netrc-file`), so that they are on no command line. */
export const READER_FILE = 'reader.netrc';

const passwordsFile = z.strictObject({ writer: z.string().min(32), reader: z.string().min(32) });

/** Reads the passwords of a data folder, made at its first start. The file is its owner's alone (0600). */
export function openPasswords(dataDir: string): Passwords {
  const path = join(dataDir, 'users.json');
  if (existsSync(path)) {
    chmodSync(path, 0o600);
    const parsed = passwordsFile.safeParse(parseJson(readFileSync(path, 'utf8')));
    if (parsed.success) {
      writeReaderFile(dataDir, parsed.data.reader);
      return parsed.data;
    }
    throw new ClickHouseStartError('START_FAILED', `${path} is not what the embedded ClickHouse wrote: remove it, and new passwords are made`);
  }
  mkdirSync(dataDir, { recursive: true, mode: 0o700 });
  const made: Passwords = { writer: newPassword(), reader: newPassword() };
  writeOwn(path, `${JSON.stringify(made, null, 2)}\n`);
  writeReaderFile(dataDir, made.reader);
  return made;
}

function writeReaderFile(dataDir: string, password: string): void {
  writeOwn(join(dataDir, READER_FILE), ['127.0.0.1', 'localhost'].map((host) => `machine ${host} login reader password ${password}\n`).join(''));
}

/** Writes a file that its owner alone reads. Renamed into place: a start that is killed leaves no half of it. */
function writeOwn(path: string, text: string): void {
  rmSync(`${path}.new`, { force: true });
  writeFileSync(`${path}.new`, text, { mode: 0o600, flag: 'wx' });
  renameSync(`${path}.new`, path);
}

export function hashPassword(password: string): string {
  return createHash('sha256').update(password).digest('hex');
}

/** Letters, digits, `-` and `_`: needs no escaping in a URL. */
function newPassword(): string {
  return randomBytes(32).toString('base64url');
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
