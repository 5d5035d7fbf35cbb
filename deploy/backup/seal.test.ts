import { randomBytes } from 'node:crypto';
import { chmodSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable, type Transform } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import { CHUNK_BYTES, HEADER_BYTES, readKey, seal, unseal, writeNewKey } from './seal.js';

const KEY = randomBytes(32);
const NAME = 'clickhouse/t.all.gz';
const SEALED_CHUNK = CHUNK_BYTES + 16;

/** Passes bytes through a stream in pieces of the given sizes, repeated. */
async function through(stream: Transform, bytes: Buffer, sizes: readonly number[] = [bytes.length]): Promise<Buffer> {
  const pieces: Buffer[] = [];
  for (let at = 0, turn = 0; at < bytes.length; turn += 1) {
    const size = Math.max(1, sizes[turn % sizes.length] ?? 1);
    pieces.push(bytes.subarray(at, at + size));
    at += size;
  }
  const source = Readable.from(pieces);
  source.on('error', (error) => stream.destroy(error));
  return buffer(source.pipe(stream));
}

const sealed = (bytes: Buffer): Promise<Buffer> => through(seal(KEY, NAME), bytes);
const opened = (bytes: Buffer, key = KEY, name = NAME): Promise<Buffer> => through(unseal(key, name), bytes);

/** Sizes around the borders of chunks. */
const size = fc.oneof(
  fc.integer({ min: 0, max: 300 }),
  fc.tuple(fc.integer({ min: 1, max: 3 }), fc.integer({ min: -2, max: 2 })).map(([n, by]) => n * CHUNK_BYTES + by),
);

describe('encryption of files', () => {
  it('returns the same bytes however the stream is cut', async () => {
    await fc.assert(
      fc.asyncProperty(
        size,
        fc.array(fc.integer({ min: 1, max: 200_000 }), { minLength: 1, maxLength: 4 }),
        async (length, sizes) => {
          const plain = randomBytes(length);
          const there = await through(seal(KEY, NAME), plain, sizes);
          expect((await through(unseal(KEY, NAME), there, sizes)).equals(plain)).toBe(true);
        },
      ),
      { numRuns: 40 },
    );
  });

  it('rejects every changed byte', async () => {
    const whole = await sealed(randomBytes(CHUNK_BYTES + 500));
    await fc.assert(
      fc.asyncProperty(fc.nat(whole.length - 1), fc.integer({ min: 1, max: 255 }), async (at, by) => {
        const changed = Buffer.from(whole);
        changed[at] = (changed[at] ?? 0) ^ by;
        await expect(opened(changed)).rejects.toThrow(/changed|another key|not an encrypted file/);
      }),
      { numRuns: 60 },
    );
  });

  it('rejects a file that is cut off anywhere, and says so at the end of a chunk', async () => {
    const whole = await sealed(randomBytes(2 * CHUNK_BYTES + 10));
    await fc.assert(
      fc.asyncProperty(fc.nat(whole.length - 1), async (length) => {
        await expect(opened(whole.subarray(0, length))).rejects.toThrow(/cut off|changed/);
      }),
      { numRuns: 60 },
    );
    await expect(opened(whole.subarray(0, HEADER_BYTES + SEALED_CHUNK))).rejects.toThrow(`${NAME}: cut off`);
    await expect(opened(Buffer.alloc(0))).rejects.toThrow(`${NAME}: cut off`);
  });

  it('rejects chunks that are swapped, repeated or left out', async () => {
    const whole = await sealed(randomBytes(3 * CHUNK_BYTES));
    const header = whole.subarray(0, HEADER_BYTES);
    const chunk = (n: number): Buffer =>
      whole.subarray(HEADER_BYTES + n * SEALED_CHUNK, HEADER_BYTES + (n + 1) * SEALED_CHUNK);
    for (const order of [
      [1, 0, 2],
      [0, 0, 1, 2],
      [0, 2],
      [0, 1, 2, 2],
    ])
      await expect(opened(Buffer.concat([header, ...order.map(chunk)]))).rejects.toThrow('changed');
  });

  it('names another key, another file under its name, and a file that is not encrypted', async () => {
    const whole = await sealed(Buffer.from('rows'));
    await expect(opened(whole, randomBytes(32))).rejects.toThrow('encrypted with another key');
    await expect(opened(whole, KEY, 'clickhouse/u.all.gz')).rejects.toThrow('another file under its name');
    await expect(opened(Buffer.from('a'.repeat(100)))).rejects.toThrow('not an encrypted file');
  });

  it('shows nothing of the content, and is different each time', async () => {
    const plain = Buffer.from('canary-of-the-backup'.repeat(10));
    const [one, two] = [await sealed(plain), await sealed(plain)];
    expect(one.includes('canary')).toBe(false);
    expect(one.subarray(HEADER_BYTES).equals(two.subarray(HEADER_BYTES))).toBe(false);
  });
});

describe('key files', () => {
  const folder = mkdtempSync(join(tmpdir(), 'shieldwatch-key-'));
  afterAll(() => {
    rmSync(folder, { recursive: true });
  });

  it('makes a key that only its owner reads, and never replaces a file', () => {
    const path = join(folder, 'new.key');
    writeNewKey(path);
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(readKey(path)).toHaveLength(32);
    expect(() => {
      writeNewKey(path);
    }).toThrow('EEXIST');
  });

  it('reads 32 bytes, and rejects other sizes and files that others may read', () => {
    const path = join(folder, 'raw.key');
    writeFileSync(path, KEY, { mode: 0o600 });
    expect(readKey(path).equals(KEY)).toBe(true);
    chmodSync(path, 0o640);
    expect(() => readKey(path)).toThrow('mode 0600');
    writeFileSync(join(folder, 'short.key'), 'abc', { mode: 0o600 });
    expect(() => readKey(join(folder, 'short.key'))).toThrow('expected 32 bytes');
    expect(() => readKey(join(folder, 'none.key'))).toThrow('ENOENT');
  });
});
