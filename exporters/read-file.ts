import { closeSync, constants, openSync, readSync } from 'node:fs';

/** Size of the first read, enough for most files. */
const FIRST_BYTES = 8192;

/** Thrown for a file larger than the limit. */
class FileTooLarge extends Error {
  readonly code = 'EFBIG';
}

/** Reads a file as text, see {@link readBytes}. */
export const readFile = (path: string, limit: number): string => utf8(readBytes(path, limit));

/**
 * Reads a file of at most `limit` bytes. Never blocks and always ends: an attacker could place a pipe, a device or an
 * endless file where a guard reads, and agents run the tool if the guard is late.
 *
 * @throws with the code EFBIG above the limit, and Node's errors, such as EAGAIN for a pipe that is held open.
 */
export function readBytes(path: string, limit: number): Uint8Array {
  const descriptor = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    const first = new Uint8Array(FIRST_BYTES);
    const length = readSync(descriptor, first);
    // A regular file that returns less than requested is at its end.
    return length < FIRST_BYTES ? first.subarray(0, length) : readOn(descriptor, first, limit);
  } finally {
    closeSync(descriptor);
  }
}

function readOn(descriptor: number, first: Uint8Array, limit: number): Uint8Array {
  const chunks = [first];
  let size = first.length;
  for (let length = size; length > 0; size += length) {
    if (size > limit) throw new FileTooLarge('the file is too large');
    const chunk = new Uint8Array(Math.min(size, limit + 1 - size) || 1);
    length = readSync(descriptor, chunk);
    chunks.push(chunk.subarray(0, length));
  }
  return Buffer.concat(chunks);
}

/**
 * Node's internal function behind `Buffer.prototype.toString`, if available: calling through the public one takes a
 * newly started process longer than reading.
 */
export function utf8(bytes: Uint8Array): string {
  const { utf8Slice } = Buffer.prototype as { utf8Slice?: (this: Uint8Array, start: number, end: number) => string };
  return utf8Slice === undefined ? Buffer.from(bytes).toString() : utf8Slice.call(bytes, 0, bytes.length);
}
