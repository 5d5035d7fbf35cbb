import { closeSync, constants, openSync, readdirSync, readSync, writeSync } from 'node:fs';
import { dropOldest } from './drop.js';
import { newEventId } from './event-id.js';
import type { SpoolLimits } from './limits.js';
import { encodeLine } from './line.js';
import { isOfDay, newestSegment, nextSegment } from './location.js';
import { countLost, prepareLost } from './lost.js';
import { makeFolder } from './make-folder.js';

/**
 * Longest line in bytes. Several hooks write at once: Linux and macOS write one buffer to an O_APPEND file atomically;
 * below a page this holds on other file systems too.
 */
const MAX_LINE_BYTES = 4096;

// O_NONBLOCK: opening a pipe without a reader would block.
const FLAGS = constants.O_RDWR | constants.O_CREAT | constants.O_APPEND | constants.O_NONBLOCK;

/** The fields of a record that the spool needs. */
interface SpoolRecord {
  readonly eventId: string;
  /** ISO 8601, UTC. */
  readonly timestamp: string;
  readonly [field: string]: unknown;
}

/**
 * Appends one record to the current segment; creates folder (0700) and segment (0600) if needed. Uses no lock and no
 * fsync, so that a hook never waits. Throws if the record could not be written, after counting it as lost if possible.
 */
export function appendToSpool(folder: string, record: SpoolRecord, limits: SpoolLimits): void {
  try {
    const line = Buffer.from(encodeLine(record));
    if (line.length > MAX_LINE_BYTES) throw new Error(`spool line of ${String(line.length)} bytes`);
    const descriptor = openSegment(folder, record.timestamp, line.length, limits);
    try {
      // A full disk accepts a part of the line: readers skip it, so it is lost.
      if (writeSync(descriptor, line) < line.length) throw new Error('spool line written in part');
    } finally {
      closeSync(descriptor);
    }
  } catch (error) {
    countLost(folder);
    throw error;
  }
}

/** Opens the newest segment if the line fits, else the next one, whose first writer enforces the size limit. */
function openSegment(folder: string, timestamp: string, length: number, limits: SpoolLimits): number {
  const last = newestSegment(namesIn(folder));
  if (last !== undefined && isOfDay(last, timestamp)) {
    const descriptor = openSync(`${folder}/${last}`, FLAGS, 0o600);
    if (!hasByteAt(descriptor, limits.segment - length)) return descriptor;
    closeSync(descriptor);
  }
  // Before the first segment, so that a hook that is killed here leaves no spool without it.
  prepareLost(folder);
  // Two writers that get here at once use the same name, and both append.
  const descriptor = openSync(`${folder}/${nextSegment(timestamp, last)}`, FLAGS, 0o600);
  freeSpace(folder, descriptor, timestamp, limits);
  return descriptor;
}

/**
 * Returns whether a file is longer than `position`. Reading costs a hook less than a stat, because it has already used
 * the function for its input.
 */
function hasByteAt(descriptor: number, position: number): boolean {
  return position < 0 || readSync(descriptor, new Uint8Array(1), 0, 1, position) > 0;
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    makeFolder(folder);
    return [];
  }
}

/**
 * Deletes the oldest segments and records their number of records in the spool, so that it is reported exactly once.
 */
function freeSpace(folder: string, descriptor: number, timestamp: string, limits: SpoolLimits): void {
  const dropped = dropOldest(folder, limits.total - limits.segment);
  if (dropped > 0) writeSync(descriptor, encodeLine({ eventId: newEventId(), timestamp, dropped }));
}
