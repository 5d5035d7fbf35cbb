/** Asks its driver for more bytes by yielding; resumes when some came. */
export type Reading<T> = Generator<void, T, void>;

/** A part of what is taken. Its bytes can be changed until then. */
export interface Piece {
  bytes: Buffer;
}

/**
 * A forward-only reader over bytes that arrive in pieces. Everything read past is copied to `out`, so
 * that a rewriter only has to add what it wants in between.
 */
export class NativeCursor {
  #bytes: Buffer = Buffer.alloc(0);
  #at = 0;
  #sent = 0;
  #out: Piece[] = [];
  #isInPiece = false;

  push(chunk: Buffer): void {
    this.#flush();
    const rest = this.#bytes.subarray(this.#at);
    this.#bytes = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
    this.#at = 0;
    this.#sent = 0;
  }

  /** Adds bytes of our own at the current place. */
  insert(bytes: Buffer): void {
    this.#flush();
    this.#out.push({ bytes });
  }

  /** Reads a text that is a piece of its own in what is taken. */
  *piece(): Reading<{ text: string; piece: Piece }> {
    this.#flush();
    this.#isInPiece = true;
    const start = this.#out.length;
    const text = yield* this.text();
    this.#flush();
    this.#isInPiece = false;
    const piece = { bytes: Buffer.concat(this.#out.splice(start).map(({ bytes }) => bytes)) };
    this.#out.push(piece);
    return { text, piece };
  }

  /** What was read past since the last call. */
  take(): Buffer[] {
    if (this.#isInPiece) return [];
    this.#flush();
    const out = this.#out;
    this.#out = [];
    return out.map(({ bytes }) => bytes);
  }

  get isDrained(): boolean {
    return this.#at >= this.#bytes.length;
  }

  *skip(count: number): Reading<void> {
    let left = count;
    for (;;) {
      const step = Math.min(left, this.#bytes.length - this.#at);
      this.#at += step;
      left -= step;
      if (left === 0) return;
      yield;
    }
  }

  *byte(): Reading<number> {
    while (this.#at >= this.#bytes.length) yield;
    const value = this.#bytes[this.#at] ?? 0;
    this.#at++;
    return value;
  }

  *uint64(): Reading<number> {
    while (this.#bytes.length - this.#at < 8) yield;
    const value = Number(this.#bytes.readBigUInt64LE(this.#at));
    this.#at += 8;
    return value;
  }

  *varUint(): Reading<number> {
    let value = 0;
    for (let scale = 1; ; scale *= 128) {
      const byte = yield* this.byte();
      value += (byte & 127) * scale;
      if (byte < 128) return value;
    }
  }

  *text(): Reading<string> {
    const length = yield* this.varUint();
    while (this.#bytes.length - this.#at < length) yield;
    const value = this.#bytes.toString('utf8', this.#at, this.#at + length);
    this.#at += length;
    return value;
  }

  /** Skips `count` length-prefixed strings. The inner loop stays free of generator calls: answers hold millions. */
  *skipStrings(count: number): Reading<void> {
    let left = count;
    while (left > 0) {
      const bytes = this.#bytes;
      let at = this.#at;
      while (left > 0 && at < bytes.length) {
        const length = bytes[at] ?? 0;
        if (length > 127 || at + 1 + length > bytes.length) break;
        at += 1 + length;
        left--;
      }
      this.#at = at;
      if (left === 0) return;
      const length = yield* this.varUint();
      yield* this.skip(length);
      left--;
    }
  }

  #flush(): void {
    if (this.#at > this.#sent) this.#out.push({ bytes: this.#bytes.subarray(this.#sent, this.#at) });
    this.#sent = this.#at;
  }
}
