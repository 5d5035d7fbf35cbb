import { closeSync, openSync, readSync, writeSync } from 'node:fs';
import { join } from 'node:path';

const FILE = 'lost';
const DIGITS = 12;

/**
 * Counts records that could not be written: most often the disk is full, so the number is written over
 * the old one, in a file that already has its block. Where that fails too, nobody can count. Writers at
 * the same instant may count as one.
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
    // Nowhere to count.
  }
}

/** Makes sure that there is a file to count in while there is room for it. */
export function prepareLost(folder: string): void {
  try {
    const descriptor = openSync(join(folder, FILE), 'wx', 0o600);
    try {
      writeNumber(descriptor, 0);
    } finally {
      closeSync(descriptor);
    }
  } catch {
    // It is there, or cannot be made.
  }
}

/** Records lost since they were last taken. */
export function readLost(folder: string): number {
  return withNumber(folder, 'r', readNumber);
}

/** The same, and from now on none. */
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
