import { atOnce, type Steps } from './turns.js';

/** LZ4's block format: the sequences alone, without the frame around them. */

const MIN_MATCH = 4;
/** The last match begins at least so many bytes before the end, and the last bytes are literals. */
const END_OF_MATCHES = 12;
const LAST_LITERALS = 5;
const MAX_DISTANCE = 0xffff;
const HASH_BITS = 14;

/** How long a block of `length` bytes can become that does not compress. */
export function lz4Bound(length: number): number {
  return length + Math.ceil(length / 255) + 16;
}

/** Compresses a block of at most 2 GiB. */
export function compressLz4(source: Buffer): Buffer {
  const target = Buffer.allocUnsafe(lz4Bound(source.length));
  // Where each hash of four bytes was last seen, plus 1.
  const seen = new Int32Array(1 << HASH_BITS);
  const lastMatch = source.length - END_OF_MATCHES;
  let anchor = 0;
  let out = 0;
  let misses = 0;
  for (let at = 0; at <= lastMatch;) {
    const four = source.readInt32LE(at);
    const slot = Math.imul(four, 0x9e3779b1) >>> (32 - HASH_BITS);
    const match = (seen[slot] ?? 0) - 1;
    seen[slot] = at + 1;
    if (match < 0 || at - match > MAX_DISTANCE || source.readInt32LE(match) !== four) {
      // What does not compress is stepped over faster and faster.
      at += 1 + (misses++ >> 6);
      continue;
    }
    misses = 0;
    const end = endOfMatch(source, match + MIN_MATCH, at + MIN_MATCH);
    out = writeSequence(target, out, source, anchor, at, at - match, end - at);
    at = end;
    anchor = end;
  }
  out = writeSequence(target, out, source, anchor, source.length, 0, 0);
  return target.subarray(0, out);
}

function endOfMatch(source: Buffer, from: number, at: number): number {
  const limit = source.length - LAST_LITERALS;
  let [a, b] = [from, at];
  while (b < limit && source[a] === source[b]) {
    a++;
    b++;
  }
  return b;
}

/** Literals and the match behind them; a `length` of 0: the last literals. */
function writeSequence(
  target: Buffer,
  at: number,
  source: Buffer,
  from: number,
  to: number,
  distance: number,
  length: number,
): number {
  const literals = to - from;
  const extra = length === 0 ? 0 : length - MIN_MATCH;
  let out = at;
  target[out++] = (Math.min(literals, 15) << 4) | Math.min(extra, 15);
  out = writeLength(target, out, literals);
  source.copy(target, out, from, to);
  out += literals;
  if (length === 0) return out;
  out = target.writeUInt16LE(distance, out);
  return writeLength(target, out, extra);
}

function writeLength(target: Buffer, at: number, length: number): number {
  if (length < 15) return at;
  let out = at;
  let left = length - 15;
  for (; left >= 255; left -= 255) target[out++] = 255;
  target[out++] = left;
  return out;
}

/** Sequences, and bytes, that are decompressed in one step. */
const STEP_SEQUENCES = 2 ** 17;
const STEP_BYTES = 2 ** 21;

/**
 * Decompresses a block into `target` from byte `at` on, and returns where it ends. Matches may reach back to the
 * beginning of `target`. Throws for a block that is malformed or longer than `target`.
 */
export function decompressLz4(source: Buffer, target: Buffer, at = 0): number {
  return atOnce(decompressLz4Steps(source, target, at));
}

/** The same in steps. */
export function* decompressLz4Steps(source: Buffer, target: Buffer, at = 0): Steps<number> {
  let from = 0;
  let out = at;
  const lengthOf = (nibble: number): number => {
    let length = nibble;
    if (nibble < 15) return length;
    for (;;) {
      const byte = source[from++];
      if (byte === undefined) throw malformed();
      length += byte;
      if (byte < 255) return length;
    }
  };
  let [sequences, stepEnd] = [0, at + STEP_BYTES];
  for (;;) {
    if (++sequences > STEP_SEQUENCES || out > stepEnd) {
      [sequences, stepEnd] = [0, out + STEP_BYTES];
      yield;
    }
    const token = source[from++];
    if (token === undefined) throw malformed();
    const literals = lengthOf(token >> 4);
    if (literals > source.length - from || literals > target.length - out) throw malformed();
    source.copy(target, out, from, from + literals);
    from += literals;
    out += literals;
    if (from === source.length) return out;
    if (source.length - from < 2) throw malformed();
    const distance = source.readUInt16LE(from);
    from += 2;
    const length = lengthOf(token & 15) + MIN_MATCH;
    if (distance === 0 || distance > out || length > target.length - out) throw malformed();
    copyMatch(target, out, distance, length);
    out += length;
  }
}

/** Repeats the `distance` bytes before `at` for `length` bytes, each time twice as much of it. */
function copyMatch(target: Buffer, at: number, distance: number, length: number): void {
  const start = at - distance;
  for (let done = 0; done < length;) {
    const part = Math.min(distance + done, length - done);
    target.copyWithin(at + done, start, start + part);
    done += part;
  }
}

function malformed(): Error {
  return new Error('malformed LZ4 block');
}
