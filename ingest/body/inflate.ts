import { createGunzip, createInflate } from 'node:zlib';
import { ShieldwatchError } from '#schemas/errors.js';
import type { ContentEncoding } from './content.js';

/** The body in the clear. @throws ShieldwatchError 413 past `limit` bytes, 400 when it is not what it says. */
export async function inflate(body: Buffer, encoding: ContentEncoding, limit: number): Promise<Buffer> {
  const parts: Buffer[] = [];
  const size = await run(body, encoding, limit, (part) => parts.push(part));
  return encoding === 'identity' ? body : Buffer.concat(parts, size);
}

/** Checks a body as {@link inflate} does, keeping nothing of it. */
export async function checkInflatedSize(body: Buffer, encoding: ContentEncoding, limit: number): Promise<void> {
  await run(body, encoding, limit, () => undefined);
}

/** Inflates piece by piece, so that a bomb is noticed when it passes the limit and not when it has gone off. */
async function run(body: Buffer, encoding: ContentEncoding, limit: number, keep: (part: Buffer) => void): Promise<number> {
  if (encoding === 'identity') {
    if (body.length > limit) throw tooLarge(limit);
    return body.length;
  }
  const stream = encoding === 'gzip' ? createGunzip() : createInflate();
  stream.end(body);
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
