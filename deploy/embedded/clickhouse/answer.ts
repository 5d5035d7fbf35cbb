import { randomBytes } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Transform, Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { AnswerSpool } from './answer-spool.js';
import { acceptedEncoding } from './compression/content-encoding.js';
import { createNativeCompress } from './compression/native-blocks.js';
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

/** How the client wants the bytes of its answer, errors included. */
export interface AnswerCompression {
  /** By `Accept-Encoding`, where the request allows it (`enable_http_compression=1`). */
  readonly overHttp: boolean;
  /** In ClickHouse's own blocks (`compress=1`), inside what HTTP does. */
  readonly inBlocks: boolean;
}

/** Bytes held back before the headers go out, so that a query that fails early gets its proper status. */
const HELD_BACK_BYTES = 128 * 1024;

/** One answer on its way out: headers when it is clear which, body with back-pressure, errors at any time. */
export class Answer {
  readonly #response: ServerResponse;
  readonly #identity: ServerIdentity;
  readonly #encoding: ReturnType<typeof acceptedEncoding>;
  readonly #isInBlocks: boolean;
  readonly #exceptionTag = randomBytes(8).toString('hex');
  #held: Buffer[] = [];
  #heldBytes = 0;
  #format: string | undefined;
  #encoder: Transform | undefined;
  /** An error in mid-stream: the connection ends behind it. */
  #isCut = false;
  readonly #spool: AnswerSpool | undefined;
  readonly #sendTimeoutMs: number;

  /**
   * @param spool where a long answer waits for its end; without one it goes out as it comes
   * @param sendTimeoutMs after so long without taking a byte the client is cut off, as it holds up a query
   */
  constructor(
    request: IncomingMessage,
    response: ServerResponse,
    identity: ServerIdentity,
    compression?: AnswerCompression,
    spool?: AnswerSpool,
    sendTimeoutMs = 30_000,
  ) {
    this.#spool = spool;
    this.#sendTimeoutMs = sendTimeoutMs;
    this.#response = response;
    this.#identity = identity;
    this.#encoding =
      compression?.overHttp === true ? acceptedEncoding(request.headers['accept-encoding'] ?? '') : undefined;
    this.#isInBlocks = compression?.inBlocks === true;
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
    this.#sendHeaders(200, body.length);
    (this.#encoder ?? this.#response).end(body);
  }

  /** Ends with an error: as status and text if nothing was sent, else in the body as ClickHouse marks it. */
  fail(error: ClickHouseError): void {
    const text = error.toBody(this.#identity.version);
    if (!this.#response.headersSent) {
      this.#held = [];
      this.#response.setHeader('X-ClickHouse-Exception-Code', error.code);
      this.#format = undefined;
      this.#sendHeaders(error.status, Buffer.byteLength(text));
      (this.#encoder ?? this.#response).end(text);
      return;
    }
    const tag = this.#exceptionTag;
    const block = `\r\n__exception__\r\n${tag}\r\n${text}${Buffer.byteLength(text)} ${tag}\r\n__exception__\r\n`;
    this.#isCut = true;
    if (this.#encoder === undefined) this.#response.write(block, () => this.#response.destroy());
    else this.#encoder.end(block);
  }

  async #endSpooled(spool: AnswerSpool): Promise<void> {
    if (this.#heldBytes > 0) await spool.append(this.#takeHeld());
    this.#sendHeaders(200, spool.bytes);
    // Any error from here on closes the connection: the client sees a truncated body.
    await pipeline(await spool.read(), this.#encoder ?? this.#response).catch(() => this.#response.destroy());
  }

  /** @param length of the whole answer before it is compressed, where that is known */
  #sendHeaders(status: number, length?: number): void {
    const response = this.#response;
    response.statusCode = status;
    response.setHeader('Content-Type', contentTypeOf(this.#format ?? 'text'));
    if (this.#format !== undefined) response.setHeader('X-ClickHouse-Format', this.#format);
    response.setHeader('X-ClickHouse-Exception-Tag', this.#exceptionTag);
    if (length !== 0 && this.#encoding !== undefined) response.setHeader('Content-Encoding', this.#encoding.name);
    if (length !== 0) this.#openEncoders();
    if (length !== undefined && this.#encoder === undefined) response.setHeader('Content-Length', length);
    response.flushHeaders();
  }

  #openEncoders(): void {
    const response = this.#response;
    const encoders = [
      ...(this.#isInBlocks ? [createNativeCompress()] : []),
      ...(this.#encoding === undefined ? [] : [this.#encoding.compress()]),
    ];
    this.#encoder = encoders[0];
    if (encoders.length === 2) encoders[0]?.pipe(encoders[1] as Transform);
    const last = encoders.at(-1);
    last?.pipe(response, { end: false });
    last?.once('end', () => {
      // Cut off without the last chunk, so that a client that does not know the error marker cannot treat it as complete.
      if (this.#isCut) response.write(Buffer.alloc(0), () => response.destroy());
      else response.end();
    });
    // A client that goes away leaves no encoder behind.
    response.once('close', () => {
      for (const encoder of encoders) encoder.destroy();
    });
    for (const encoder of encoders) encoder.on('error', () => response.destroy());
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
    const timer = setTimeout(() => {
      response.destroy();
    }, timeoutMs);
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
