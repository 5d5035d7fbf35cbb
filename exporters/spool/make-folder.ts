import { mkdirSync } from 'node:fs';
import { dirname } from 'node:path';

/**
 * Creates a private folder and its parents. Not by `mkdirSync` with `recursive`, which never returns if the kernel
 * reports ENOENT for a folder with an existing parent, as in /proc: a hook would hang.
 */
export function makeFolder(path: string): void {
  try {
    mkdirSync(path, { mode: 0o700 });
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'EEXIST') return;
    if (code !== 'ENOENT' || dirname(path) === path) throw error;
    makeFolder(dirname(path));
    makeOnly(path);
  }
}

/** Another hook may have created it in the meantime. */
function makeOnly(path: string): void {
  try {
    mkdirSync(path, { mode: 0o700 });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  }
}
