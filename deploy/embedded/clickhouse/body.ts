import type { IncomingMessage } from 'node:http';
import { pipeline, type Readable } from 'node:stream';
import { createBrotliDecompress, createGunzip, createInflate } from 'node:zlib';
import { named } from './errors.js';
import { insertWithData } from './statement.js';

/** Enough to hold any INSERT's statement in front of its data. */
const HEAD_BYTES = 64 * 1024;
/** A statement without data (a SELECT, a DDL) may be this long. */
const MAX_STATEMENT_BYTES = 8 * 1024 * 1024;

/** Read by the engine itself, so the statement cannot be in such a body. */
const BY_ENGINE = new Set(['zstd', 'lz4', 'xz', 'bz2', 'snappy']);

/** A request's body, decoded, of which the beginning can be looked at before the rest is read. */
export class Body {
  /** How the engine must read the data: an encoding that Node does not know, and the engine does, passes through. */
  readonly engineCompression: string;
  readonly #chunks: AsyncIterator<Buffer>;
  #head: Buffer;
  #isEnded = false;

  private constructor(source: Readable, before: Buffer, engineCompression: string) {
    this.engineCompression = engineCompression;
    this.#chunks = source[Symbol.asyncIterator]() as AsyncIterator<Buffer>;
    this.#head = before;
  }

  /**
   * Opens the body behind a URL's `query`, joined by a line break as ClickHouse does, and reads its
   * first bytes.
   */
  static async open(request: IncomingMessage, query: string): Promise<Body> {
    const encoding = (request.headers['content-encoding'] ?? '').trim().toLowerCase();
    const before = Buffer.from(query === '' ? '' : `${query}\n`);
    if (BY_ENGINE.has(encoding) && insertWithData(before) !== undefined) return new Body(request, before, encoding);
    const body = new Body(decode(request, encoding), before, 'none');
    await body.#fill(HEAD_BYTES);
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
    throw named('QUERY_IS_TOO_LARGE', `Query is too large: more than ${MAX_STATEMENT_BYTES} bytes without being an INSERT with data`);
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
      throw named('BAD_ARGUMENTS', 'The request body ended early or is not what its Content-Encoding says');
    }
    this.#isEnded = true;
    return undefined;
  }
}

function decode(request: IncomingMessage, encoding: string): Readable {
  // The callback keeps a broken body from being an uncaught error; readers see it as their own.
  const through = <T extends Readable & NodeJS.ReadWriteStream>(decoder: T): T => {
    pipeline(request, decoder, () => undefined);
    return decoder;
  };
  switch (encoding) {
    case '':
    case 'identity': return request;
    case 'gzip':
    case 'x-gzip': return through(createGunzip());
    case 'deflate': return through(createInflate());
    case 'br': return through(createBrotliDecompress());
    default: throw named('NOT_IMPLEMENTED', `Content-Encoding ${encoding} is not supported by the embedded server: use gzip, deflate or br (zstd, lz4, xz, bz2, snappy only for the data of an INSERT whose statement is in the URL)`);
  }
}
