import { mkdirSync } from 'node:fs';
import { dirname } from 'node:path';

/**
 * Makes a private folder and those above it. Not by `mkdirSync`'s `recursive`, which never returns where
 * the kernel says ENOENT for a folder whose parent is there, as in /proc: a hook would hang.
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

/** Another hook may have made it meanwhile. */
function makeOnly(path: string): void {
  try {
    mkdirSync(path, { mode: 0o700 });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  }
}
