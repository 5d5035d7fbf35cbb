import { setImmediate as nextTurn } from 'node:timers/promises';

/** Reads in one turn of the event loop: a body of tiny blocks holds up no other request. */
const READS_A_TURN = 1_024;

/** Reads bytes that arrive in pieces of any size. */
export class ByteReader {
  readonly #chunks: AsyncIterator<Buffer>;
  #rest: Buffer = Buffer.alloc(0);
  #reads = 0;

  constructor(source: AsyncIterable<Buffer>) {
    this.#chunks = source[Symbol.asyncIterator]();
  }

  /** Whether there is nothing more. */
  async isAtEnd(): Promise<boolean> {
    while (this.#rest.length === 0) {
      const next = await this.#chunks.next();
      if (next.done === true) return true;
      this.#rest = next.value;
    }
    return false;
  }

  /** The next `count` bytes. Throws when the source ends before. */
  async read(count: number): Promise<Buffer> {
    if (++this.#reads % READS_A_TURN === 0) await nextTurn();
    if (this.#rest.length < count) {
      const chunks = [this.#rest];
      let length = this.#rest.length;
      while (length < count) {
        const next = await this.#chunks.next();
        if (next.done === true) throw new Error('the data ends in the middle');
        chunks.push(next.value);
        length += next.value.length;
      }
      this.#rest = Buffer.concat(chunks);
    }
    const bytes = this.#rest.subarray(0, count);
    this.#rest = this.#rest.subarray(count);
    return bytes;
  }
}
