import { mkdir, readFile, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { CommandError } from '#schemas/errors.js';
import { isAlive } from '#schemas/process-alive.js';

/**
 * Time in milliseconds without a sign of life after which a holder counts as dead, even if another program has its
 * process id.
 */
const STALE_AFTER_MS = 10 * 60_000;

/** Thrown if another process works on the spool. */
export class LockedError extends CommandError {
  override readonly name = 'LockedError';
}

/** A held lock. */
export interface Lock {
  /** Signals that the holder is alive; call it after each batch. */
  touch(): Promise<void>;
  release(): Promise<void>;
}

/**
 * Acquires the lock of a spool folder, so that one process at a time sends it. Two processes that take over the same
 * dead lock at the same moment may both proceed: then records are sent twice, under the same ids.
 */
export async function acquireLock(folder: string): Promise<Lock> {
  const path = join(folder, 'ship.lock');
  await mkdir(folder, { recursive: true, mode: 0o700 });
  if (!(await create(path))) {
    const holder = await liveHolder(path);
    if (holder !== undefined) throw new LockedError(`another ship or agent (process ${holder}) works on this spool`);
    await rm(path, { force: true });
    if (!(await create(path))) throw new LockedError('another ship has just started on this spool');
  }
  return {
    touch: () => utimes(path, new Date(), new Date()),
    release: () => rm(path, { force: true }),
  };
}

async function create(path: string): Promise<boolean> {
  try {
    await writeFile(path, `${String(process.pid)}\n`, { flag: 'wx', mode: 0o600 });
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
}

async function liveHolder(path: string): Promise<string | undefined> {
  try {
    const { mtimeMs } = await stat(path);
    const holder = (await readFile(path, 'utf8')).trim();
    const isFresh = Date.now() - mtimeMs < STALE_AFTER_MS;
    // Empty: its owner is between creating the file and writing to it.
    return isFresh && (holder === '' || isAlive(Number(holder))) ? holder || 'unknown' : undefined;
  } catch {
    return undefined;
  }
}
