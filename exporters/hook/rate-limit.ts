import { closeSync, constants, fstatSync, openSync, readdirSync, rmSync, statSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { checksum } from '../spool/checksum.js';
import { makeFolder } from '../spool/make-folder.js';
import type { RateLimit } from './policy.js';

const MINUTE_MS = 60_000;
const FLAGS = constants.O_WRONLY | constants.O_CREAT | constants.O_APPEND;

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
    // Two checksums keep the few files of a machine apart; a hash would cost its library two milliseconds.
    const key = checksum(scope.policyPath) + checksum(scope.sessionId);
    const minute = Math.floor(now / MINUTE_MS);
    const current = appendByte(scope.folder, `${key}-${String(minute)}`);
    if (current === 1) forget(scope.folder, minute);
    // Refused calls count too; without the cap an agent that retries would stay refused.
    const before = Math.min(maxPerMinute, statSync(join(scope.folder, `${key}-${String(minute - 1)}`), { throwIfNoEntry: false })?.size ?? 0);
    const inWindow = current + Math.floor(before * (1 - (now % MINUTE_MS) / MINUTE_MS));
    return inWindow > maxPerMinute ? 'exceeded' : 'within';
  } catch {
    return 'unknown';
  }
}

/** Length of the file once this call is in it. */
function appendByte(folder: string, name: string): number {
  if (statSync(folder, { throwIfNoEntry: false }) === undefined) makeFolder(folder);
  const descriptor = openSync(join(folder, name), FLAGS, 0o600);
  try {
    writeSync(descriptor, '.');
    return fstatSync(descriptor).size;
  } finally {
    closeSync(descriptor);
  }
}

/** Removes counts of minutes that no longer matter. */
function forget(folder: string, minute: number): void {
  for (const name of readdirSync(folder)) {
    const age = minute - Number(/-(\d+)$/.exec(name)?.[1] ?? Number.NaN);
    if (age > 1) rmSync(join(folder, name), { force: true });
  }
}
