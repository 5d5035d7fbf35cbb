import type { IncomingMessage } from 'node:http';
import { Readable } from 'node:stream';
import { CONTENT_ENCODINGS, decompressBody } from './compression/content-encoding.js';
import { decompressNative } from './compression/native-blocks.js';
import { named } from './errors.js';
import { insertWithData } from './statement.js';

/** Enough to hold any INSERT's statement in front of its data. */
const HEAD_BYTES = 64 * 1024;
/** A statement without data (a SELECT, a DDL) may be this long. */
const MAX_STATEMENT_BYTES = 8 * 1024 * 1024;

/**
 * The engine reads these by itself, off our event loop, where a body is nothing but the data of an INSERT. Not LZ4:
 * of a body that is cut short in its header it makes no rows and no error.
 */
const BY_ENGINE = new Set(['zstd', 'xz', 'bz2', 'snappy']);

/** A request's body, decoded, of which the beginning can be looked at before the rest is read. */
export class Body {
  /** How the engine must read the data: an encoding of `BY_ENGINE` passes through. */
  readonly engineCompression: string;
  readonly #chunks: AsyncIterator<Buffer>;
  #head: Buffer;
  #isEnded = false;

  private constructor(source: AsyncIterable<Buffer>, before: Buffer, engineCompression: string) {
    this.engineCompression = engineCompression;
    this.#chunks = source[Symbol.asyncIterator]();
    this.#head = before;
  }

  /**
   * Opens the body behind a URL's `query`, joined by a line break as ClickHouse does, and reads its
   * first bytes.
   *
   * @param isInBlocks the body is in ClickHouse's own compressed blocks (`decompress=1`)
   */
  static async open(request: IncomingMessage, query: string, isInBlocks: boolean): Promise<Body> {
    const encoding = (request.headers['content-encoding'] ?? '').trim().toLowerCase();
    const before = Buffer.from(query === '' ? '' : `${query}\n`);
    if (!isInBlocks && BY_ENGINE.has(encoding) && insertWithData(before) !== undefined)
      return new Body(request, before, encoding);
    const decoded = decode(request, encoding);
    const body = new Body(isInBlocks ? decompressNative(decoded) : decoded, before, 'none');
    await body.#fill(HEAD_BYTES);
    return body;
  }

  /** A body that is known already. */
  static of(text: string): Body {
    const body = new Body(Readable.from([]), Buffer.from(text), 'none');
    body.#isEnded = true;
    return body;
  }

  /** The first bytes: at least 64 KB, or everything. */
  get head(): Buffer {
    return this.#head;
  }

  /** Everything, for a statement without data. */
  async statement(): Promise<Buffer> {
    await this.#fill(MAX_STATEMENT_BYTES);
    if (this.#isEnded) return this.#head;
    throw named(
      'QUERY_IS_TOO_LARGE',
      `Query is too large: more than ${MAX_STATEMENT_BYTES} bytes without being an INSERT with data`,
    );
  }

  /** Everything from byte `from` of the head on, without gathering it in memory. */
  async *dataFrom(from: number): AsyncGenerator<Buffer, void, void> {
    yield this.#head.subarray(from);
    for (;;) {
      const chunk = await this.#next();
      if (chunk === undefined) return;
      yield chunk;
    }
  }

  async #fill(bytes: number): Promise<void> {
    const chunks = [this.#head];
    let length = this.#head.length;
    while (length <= bytes) {
      const chunk = await this.#next();
      if (chunk === undefined) break;
      chunks.push(chunk);
      length += chunk.length;
    }
    this.#head = Buffer.concat(chunks);
  }

  async #next(): Promise<Buffer | undefined> {
    if (this.#isEnded) return undefined;
    try {
      const next = await this.#chunks.next();
      if (next.done !== true) return next.value;
    } catch {
      throw named('BAD_ARGUMENTS', 'The request body ended early or is not compressed as the request says');
    }
    this.#isEnded = true;
    return undefined;
  }
}

function decode(request: Readable, encoding: string): AsyncIterable<Buffer> {
  const decoded = decompressBody(request, encoding);
  if (decoded !== undefined) return decoded;
  throw named(
    'NOT_IMPLEMENTED',
    `Content-Encoding ${encoding} is not supported by the embedded server: use ${CONTENT_ENCODINGS.join(', ')} (xz, bz2, snappy only for the data of an INSERT whose statement is in the URL)`,
  );
}
