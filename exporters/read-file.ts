import { closeSync, constants, openSync, readSync } from 'node:fs';

/** What holds most files in one read. */
const FIRST_BYTES = 8192;

/** A file longer than the limit. */
class FileTooLarge extends Error {
  readonly code = 'EFBIG';
}

/** {@link readBytes} as text. */
export const readFile = (path: string, limit: number): string => utf8(readBytes(path, limit));

/**
 * A file of at most `limit` bytes. Never waits and always ends: whoever may write where a guard looks could
 * put a pipe, a device or a disk full of zeros there, and a guard that is late is one that agents do without.
 *
 * @throws with the code EFBIG past the limit, and what Node throws, such as EAGAIN for a pipe that is held open.
 */
export function readBytes(path: string, limit: number): Uint8Array {
  const descriptor = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    const first = new Uint8Array(FIRST_BYTES);
    const length = readSync(descriptor, first);
    // A regular file that gives less than was asked for has no more.
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

/** What `Buffer.prototype.toString` comes down to, where Node has it: the way there takes a process that has just started longer than reading. */
export function utf8(bytes: Uint8Array): string {
  const { utf8Slice } = Buffer.prototype as { utf8Slice?: (this: Uint8Array, start: number, end: number) => string };
  return utf8Slice === undefined ? Buffer.from(bytes).toString() : utf8Slice.call(bytes, 0, bytes.length);
}
