import { closeSync, openSync, readSync, writeSync } from 'node:fs';
import { join } from 'node:path';

const FILE = 'lost';
const DIGITS = 12;

/**
 * Counts records that could not be written. The disk is most often full, so the number overwrites the old one in a file
 * that already has its block. If that fails too, the record is not counted. Concurrent writers may count as one.
 */
export function countLost(folder: string, records = 1): void {
  try {
    const descriptor = openSync(join(folder, FILE), 'r+');
    try {
      writeNumber(descriptor, readNumber(descriptor) + records);
    } finally {
      closeSync(descriptor);
    }
  } catch {
    // Nothing can be counted.
  }
}

/** Creates the counter file while there is disk space. */
export function prepareLost(folder: string): void {
  try {
    const descriptor = openSync(join(folder, FILE), 'wx', 0o600);
    try {
      writeNumber(descriptor, 0);
    } finally {
      closeSync(descriptor);
    }
  } catch {
    // Exists, or cannot be created.
  }
}

/** Returns the records lost since they were last taken. */
export function readLost(folder: string): number {
  return withNumber(folder, 'r', readNumber);
}

/** Returns the same, and resets the count. */
export function takeLost(folder: string): number {
  return withNumber(folder, 'r+', (descriptor) => {
    const lost = readNumber(descriptor);
    if (lost > 0) writeNumber(descriptor, 0);
    return lost;
  });
}

function withNumber(folder: string, flags: string, use: (descriptor: number) => number): number {
  try {
    const descriptor = openSync(join(folder, FILE), flags);
    try {
      return use(descriptor);
    } finally {
      closeSync(descriptor);
    }
  } catch {
    return 0;
  }
}

function readNumber(descriptor: number): number {
  const buffer = Buffer.alloc(DIGITS);
  readSync(descriptor, buffer, 0, DIGITS, 0);
  return Number.parseInt(buffer.toString('ascii'), 10) || 0;
}

function writeNumber(descriptor: number, value: number): void {
  writeSync(descriptor, String(value).padStart(DIGITS, '0'), 0, 'ascii');
}
