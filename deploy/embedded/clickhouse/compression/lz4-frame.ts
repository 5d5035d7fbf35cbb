import type { Transform } from 'node:stream';
import { BlockEncoder } from './blocks.js';
import { ByteReader } from './byte-reader.js';
import { compressLz4, decompressLz4Steps } from './lz4.js';
import { inTurns } from './turns.js';
import { XxHash32 } from './xx-hash.js';

const MAGIC = 0x184d2204;
const SKIPPABLE = 0x184d2a50;
const UNCOMPRESSED = 0x80000000;
const WINDOW_BYTES = 64 * 1024;
const BLOCK_BYTES = 256 * 1024;
/** Version 1, independent blocks, no checksums, no size; blocks of 256 KiB. */
const DESCRIPTOR = Buffer.from([0x60, 0x50]);
const END = Buffer.alloc(4);

/** Compresses into one LZ4 frame. */
export function createLz4FrameCompress(): Transform {
  const head = Buffer.alloc(7);
  head.writeUInt32LE(MAGIC);
  DESCRIPTOR.copy(head, 4);
  head.writeUInt8(headerChecksum(DESCRIPTOR), 6);
  return new BlockEncoder(
    BLOCK_BYTES,
    (block) => {
      const data = compressLz4(block);
      const isSmaller = data.length < block.length;
      const size = Buffer.alloc(4);
      size.writeUInt32LE(isSmaller ? data.length : block.length + UNCOMPRESSED);
      return Buffer.concat([size, isSmaller ? data : block]);
    },
    head,
    END,
  );
}

/** Decompresses LZ4 frames, block by block (4 MiB at most). Throws for checksums that are wrong and for dictionaries. */
export async function* decompressLz4Frames(source: AsyncIterable<Buffer>): AsyncGenerator<Buffer, void, void> {
  const reader = new ByteReader(source);
  while (!(await reader.isAtEnd())) {
    const magic = (await reader.read(4)).readUInt32LE();
    if ((magic & 0xfffffff0) >>> 0 === SKIPPABLE) {
      let left = (await reader.read(4)).readUInt32LE();
      for (; left > 0; left -= Math.min(left, BLOCK_BYTES)) await reader.read(Math.min(left, BLOCK_BYTES));
    } else {
      if (magic !== MAGIC) throw new Error('not an LZ4 frame');
      yield* decompressFrame(reader);
    }
  }
}

interface Descriptor {
  readonly isLinked: boolean;
  readonly hasBlockChecksums: boolean;
  readonly hasChecksum: boolean;
  readonly maxBlockBytes: number;
}

async function readDescriptor(reader: ByteReader): Promise<Descriptor> {
  const start = await reader.read(2);
  const [flags, sizes] = [start.readUInt8(0), start.readUInt8(1)];
  const sizeCode = (sizes >> 4) & 7;
  if (flags >> 6 !== 1 || (flags & 1) !== 0 || sizeCode < 4)
    throw new Error('LZ4 frame of another version, or with a dictionary');
  const size = await reader.read((flags & 8) === 0 ? 0 : 8);
  if ((await reader.read(1)).readUInt8() !== headerChecksum(Buffer.concat([start, size])))
    throw new Error("wrong checksum of an LZ4 frame's header");
  return {
    isLinked: (flags & 0x20) === 0,
    hasBlockChecksums: (flags & 0x10) !== 0,
    hasChecksum: (flags & 4) !== 0,
    maxBlockBytes: 2 ** (8 + 2 * sizeCode),
  };
}

async function* decompressFrame(reader: ByteReader): AsyncGenerator<Buffer, void, void> {
  const { isLinked, hasBlockChecksums, hasChecksum, maxBlockBytes } = await readDescriptor(reader);
  const hash = new XxHash32();
  let window: Buffer = Buffer.alloc(0);
  for (;;) {
    const size = (await reader.read(4)).readUInt32LE();
    if (size === 0) break;
    const isCompressed = size < UNCOMPRESSED;
    const length = isCompressed ? size : size - UNCOMPRESSED;
    if (length > maxBlockBytes) throw new Error('block out of bounds');
    const data = await reader.read(length);
    if (hasBlockChecksums && (await reader.read(4)).readUInt32LE() !== new XxHash32().update(data).digest())
      throw new Error('wrong checksum of a block');
    const content = isCompressed ? await decompressBlock(data, window, maxBlockBytes) : data;
    if (hasChecksum) hash.update(content);
    if (isLinked) window = Buffer.concat([window, content]).subarray(-WINDOW_BYTES);
    yield content;
  }
  if (hasChecksum && (await reader.read(4)).readUInt32LE() !== hash.digest())
    throw new Error('wrong checksum of an LZ4 frame');
}

/** Decompresses a block whose matches may reach back into what came before it. */
async function decompressBlock(data: Buffer, window: Buffer, maxBytes: number): Promise<Buffer> {
  const target = Buffer.allocUnsafe(window.length + maxBytes);
  window.copy(target);
  return target.subarray(window.length, await inTurns(decompressLz4Steps(data, target, window.length)));
}

function headerChecksum(descriptor: Buffer): number {
  return (new XxHash32().update(descriptor).digest() >>> 8) & 0xff;
}
