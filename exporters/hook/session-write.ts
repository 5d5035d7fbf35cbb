import { closeSync, openSync, readdirSync, renameSync, rmSync, statSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';
import { makeFolder } from '../spool/make-folder.js';

/** What is kept of a session: where it began, and the policies as they were when it first came under them. */
export interface Session {
  /** Folder of its first call. */
  readonly first: string;
  /** Text by path. */
  readonly policies: Readonly<Record<string, string>>;
}

/** Time in milliseconds after which the copy of an inactive session is deleted. */
const KEPT_MS = 30 * 24 * 3_600_000;

/**
 * Writes a session's copy atomically, readable by its owner only. Ignores failures: a full disk must not stop the
 * agent.
 */
export function writeSession(file: string, session: Session, isFirst: boolean): void {
  try {
    const folder = dirname(file);
    makeFolder(folder);
    const next = `${file}.${String(process.pid)}`;
    const descriptor = openSync(next, 'w', 0o600);
    try {
      writeSync(descriptor, JSON.stringify(session));
    } finally {
      closeSync(descriptor);
    }
    renameSync(next, file);
    if (isFirst) forget(folder);
  } catch {
    // Then only the files apply.
  }
}

/** Removes old copies. */
function forget(folder: string): void {
  const limit = Date.now() - KEPT_MS;
  for (const name of readdirSync(folder)) {
    const path = `${folder}/${name}`;
    if ((statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? Infinity) < limit) rmSync(path, { force: true });
  }
}
