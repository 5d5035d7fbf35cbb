import { randomBytes } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Transform, Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { constants, createBrotliCompress, createDeflate, createGzip } from 'node:zlib';
import type { AnswerSpool } from './answer-spool.js';
import type { ClickHouseError } from './errors.js';
import { contentTypeOf } from './formats.js';

/** What is the same in every answer of a server. */
export interface ServerIdentity {
  readonly version: string;
  readonly timezone: string;
  readonly displayName: string;
}

/** Numbers of `X-ClickHouse-Summary`. */
export interface Summary {
  readonly readRows: number;
  readonly readBytes: number;
  readonly writtenRows: number;
  readonly writtenBytes: number;
  readonly elapsedSeconds: number;
}

/** Bytes held back before the headers go out, so that a query that fails early gets its proper status. */
const HELD_BACK_BYTES = 128 * 1024;

/** One answer on its way out: headers when it is clear which, body with back-pressure, errors at any time. */
export class Answer {
  readonly #response: ServerResponse;
  readonly #identity: ServerIdentity;
  readonly #compression: Compression | undefined;
  readonly #exceptionTag = randomBytes(8).toString('hex');
  #held: Buffer[] = [];
  #heldBytes = 0;
  #format: string | undefined;
  #encoder: Transform | undefined;
  readonly #spool: AnswerSpool | undefined;
  readonly #sendTimeoutMs: number;

  /**
   * @param spool where a long answer waits for its end; without one it goes out as it comes
   * @param sendTimeoutMs after so long without taking a byte the client is cut off, as it holds up a query
   */
  constructor(request: IncomingMessage, response: ServerResponse, identity: ServerIdentity, compresses: boolean, spool?: AnswerSpool, sendTimeoutMs = 30_000) {
    this.#spool = spool;
    this.#sendTimeoutMs = sendTimeoutMs;
    this.#response = response;
    this.#identity = identity;
    this.#compression = compresses ? compressionFor(request.headers['accept-encoding'] ?? '') : undefined;
  }

  set format(name: string) {
    this.#format = name;
  }

  /** Resolves when more may be written, or when the client is gone. */
  async write(chunk: Buffer): Promise<void> {
    if (this.#response.headersSent) return this.#send(chunk);
    this.#held.push(chunk);
    this.#heldBytes += chunk.length;
    if (this.#heldBytes < HELD_BACK_BYTES) return;
    if (this.#spool !== undefined) {
      await this.#spool.append(this.#takeHeld());
      return;
    }
    this.#sendHeaders(200);
    await this.#send(this.#takeHeld());
  }

  /** Ends a good answer. A short one, and one that waited, goes out whole, with its length and its summary. */
  async end(summary: Summary): Promise<void> {
    if (this.#response.headersSent) {
      (this.#encoder ?? this.#response).end();
      return;
    }
    this.#response.setHeader('X-ClickHouse-Summary', summaryJson(summary));
    if (this.#spool !== undefined && this.#spool.bytes > 0) {
      await this.#endSpooled(this.#spool);
      return;
    }
    const body = this.#takeHeld();
    if (this.#compression === undefined || body.length === 0) this.#response.setHeader('Content-Length', body.length);
    this.#sendHeaders(200, body.length > 0);
    (this.#encoder ?? this.#response).end(body);
  }

  /** Ends with an error: as status and text if nothing was sent, else in the body as ClickHouse marks it. */
  fail(error: ClickHouseError): void {
    const text = error.toBody(this.#identity.version);
    if (!this.#response.headersSent) {
      this.#held = [];
      this.#response.setHeader('X-ClickHouse-Exception-Code', error.code);
      this.#format = undefined;
      this.#response.setHeader('Content-Length', Buffer.byteLength(text));
      this.#sendHeaders(error.status, false);
      this.#response.end(text);
      return;
    }
    const tag = this.#exceptionTag;
    const block = `\r\n__exception__\r\n${tag}\r\n${text}${Buffer.byteLength(text)} ${tag}\r\n__exception__\r\n`;
    // Cut off without the last chunk, so that a client that does not know the mark cannot take it for whole.
    const cut = (): void => void this.#response.destroy();
    const encoder = this.#encoder;
    if (encoder === undefined) this.#response.write(block, cut);
    else encoder.end(block);
    encoder?.once('end', cut);
  }

  async #endSpooled(spool: AnswerSpool): Promise<void> {
    if (this.#heldBytes > 0) await spool.append(this.#takeHeld());
    if (this.#compression === undefined) this.#response.setHeader('Content-Length', spool.bytes);
    this.#sendHeaders(200);
    // Whatever breaks now breaks the connection: the client sees a body that is too short.
    await pipeline(await spool.read(), this.#encoder ?? this.#response).catch(() => this.#response.destroy());
  }

  #sendHeaders(status: number, mayCompress = true): void {
    const response = this.#response;
    response.statusCode = status;
    response.setHeader('Content-Type', contentTypeOf(this.#format ?? 'text'));
    if (this.#format !== undefined) response.setHeader('X-ClickHouse-Format', this.#format);
    response.setHeader('X-ClickHouse-Exception-Tag', this.#exceptionTag);
    if (this.#compression !== undefined && mayCompress) {
      response.setHeader('Content-Encoding', this.#compression.name);
      this.#encoder = this.#compression.create();
      this.#encoder.pipe(response, { end: true });
    }
    response.flushHeaders();
  }

  async #send(chunk: Buffer): Promise<void> {
    const target = this.#encoder ?? this.#response;
    if (target.write(chunk) || this.#response.destroyed) return;
    await drained(target, this.#response, this.#sendTimeoutMs);
  }

  #takeHeld(): Buffer {
    const body = Buffer.concat(this.#held);
    this.#held = [];
    this.#heldBytes = 0;
    return body;
  }
}

function drained(target: Writable, response: ServerResponse, timeoutMs: number): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => { response.destroy(); }, timeoutMs);
    const settle = (): void => {
      clearTimeout(timer);
      target.off('drain', settle);
      response.off('close', settle);
      resolve();
    };
    target.on('drain', settle);
    response.on('close', settle);
  });
}

/** Headers that hold for good and bad answers alike. */
export function setCommonHeaders(response: ServerResponse, identity: ServerIdentity, queryId: string): void {
  response.setHeader('X-ClickHouse-Server-Display-Name', identity.displayName);
  response.setHeader('X-ClickHouse-Timezone', identity.timezone);
  response.setHeader('X-ClickHouse-Query-Id', queryId.replace(/[^\x20-\x7e]/g, '?'));
}

function summaryJson(summary: Summary): string {
  return JSON.stringify({
    read_rows: String(summary.readRows),
    read_bytes: String(summary.readBytes),
    written_rows: String(summary.writtenRows),
    written_bytes: String(summary.writtenBytes),
    total_rows_to_read: '0',
    result_rows: '0',
    result_bytes: '0',
    elapsed_ns: String(Math.round(summary.elapsedSeconds * 1e9)),
  });
}

interface Compression {
  readonly name: string;
  readonly create: () => Transform;
}

function compressionFor(accepted: string): Compression | undefined {
  const offered = new Set(accepted.split(',').map((part) => part.split(';')[0]?.trim().toLowerCase()));
  if (offered.has('gzip')) return { name: 'gzip', create: () => createGzip({ level: 3 }) };
  if (offered.has('deflate')) return { name: 'deflate', create: () => createDeflate({ level: 3 }) };
  if (offered.has('br')) {
    return { name: 'br', create: () => createBrotliCompress({ params: { [constants.BROTLI_PARAM_QUALITY]: 3 } }) };
  }
  return undefined;
}
