import fc from 'fast-check';
import { createHash } from 'node:crypto';
import { Readable, type Transform } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { describe, expect, test } from 'vitest';
import { cityHash128 } from './city-hash.js';
import { acceptedEncoding, CONTENT_ENCODINGS, decompressBody } from './content-encoding.js';
import { lz4Bound, compressLz4, decompressLz4 } from './lz4.js';
import { createNativeCompress, decompressNative, MAX_BLOCK_BYTES } from './native-blocks.js';
import { decompressZstd } from './zstd.js';

const RUNS = { seed: 20_261_130, numRuns: 60 };

/** Text that repeats, noise, runs of one byte, and anything between, in pieces of any size. */
const content = fc
  .array(
    fc.oneof(
      fc.uint8Array({ maxLength: 3000 }),
      fc
        .tuple(fc.uint8Array({ minLength: 1, maxLength: 40 }), fc.integer({ min: 1, max: 9000 }))
        .map(([part, times]) => Buffer.alloc(Math.min(part.length * times, 400_000), Buffer.from(part))),
    ),
    { maxLength: 5 },
  )
  .map((parts) => Buffer.concat(parts));
const pieces = (bytes: Buffer, size: number): Readable =>
  Readable.from(
    (function* () {
      for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
    })(),
    { objectMode: false },
  );
const through = async (bytes: Buffer, size: number, encoder: Transform): Promise<Buffer> =>
  buffer(pieces(bytes, size).pipe(encoder));
const gathered = async (source: AsyncIterable<Buffer>): Promise<Buffer> => {
  const chunks: Buffer[] = [];
  for await (const chunk of source) chunks.push(chunk);
  return Buffer.concat(chunks);
};

describe('CityHash128', () => {
  test("matches ClickHouse's values for every length", () => {
    const all = createHash('sha256');
    for (let length = 0; length <= 1200; length++)
      all.update(cityHash128(Buffer.from(Array.from({ length }, (_, i) => (i * 7 + length) & 255))));
    // Of the hashes that go-faster/city 1.0.1 (in clickhouse-go) makes of the same bytes.
    expect(all.digest('hex')).toBe('fa21164630e62e3223c25afd8f6ec81690634c3e85a9b0f04174318c4c6ea79d');
    expect(cityHash128(Buffer.from('')).toString('hex')).toBe('2b9ac064fc9df03d291ee592c340b53c');
  });
});

describe.each(CONTENT_ENCODINGS)('%s', (name) => {
  test('round-trips data in chunks of any size', async () => {
    await fc.assert(
      fc.asyncProperty(content, fc.integer({ min: 1, max: 200_000 }), async (bytes, size) => {
        const encoder = acceptedEncoding(name)?.compress();
        if (encoder === undefined) throw new Error(name);
        const compressed = await through(bytes, Math.max(size, 100), encoder);
        const back = await gathered(decompressBody(pieces(compressed, Math.max(size, 7)), name) ?? pieces(bytes, 1));
        expect(back.equals(bytes)).toBe(true);
      }),
      RUNS,
    );
  });

  test('shortens text', async () => {
    const encoder = acceptedEncoding(name)?.compress();
    const text = Buffer.from('a line that comes again and again, 12345\n'.repeat(20_000));
    expect((await through(text, 65_536, encoder as Transform)).length).toBeLessThan(text.length / 20);
  });

  test('fails or yields other bytes for truncated or changed data, without further effect', async () => {
    const compressed = await through(
      Buffer.from('some text that compresses '.repeat(100)),
      65_536,
      acceptedEncoding(name)?.compress() as Transform,
    );
    await expect(
      gathered(decompressBody(pieces(compressed.subarray(0, -5), 1000), name) ?? pieces(compressed, 1)),
    ).rejects.toThrow();
    await fc.assert(
      fc.asyncProperty(fc.nat(compressed.length - 1), fc.integer({ min: 1, max: 255 }), async (at, by) => {
        const changed = Buffer.from(compressed);
        changed[at] = (changed[at] ?? 0) ^ by;
        await gathered(decompressBody(pieces(changed, 1000), name) ?? pieces(compressed, 1)).catch(() => undefined);
      }),
      RUNS,
    );
  });
});

