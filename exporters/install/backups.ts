import { createHash, randomBytes } from 'node:crypto';
import { chmodSync, existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { shieldwatchFolder } from '../spool/location.js';

/**
 * Settings may contain keys, so backups are kept in a folder of our own (0700, each file 0600), never beside the file.
 */
const folderOf = (env: NodeJS.ProcessEnv): string => join(shieldwatchFolder(env), 'backups');

/** Prefix of all backups of a file. */
const prefixOf = (file: string): string => `${createHash('sha256').update(file).digest('hex').slice(0, 12)}-`;

/** Stores the previous text of a settings file; returns the backup's path. */
export function keepBackup(file: string, text: string, env: NodeJS.ProcessEnv): string {
  const folder = folderOf(env);
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  chmodSync(folder, 0o700);
  const time = new Date().toISOString().replace(/[-:]|\.\d+/g, '');
  const backup = join(folder, `${prefixOf(file)}${time}-${randomBytes(3).toString('hex')}-${basename(file)}`);
  writeFileSync(backup, text, { mode: 0o600, flag: 'wx' });
  return backup;
}

/** Removes every backup of a settings file; returns their number. */
export function removeBackups(file: string, env: NodeJS.ProcessEnv): number {
  const folder = folderOf(env);
  if (!existsSync(folder)) return 0;
  const names = readdirSync(folder).filter((name) => name.startsWith(prefixOf(file)));
  for (const name of names) rmSync(join(folder, name), { force: true });
  return names.length;
}
