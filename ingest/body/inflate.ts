import { createGunzip, createInflate } from 'node:zlib';
import { ShieldwatchError } from '#schemas/errors.js';
import { createTurns } from '../limits/turns.js';
import type { ContentEncoding } from '../request/content.js';

/** Bytes decompressed at a time: each piece is a round trip to a worker thread. */
const PIECE = 128 * 1024;

/**
 * Decompresses a body; organisations take turns.
 * @throws ShieldwatchError 413 past `limit` bytes, 400 when the data is not valid.
 */
export async function inflate(
  body: readonly Buffer[],
  encoding: ContentEncoding,
  limit: number,
  orgId: string,
): Promise<Buffer> {
  if (encoding === 'identity') {
    checkSize(body, limit);
    const [only, ...others] = body;
    return only !== undefined && others.length === 0 ? only : Buffer.concat(body);
  }
  const parts: Buffer[] = [];
  const size = await takeTurn(orgId, () => inflateAll(body, encoding, limit, (part) => parts.push(part)));
  return Buffer.concat(parts, size);
}

function checkSize(body: readonly Buffer[], limit: number): void {
  if (body.reduce((sum, part) => sum + part.length, 0) > limit) throw tooLarge(limit);
}

/** As many as zlib has threads: more at once would not be faster and would hold more memory. */
const takeTurn = createTurns(4);

/** Decompresses piece by piece, so that a decompression bomb is rejected when it passes the limit. */
async function inflateAll(
  body: readonly Buffer[],
  encoding: 'gzip' | 'deflate',
  limit: number,
  keep: (part: Buffer) => void,
): Promise<number> {
  const stream = encoding === 'gzip' ? createGunzip({ chunkSize: PIECE }) : createInflate({ chunkSize: PIECE });
  for (const part of body) stream.write(part);
  stream.end();
  let size = 0;
  try {
    for await (const part of stream as AsyncIterable<Buffer>) {
      size += part.length;
      if (size > limit) throw tooLarge(limit);
      keep(part);
    }
  } catch (error) {
    if (error instanceof ShieldwatchError) throw error;
    throw new ShieldwatchError('body_encoding_invalid', `the body is not valid ${encoding}`);
  } finally {
    stream.destroy();
  }
  return size;
}

function tooLarge(limit: number): ShieldwatchError {
  return new ShieldwatchError('body_too_large', `the body is larger than ${String(limit)} bytes when decompressed`);
}