describe('LZ4', () => {
  test('decompresses a block to its original, never beyond its bound', () => {
    fc.assert(
      fc.property(content, (bytes) => {
        const compressed = compressLz4(bytes);
        expect(compressed.length).toBeLessThanOrEqual(lz4Bound(bytes.length));
        const back = Buffer.alloc(bytes.length);
        expect(decompressLz4(compressed, back)).toBe(bytes.length);
        expect(back.equals(bytes)).toBe(true);
      }),
      RUNS,
    );
  });

  test('writes no block beyond its target, and reads none before it', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 64 }), fc.nat(200), (bytes, size) => {
        const target = Buffer.alloc(size);
        let end = 0;
        try {
          end = decompressLz4(Buffer.from(bytes), target);
        } catch {
          /* malformed */
        }
        expect(end).toBeLessThanOrEqual(size);
      }),
      { ...RUNS, numRuns: 3000 },
    );
    // A distance of 1 before there is anything.
    expect(() => decompressLz4(Buffer.from([0x00, 0x01, 0x00, 0x00]), Buffer.alloc(100))).toThrow(/malformed/);
  });

  test('reads frames of the reference tool: linked blocks, checksums, sizes', async () => {
    // `printf 'abc%.0s' $(seq 1000) | lz4 -B4 -BD --content-size`, and `-BX`.
    for (const frame of LZ4_FRAMES)
      expect(
        (
          await gathered(decompressBody(pieces(Buffer.from(frame, 'hex'), 5), 'lz4') ?? pieces(Buffer.alloc(0), 1))
        ).toString(),
      ).toBe('abc'.repeat(1000));
  });
});

describe("ClickHouse's own blocks", () => {
  const block = (method: number, data: Buffer, size: number): Buffer => {
    const head = Buffer.alloc(9);
    head.writeUInt8(method);
    head.writeUInt32LE(9 + data.length, 1);
    head.writeUInt32LE(size, 5);
    return Buffer.concat([cityHash128(Buffer.concat([head, data])), head, data]);
  };
  const read = (bytes: Buffer, size = 65_536): Promise<Buffer> => gathered(decompressNative(pieces(bytes, size)));

  test('round-trip in chunks of any size', async () => {
    await fc.assert(
      fc.asyncProperty(content, fc.integer({ min: 100, max: 200_000 }), async (bytes, size) => {
        expect((await read(await through(bytes, size, createNativeCompress()), size)).equals(bytes)).toBe(true);
      }),
      RUNS,
    );
  });

  test('of each method are read, one after another', async () => {
    const zstd = await through(Buffer.from('three'), 100, acceptedEncoding('zstd')?.compress() as Transform);
    expect(
      (
        await read(
          Buffer.concat([
            block(0x02, Buffer.from('one '), 4),
            block(0x82, compressLz4(Buffer.from('two ')), 4),
            block(0x90, zstd, 5),
          ]),
          3,
        )
      ).toString(),
    ).toBe('one two three');
  });

  test.each<[string, () => Buffer]>([
    [
      'a wrong checksum',
      () => {
        const bytes = block(0x02, Buffer.from('one'), 3);
        bytes[0] = (bytes[0] ?? 0) ^ 1;
        return bytes;
      },
    ],
    ['content of another length', () => block(0x02, Buffer.from('one'), 4)],
    ['LZ4 that is longer than the header says', () => block(0x82, compressLz4(Buffer.alloc(5000)), 4999)],
    ['LZ4 that is shorter', () => block(0x82, compressLz4(Buffer.alloc(5000)), 5001)],
    ['an unknown method', () => block(0x99, Buffer.from('one'), 3)],
    ['content beyond the bound', () => block(0x82, Buffer.from('x'), MAX_BLOCK_BYTES + 1)],
    [
      'a length below its own header',
      () => {
        const bytes = block(0x02, Buffer.alloc(0), 0);
        bytes.writeUInt32LE(3, 17);
        return bytes;
      },
    ],
    ['the middle of a block', () => block(0x02, Buffer.from('one'), 3).subarray(0, -1)],
    ['text', () => Buffer.from('SELECT 1, and some more text that is no block')],
  ])('are refused with %s', async (_what, make) => {
    await expect(read(make())).rejects.toThrow();
  });
});

