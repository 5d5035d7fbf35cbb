import { Zstd } from '@hpcc-js/wasm-zstd';
import { Decompress } from 'fzstd';
import { Transform, type TransformCallback } from 'node:stream';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { ByteReader } from './byte-reader.js';

/** What every decoder of Zstandard should offer, and as much as a client may ask of this one (RFC 8878, 3.1.1.1.2). */
const MAX_WINDOW_BYTES = 8 * 2 ** 20;
const MAGIC = 0xfd2fb528;
const SKIPPABLE = 0x184d2a50;
const RAW = 0;
const RLE = 1;
const MAX_BLOCK_BYTES = 128 * 1024;
/** The fastest: answers cross one machine. */
const LEVEL = 1;

/**
 * Decompresses Zstandard, block by block (128 KiB at most), so that no input becomes more at once. Throws for a window
 * beyond 8 MiB, for dictionaries, and for what is malformed.
 */
export async function* decompressZstd(source: AsyncIterable<Buffer>): AsyncGenerator<Buffer, void, void> {
  const reader = new ByteReader(source);
  while (!(await reader.isAtEnd())) {
    const magic = await reader.read(4);
    if ((magic.readUInt32LE() & 0xfffffff0) >>> 0 === SKIPPABLE) {
      let left = (await reader.read(4)).readUInt32LE();
      for (; left > 0; left -= Math.min(left, MAX_BLOCK_BYTES)) await reader.read(Math.min(left, MAX_BLOCK_BYTES));
    } else {
      if (magic.readUInt32LE() !== MAGIC) throw new Error('not Zstandard');
      yield* decompressFrame(magic, reader);
    }
  }
}

async function* decompressFrame(magic: Buffer, reader: ByteReader): AsyncGenerator<Buffer, void, void> {
  const { header, hasChecksum } = await readHeader(reader);
  let blocks: Buffer[] = [];
  const frame = new Decompress((data) => {
    if (data.length > 0) blocks.push(Buffer.from(data));
  });
  frame.push(Buffer.concat([magic, header]));
  for (let isLast = false; !isLast;) {
    const head = await reader.read(3);
    const bits = head.readUIntLE(0, 3);
    const [type, size] = [(bits >> 1) & 3, bits >> 3];
    isLast = (bits & 1) === 1;
    if (size > MAX_BLOCK_BYTES) throw new Error('block out of bounds');
    const data = await reader.read(type === RLE ? 1 : size);
    const isEmpty = type === RAW && size === 0;
    // The library does not look at the checksum, but wants it.
    if (isLast) frame.push(Buffer.concat([head, data, await reader.read(hasChecksum ? 4 : 0)]), true);
    else if (!isEmpty) frame.push(Buffer.concat([head, data]));
    for (const block of blocks) yield block;
    blocks = [];
  }
}

/** The header behind the magic number, of which only the window is looked at. */
async function readHeader(reader: ByteReader): Promise<{ header: Buffer; hasChecksum: boolean }> {
  const descriptor = await reader.read(1);
  const flags = descriptor.readUInt8();
  const isSingleSegment = (flags & 0x20) !== 0;
  if ((flags & 0x03) !== 0) throw new Error('Zstandard with a dictionary');
  const sizeFlag = flags >> 6;
  const sizeBytes = sizeFlag === 0 ? (isSingleSegment ? 1 : 0) : 1 << sizeFlag;
  const rest = await reader.read((isSingleSegment ? 0 : 1) + sizeBytes);
  if (windowOf(rest, isSingleSegment, sizeBytes) > MAX_WINDOW_BYTES) throw new Error('window out of bounds');
  return { header: Buffer.concat([descriptor, rest]), hasChecksum: (flags & 0x04) !== 0 };
}

function windowOf(rest: Buffer, isSingleSegment: boolean, sizeBytes: number): number {
  if (!isSingleSegment) {
    const window = rest.readUInt8();
    const base = 2 ** (10 + (window >> 3));
    return base + (base / 8) * (window & 7);
  }
  if (sizeBytes === 8) return rest.readUInt32LE() + rest.readUInt32LE(4) * 2 ** 32;
  return rest.readUIntLE(0, sizeBytes) + (sizeBytes === 2 ? 256 : 0);
}

/** Decompresses the frames of one block into `target`; returns how much came out, at most its length. */
export async function decompressZstdBlock(data: Buffer, target: Buffer): Promise<number> {
  let at = 0;
  // eslint-disable-next-line @typescript-eslint/require-await
  const source = async function* (): AsyncGenerator<Buffer, void, void> {
    yield data;
  };
  for await (const block of decompressZstd(source())) {
    if (block.length > target.length - at) throw new Error('block of another length than its header says');
    block.copy(target, at);
    at += block.length;
  }
  return at;
}

/** What is used of the library's class, of which it hands out one object a process. */
type ZstdStream = Pick<Zstd, 'setCompressionLevel' | 'compressChunk' | 'compressEnd'> & {
  readonly _zstd: { delete(): void };
};

/** Compresses into one frame of Zstandard. */
export class ZstdCompress extends Transform {
  #stream: ZstdStream | undefined;

  override _construct(done: (error?: Error | null) => void): void {
    Zstd.load().then((library) => {
      // A stream of its own in the one WebAssembly module, by the library's constructor, which is private.
      const { _mainModule } = library as unknown as { _mainModule: { _module: unknown } };
      const stream: unknown = Reflect.construct(Zstd, [_mainModule._module]);
      this.#stream = stream as ZstdStream;
      this.#stream.setCompressionLevel(LEVEL);
      done();
    }, done);
  }

  override _transform(chunk: Buffer, _encoding: BufferEncoding, done: TransformCallback): void {
    this.#add(chunk).then(() => {
      done();
    }, done);
  }

  async #add(chunk: Buffer): Promise<void> {
    for (let at = 0; at < chunk.length; at += MAX_BLOCK_BYTES) {
      if (at > 0) await nextTurn();
      this.#push(this.#stream?.compressChunk(chunk.subarray(at, at + MAX_BLOCK_BYTES)));
    }
  }

  override _flush(done: TransformCallback): void {
    this.#push(this.#stream?.compressEnd());
    done();
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.#stream?._zstd.delete();
    this.#stream = undefined;
    done(error);
  }

  #push(bytes: Uint8Array | undefined): void {
    if (bytes !== undefined && bytes.length > 0) this.push(Buffer.from(bytes));
  }
}
