import type { Transform } from 'node:stream';
import { BlockEncoder } from './blocks.js';
import { ByteReader } from './byte-reader.js';
import { cityHash128, cityHash128Steps } from './city-hash.js';
import { compressLz4, decompressLz4Steps } from './lz4.js';
import { inPortions, inTurns } from './turns.js';
import { decompressZstdBlock } from './zstd.js';

/**
 * ClickHouse's own compression (`compress=1`, `decompress=1`): blocks of 16 bytes of CityHash128 over the rest, a byte
 * of method, the length of method, lengths and data, the length of the content, and the data.
 */
const METHOD = { none: 0x02, lz4: 0x82, zstd: 0x90 } as const;
const CHECKSUM_BYTES = 16;
const HEADER_BYTES = 9;
/** Of what is sent; a server's `max_compress_block_size`. */
const BLOCK_BYTES = 2 ** 20;
/** Of what is taken: more than any client puts into one block, little enough to wait in memory. */
export const MAX_BLOCK_BYTES = 32 * 2 ** 20;

/** Compresses with LZ4, the default of a ClickHouse server. */
export function createNativeCompress(): Transform {
  return new BlockEncoder(BLOCK_BYTES, (block) => {
    const data = compressLz4(block);
    const bytes = Buffer.allocUnsafe(CHECKSUM_BYTES + HEADER_BYTES + data.length);
    bytes.writeUInt8(METHOD.lz4, CHECKSUM_BYTES);
    bytes.writeUInt32LE(HEADER_BYTES + data.length, CHECKSUM_BYTES + 1);
    bytes.writeUInt32LE(block.length, CHECKSUM_BYTES + 5);
    data.copy(bytes, CHECKSUM_BYTES + HEADER_BYTES);
    cityHash128(bytes.subarray(CHECKSUM_BYTES)).copy(bytes);
    return bytes;
  });
}

/** Decompresses, block by block. Throws for a checksum that is wrong, and for a block beyond 32 MiB before it is read. */
export function decompressNative(source: AsyncIterable<Buffer>): AsyncIterable<Buffer> {
  return inPortions(blocksOf(source));
}

async function* blocksOf(source: AsyncIterable<Buffer>): AsyncGenerator<Buffer, void, void> {
  const reader = new ByteReader(source);
  while (!(await reader.isAtEnd())) {
    const [checksum, header] = [await reader.read(CHECKSUM_BYTES), await reader.read(HEADER_BYTES)];
    const [method, length, size] = [header.readUInt8(0), header.readUInt32LE(1) - HEADER_BYTES, header.readUInt32LE(5)];
    if (length < 0 || length > MAX_BLOCK_BYTES || size > MAX_BLOCK_BYTES) throw new Error('block out of bounds');
    const data = await reader.read(length);
    if (!(await inTurns(cityHash128Steps(Buffer.concat([header, data])))).equals(checksum))
      throw new Error('wrong checksum of a block');
    yield await contentOf(method, data, size);
  }
}

async function contentOf(method: number, data: Buffer, size: number): Promise<Buffer> {
  const content = method === METHOD.none ? data : Buffer.allocUnsafe(size);
  const length = method === METHOD.none ? data.length : await decompress(method, data, content);
  if (length !== size) throw new Error('block of another length than its header says');
  return content;
}

async function decompress(method: number, data: Buffer, content: Buffer): Promise<number> {
  if (method === METHOD.lz4) return inTurns(decompressLz4Steps(data, content));
  if (method === METHOD.zstd) return decompressZstdBlock(data, content);
  throw new Error('unknown method of compression');
}