describe('decompression bombs', () => {
  /** A frame of Zstandard with `count` blocks of 128 KiB of one byte, 4 bytes each. */
  const bomb = (count: number, window = 0x38): Buffer =>
    Buffer.concat([
      Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 0x00, window]),
      ...Array.from({ length: count }, (_, i) => {
        const head = Buffer.alloc(4);
        head.writeUIntLE((i === count - 1 ? 1 : 0) | (1 << 1) | (131_072 << 3), 0, 3);
        return head;
      }),
    ]);

  test('of Zstandard are decoded in blocks of at most 128 KiB', async () => {
    let count = 0;
    for await (const chunk of decompressZstd(pieces(bomb(20_000), 65_536))) {
      expect(chunk.length).toBe(131_072);
      if (++count === 100) break;
    }
    expect(count).toBe(100);
  });

  test('of Zstandard with a window beyond 8 MiB are refused before it is allocated', async () => {
    await expect(gathered(decompressZstd(pieces(bomb(1, 0xf8), 100)))).rejects.toThrow(/window/);
  });
});

const LZ4_FRAMES: readonly string[] = [
  '04224d186c40b80b000000000000e8180000003f6162630300ffffffffffffffffffffffa850626361626300000000f6fd8b59',
  '04224d187c40b80b0000000000000f180000003f6162630300ffffffffffffffffffffffa850626361626307acdf4100000000f6fd8b59',
];

describe('a large body', () => {
  /** What `work` gives, and how many turns of the event loop others had meanwhile. */
  async function turnsOf<T>(work: Promise<T>): Promise<{ result: T; turns: number }> {
    let turns = 0;
    let isDone = false;
    const count = (): void => {
      turns += 1;
      if (!isDone) setImmediate(count);
    };
    setImmediate(count);
    const result = await work.finally(() => {
      isDone = true;
    });
    return { result, turns };
  }
  const MIB = 2 ** 20;
  const whole = (bytes: Buffer): AsyncIterable<Buffer> => Readable.from([bytes]) as AsyncIterable<Buffer>;
  const noise = createHash('shake256', { outputLength: 8 * MIB })
    .update('noise')
    .digest();

  test('of any encoding leaves turns to other requests while it is decompressed', async () => {
    const repeated = Buffer.alloc(24 * MIB, 'a');
    for (const name of ['lz4', 'zstd']) {
      const compressed = await through(repeated, 65_536, acceptedEncoding(name)?.compress() as Transform);
      const { result, turns } = await turnsOf(gathered(decompressBody(Readable.from([compressed]), name) as Readable));
      expect([name, result.equals(repeated), turns >= 20]).toEqual([name, true, true]);
    }
    // One block of ClickHouse's, as no client makes it.
    const data = compressLz4(noise);
    const header = Buffer.alloc(9);
    header.writeUInt8(0x82);
    header.writeUInt32LE(9 + data.length, 1);
    header.writeUInt32LE(noise.length, 5);
    const block = Buffer.concat([cityHash128(Buffer.concat([header, data])), header, data]);
    // Two at once: each hash has its own state.
    const { result, turns } = await turnsOf(
      Promise.all([gathered(decompressNative(whole(block))), gathered(decompressNative(whole(block)))]),
    );
    expect(result.every((each) => each.equals(noise))).toBe(true);
    expect(turns).toBeGreaterThanOrEqual(8);
  });

  test('of blocks without content leaves turns to other requests', async () => {
    const skippable = Buffer.alloc(8);
    skippable.writeUInt32LE(0x184d2a50);
    const { turns } = await turnsOf(
      gathered(decompressBody(Readable.from([Buffer.alloc(80_000, skippable)]), 'lz4') as Readable),
    );
    expect(turns).toBeGreaterThanOrEqual(10);
  });

  test('is compressed a block in a turn', async () => {
    for (const encoder of [
      createNativeCompress(),
      acceptedEncoding('lz4')?.compress(),
      acceptedEncoding('zstd')?.compress(),
    ]) {
      const { turns } = await turnsOf(
        buffer(Readable.from([noise], { objectMode: false, highWaterMark: 64 * MIB }).pipe(encoder as Transform)),
      );
      expect(turns).toBeGreaterThanOrEqual(7);
    }
  });
});
