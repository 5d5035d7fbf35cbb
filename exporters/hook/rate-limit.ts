import { closeSync, constants, existsSync, openSync, readdirSync, rmSync, writeSync } from 'node:fs';
import { readFile } from '../read-file.js';
import { checksum } from '../spool/checksum.js';
import { makeFolder } from '../spool/make-folder.js';
import type { RateLimit } from './policy.js';

const MINUTE_MS = 60_000;
const BYTE = new Uint8Array([46]);
// O_NONBLOCK: were the file a pipe without a reader, opening it would wait for ever.
const FLAGS = constants.O_WRONLY | constants.O_CREAT | constants.O_APPEND | constants.O_NONBLOCK;
/** More calls a minute than an agent can make. */
const MAX_CALLS = 1024 * 1024;

/** Whose calls are counted together: one session under one policy. */
export interface RateScope {
  /** Folder for the counts. */
  readonly folder: string;
  readonly policyPath: string;
  readonly sessionId: string;
}

/** What a rate limit says: `unknown` when calls cannot be counted, e.g. on a full disk. */
export type RateAnswer = 'within' | 'exceeded' | 'unknown';

/**
 * Counts a call and holds it against the limit over the last minute. Processes that run at once share the
 * count through a file a minute that each call makes one byte longer: appending is atomic and needs no
 * lock. The minute before counts by its share of the window, which evens out the boundary.
 */
export function countCall({ maxPerMinute }: RateLimit, scope: RateScope, now: number): RateAnswer {
  try {
    // Keeps the few files of a machine apart; a hash would cost its library two milliseconds.
    const key = checksum(`${scope.policyPath}\n${scope.sessionId}`);
    const minute = Math.floor(now / MINUTE_MS);
    const current = add(scope.folder, `${scope.folder}/${key}-${String(minute)}`);
    if (current === 1) forget(scope.folder, minute);
    // Refused calls count too; without the cap an agent that retries would stay refused.
    const before = Math.min(maxPerMinute, count(`${scope.folder}/${key}-${String(minute - 1)}`));
    const inWindow = current + Math.floor(before * (1 - (now % MINUTE_MS) / MINUTE_MS));
    return inWindow > maxPerMinute ? 'exceeded' : 'within';
  } catch {
    return 'unknown';
  }
}

/** Counts one more; the number with it. */
function add(folder: string, path: string): number {
  if (!existsSync(folder)) makeFolder(folder);
  const descriptor = openSync(path, FLAGS, 0o600);
  try {
    writeSync(descriptor, BYTE);
  } finally {
    closeSync(descriptor);
  }
  return count(path);
}

/** Calls counted in a file; few, so that reading them costs a hook less than asking for the file's size. */
function count(path: string): number {
  return existsSync(path) ? readFile(path, MAX_CALLS).length : 0;
}

/** Removes counts of minutes that no longer matter. */
function forget(folder: string, minute: number): void {
  for (const name of readdirSync(folder)) {
    const age = minute - Number(/-(\d+)$/.exec(name)?.[1] ?? Number.NaN);
    if (age > 1) rmSync(`${folder}/${name}`, { force: true });
  }
}
