import { randomBytes } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { CommandError } from '#schemas/errors.js';
import { PSEUDONYM_KEY_FILE_VARIABLE, SHORTEST_PSEUDONYM_KEY } from '#schemas/pseudonyms.js';
import { writeOwnFile } from '#schemas/own-file.js';
import { variable } from '../environment.js';

/** The secret that pseudonyms of persons are made from, and the file that it is in, which the collector reads by itself. */
export interface PseudonymKey {
  readonly secret: string;
  readonly file: string;
}

/**
 * Reads the secret from the file that the environment names, or from `pseudonym.key` in the data folder, which the first
 * start makes. Without it the pseudonyms that are stored can no longer be reproduced, so it is kept with the data.
 *
 * @throws CommandError when the file cannot be read or holds fewer than 32 characters.
 */
export function openPseudonymKey(dataDir: string): PseudonymKey {
  const named = variable(PSEUDONYM_KEY_FILE_VARIABLE);
  const file = named === undefined || named === '' ? join(dataDir, 'pseudonym.key') : named;
  if (file !== named && !existsSync(file)) writeOwnFile(file, `${randomBytes(32).toString('hex')}\n`);
  const what = file === named ? PSEUDONYM_KEY_FILE_VARIABLE : file;
  let secret: string;
  try {
    secret = readFileSync(file, 'utf8').replace(/^\s+|\s+$/g, '');
  } catch (error) {
    throw new CommandError(`${what}: the file cannot be read (${(error as NodeJS.ErrnoException).code ?? 'error'})`);
  }
  if (secret.length < SHORTEST_PSEUDONYM_KEY)
    throw new CommandError(`${what}: expected a file of ${String(SHORTEST_PSEUDONYM_KEY)} characters or more`);
  return { secret, file };
}
