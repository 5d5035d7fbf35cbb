import { closeSync, constants, mkdirSync, openSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { spoolFileName } from './location.js';

/**
 * Several hooks write at once. Linux and macOS write one buffer to an O_APPEND file as a whole; staying
 * below a page keeps that true on file systems that promise less.
 */
const MAX_LINE_BYTES = 4096;

// O_NONBLOCK: were the file a pipe without a reader, opening it would wait for ever.
const FLAGS = constants.O_WRONLY | constants.O_CREAT | constants.O_APPEND | constants.O_NONBLOCK;

/**
 * Appends one line to the day's spool file, making folder (0700) and file (0600) when they are missing.
 * Throws when the spool cannot be written; no fsync, as the hook must not wait for a disk.
 */
export function appendToSpool(folder: string, timestamp: string, record: object): void {
  const line = Buffer.from(`${JSON.stringify(record)}\n`);
  if (line.length > MAX_LINE_BYTES) throw new Error(`spool line of ${String(line.length)} bytes`);
  const descriptor = openSpoolFile(folder, join(folder, spoolFileName(timestamp)));
  try {
    writeSync(descriptor, line);
  } finally {
    closeSync(descriptor);
  }
}

function openSpoolFile(folder: string, path: string): number {
  try {
    return openSync(path, FLAGS, 0o600);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    return openSync(path, FLAGS, 0o600);
  }
}
