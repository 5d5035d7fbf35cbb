import { randomBytes } from 'node:crypto';
import { chmodSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { CommandError } from '#schemas/errors.js';
import { makeFolder } from '../spool/make-folder.js';
import { shieldwatchFolder } from '../spool/location.js';

/**
 * Returns the id of this seat: a user's home folder on one machine. Random, so that it names neither; created at the
 * first use in a file that only its owner can read.
 */
export function seatId(env: NodeJS.ProcessEnv): string {
  const file = join(shieldwatchFolder(env), 'seat');
  makeFolder(shieldwatchFolder(env));
  try {
    writeFileSync(file, `${randomBytes(16).toString('hex')}\n`, { mode: 0o600, flag: 'wx' });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    chmodSync(file, 0o600);
  }
  const id = readFileSync(file, 'utf8').trim();
  if (!/^[0-9a-f]{32}$/.test(id))
    throw new CommandError(`${file} does not hold 32 hexadecimal characters: delete it to begin a new seat`);
  return id;
}
