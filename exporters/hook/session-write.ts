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

/** How long the copy of a session is kept that makes no new one. */
const KEPT_MS = 30 * 24 * 3_600_000;

/** Writes a session's copy at once, readable by its owner only. A failure is ignored: a full disk must not stop the agent. */
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
    // Only the files count.
  }
}

/** Removes copies that are old. */
function forget(folder: string): void {
  const limit = Date.now() - KEPT_MS;
  for (const name of readdirSync(folder)) {
    const path = `${folder}/${name}`;
    if ((statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? Infinity) < limit) rmSync(path, { force: true });
  }
}
