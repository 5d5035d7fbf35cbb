import { closeSync, constants, openSync, readdirSync, readSync, writeSync } from 'node:fs';
import { dropOldest } from './drop.js';
import { newEventId } from './event-id.js';
import type { SpoolLimits } from './limits.js';
import { encodeLine } from './line.js';
import { isOfDay, newestSegment, nextSegment } from './location.js';
import { countLost, prepareLost } from './lost.js';
import { makeFolder } from './make-folder.js';

/**
 * Several hooks write at once. Linux and macOS write one buffer to an O_APPEND file as a whole; staying
 * below a page keeps that true on file systems that promise less.
 */
const MAX_LINE_BYTES = 4096;

// O_NONBLOCK: opening a pipe without a reader would block.
const FLAGS = constants.O_RDWR | constants.O_CREAT | constants.O_APPEND | constants.O_NONBLOCK;

/** What the spool needs of a record. */
interface SpoolRecord {
  readonly eventId: string;
  /** ISO 8601, UTC. */
  readonly timestamp: string;
  readonly [field: string]: unknown;
}

/**
 * Appends one record to the current segment, making folder (0700) and segment (0600) when they are
 * missing. No lock, no fsync: a hook never waits. Throws when the record could not be written, after
 * counting it as lost where that is possible.
 */
export function appendToSpool(folder: string, record: SpoolRecord, limits: SpoolLimits): void {
  try {
    const line = Buffer.from(encodeLine(record));
    if (line.length > MAX_LINE_BYTES) throw new Error(`spool line of ${String(line.length)} bytes`);
    const descriptor = openSegment(folder, record.timestamp, line.length, limits);
    try {
      // A disk that fills up takes a part of the line: readers skip it, so it is lost.
      if (writeSync(descriptor, line) < line.length) throw new Error('spool line written in part');
    } finally {
      closeSync(descriptor);
    }
  } catch (error) {
    countLost(folder);
    throw error;
  }
}

/** The newest segment if it takes the line, else the next one, whose first writer makes room for it. */
function openSegment(folder: string, timestamp: string, length: number, limits: SpoolLimits): number {
  const last = newestSegment(namesIn(folder));
  if (last !== undefined && isOfDay(last, timestamp)) {
    const descriptor = openSync(`${folder}/${last}`, FLAGS, 0o600);
    if (!hasByteAt(descriptor, limits.segment - length)) return descriptor;
    closeSync(descriptor);
  }
  // Before there is a segment, so that a hook which is killed here leaves no spool without it.
  prepareLost(folder);
  // Two writers that get here at once take the same name, and both append.
  const descriptor = openSync(`${folder}/${nextSegment(timestamp, last)}`, FLAGS, 0o600);
  freeSpace(folder, descriptor, timestamp, limits);
  return descriptor;
}

/** Whether a file is longer than `position`. A read costs a hook, which has read its input so, less than asking for the size. */
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

/** What had to go is said in the spool itself, so that it arrives like everything else, and once. */
function freeSpace(folder: string, descriptor: number, timestamp: string, limits: SpoolLimits): void {
  const dropped = dropOldest(folder, limits.total - limits.segment);
  if (dropped > 0) writeSync(descriptor, encodeLine({ eventId: newEventId(), timestamp, dropped }));
}
