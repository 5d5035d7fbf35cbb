import { createHash, randomBytes } from 'node:crypto';
import { chmodSync, existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { writeOwnFile } from '#schemas/own-file.js';
import { z } from 'zod';
import { ClickHouseStartError } from './messages.js';

/**
 * Who asks: `writer` is the stack itself (collector, gateway, rollups, migrations), `reader` are people and Grafana,
 * `admin` may create databases beside ours, if the start enables it.
 */
export type UserName = 'writer' | 'reader' | 'admin';

/** The passwords of a data folder, as they are in `users.json`. */
export interface Passwords {
  readonly writer: string;
  readonly reader: string;
  /** Made at the first start with an admin. */
  readonly admin?: string | undefined;
}

/**
 * What the engine's process needs to know who asks. Hashes only: a query that gets at its memory or
 * environment finds no password. Plain SHA-256 is enough for 256 random bits.
 */
export interface Accounts {
  readonly writerHash: string;
  readonly readerHash: string;
  /** Without it there is no admin. */
  readonly adminHash?: string;
}

/** The file of {@link Passwords}. */
export const USERS_FILE = 'users.json';

/** The reader's name and password as curl reads them (`curl --netrc-file`), so that they are on no command line. */
export const READER_FILE = 'reader.netrc';
/** The same of the admin, while there is one. */
export const ADMIN_FILE = 'admin.netrc';

const passwordsFile = z.strictObject({
  writer: z.string().min(32),
  reader: z.string().min(32),
  admin: z.string().min(32).optional(),
});

/** Reads the passwords of a data folder, made at its first start. The file is its owner's alone (0600). */
export function openPasswords(dataDir: string, withAdmin = false): Passwords {
  const path = join(dataDir, USERS_FILE);
  const known = readPasswords(path);
  const passwords: Passwords = known ?? { writer: newPassword(), reader: newPassword() };
  const made: Passwords = withAdmin ? { ...passwords, admin: passwords.admin ?? newPassword() } : passwords;
  mkdirSync(dataDir, { recursive: true, mode: 0o700 });
  if (made !== known) writeOwnFile(path, `${JSON.stringify(made, null, 2)}\n`);
  writeNetrc(join(dataDir, READER_FILE), 'reader', made.reader);
  if (withAdmin && made.admin !== undefined) writeNetrc(join(dataDir, ADMIN_FILE), 'admin', made.admin);
  else rmSync(join(dataDir, ADMIN_FILE), { force: true });
  return made;
}

function readPasswords(path: string): Passwords | undefined {
  if (!existsSync(path)) return undefined;
  chmodSync(path, 0o600);
  const parsed = passwordsFile.safeParse(parseJson(readFileSync(path, 'utf8')));
  if (parsed.success) return parsed.data;
  throw new ClickHouseStartError(
    'START_FAILED',
    `${path} is not what the embedded ClickHouse wrote: remove it, and new passwords are made`,
  );
}

function writeNetrc(path: string, login: string, password: string): void {
  writeOwnFile(
    path,
    ['127.0.0.1', 'localhost'].map((host) => `machine ${host} login ${login} password ${password}\n`).join(''),
  );
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
