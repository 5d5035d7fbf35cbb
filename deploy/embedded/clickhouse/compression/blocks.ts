import { Transform, type TransformCallback } from 'node:stream';
import { setImmediate as nextTurn } from 'node:timers/promises';

/** A stream that gathers bytes into blocks of one size and encodes each, one in a turn of the event loop: the last may be shorter. */
export class BlockEncoder extends Transform {
  readonly #size: number;
  readonly #encode: (block: Buffer) => Buffer;
  readonly #tail: Buffer;
  #waiting: Buffer[] = [];
  #waitingBytes = 0;

  constructor(
    size: number,
    encode: (block: Buffer) => Buffer,
    head: Buffer = Buffer.alloc(0),
    tail: Buffer = Buffer.alloc(0),
  ) {
    super();
    this.#size = size;
    this.#encode = encode;
    this.#tail = tail;
    if (head.length > 0) this.push(head);
  }

  override _transform(chunk: Buffer, _encoding: BufferEncoding, done: TransformCallback): void {
    this.#add(chunk).then(() => {
      done();
    }, done);
  }

  async #add(chunk: Buffer): Promise<void> {
    this.#waiting.push(chunk);
    this.#waitingBytes += chunk.length;
    if (this.#waitingBytes < this.#size) return;
    const bytes = Buffer.concat(this.#waiting);
    const whole = bytes.length - (bytes.length % this.#size);
    this.#waiting = [bytes.subarray(whole)];
    this.#waitingBytes = bytes.length - whole;
    for (let at = 0; at < whole; at += this.#size) {
      if (at > 0) await nextTurn();
      this.push(this.#encode(bytes.subarray(at, at + this.#size)));
    }
  }

  override _flush(done: TransformCallback): void {
    if (this.#waitingBytes > 0) this.push(this.#encode(Buffer.concat(this.#waiting)));
    if (this.#tail.length > 0) this.push(this.#tail);
    done();
  }
}
