import { renameSync, rmSync, writeFileSync } from 'node:fs';

/** Writes a file that its owner alone reads. Renamed into place: a process that is killed leaves no half of it. */
export function writeOwnFile(path: string, text: string): void {
  rmSync(`${path}.new`, { force: true });
  writeFileSync(`${path}.new`, text, { mode: 0o600, flag: 'wx' });
  renameSync(`${path}.new`, path);
}
