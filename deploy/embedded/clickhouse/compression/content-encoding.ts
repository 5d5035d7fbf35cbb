import { pipeline, type Duplex, type Readable, type Transform } from 'node:stream';
import {
  constants,
  createBrotliCompress,
  createBrotliDecompress,
  createDeflate,
  createGunzip,
  createGzip,
  createInflate,
} from 'node:zlib';
import { createLz4FrameCompress, decompressLz4Frames } from './lz4-frame.js';
import { inPortions } from './turns.js';
import { decompressZstd, ZstdCompress } from './zstd.js';

/** How the bytes of a body are compressed, by the name in `Content-Encoding` and `Accept-Encoding`. */
interface ContentEncoding {
  readonly compress: () => Transform;
  readonly decompress: (body: Readable) => AsyncIterable<Buffer>;
}

/**
 * In the order of preference for an answer whose client takes several: first what Node.js compresses off the event loop.
 */
const ENCODINGS: Readonly<Record<string, ContentEncoding>> = {
  gzip: { compress: () => createGzip({ level: 3 }), decompress: (body) => through(body, createGunzip()) },
  deflate: { compress: () => createDeflate({ level: 3 }), decompress: (body) => through(body, createInflate()) },
  br: {
    compress: () => createBrotliCompress({ params: { [constants.BROTLI_PARAM_QUALITY]: 3 } }),
    decompress: (body) => through(body, createBrotliDecompress()),
  },
  lz4: { compress: createLz4FrameCompress, decompress: (body) => inPortions(decompressLz4Frames(body)) },
  zstd: { compress: () => new ZstdCompress(), decompress: (body) => inPortions(decompressZstd(body)) },
};

/** The names of the encodings. */
export const CONTENT_ENCODINGS = Object.keys(ENCODINGS);

/** The encoding of an answer, chosen from an `Accept-Encoding`; undefined when it names none that is known. */
export function acceptedEncoding(
  accepted: string,
): { readonly name: string; readonly compress: () => Transform } | undefined {
  const offered = new Set(accepted.split(',').map((part) => part.split(';')[0]?.trim().toLowerCase()));
  const name = CONTENT_ENCODINGS.find((each) => offered.has(each));
  const encoding = name === undefined ? undefined : ENCODINGS[name];
  return name === undefined || encoding === undefined ? undefined : { name, compress: encoding.compress };
}

/** A body's bytes, decompressed; undefined for an encoding that is not known. */
export function decompressBody(body: Readable, encoding: string): AsyncIterable<Buffer> | undefined {
  if (encoding === '' || encoding === 'identity') return body;
  const name = encoding === 'x-gzip' ? 'gzip' : encoding;
  return Object.hasOwn(ENCODINGS, name) ? ENCODINGS[name]?.decompress(body) : undefined;
}

/** The callback keeps a broken body from being an uncaught error; readers see it as their own. */
function through(body: Readable, decoder: Duplex): Duplex {
  pipeline(body, decoder, () => undefined);
  return decoder;
}
