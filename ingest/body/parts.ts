import type { Readable } from 'node:stream';
import { ShieldwatchError } from '#schemas/errors.js';

/** Pieces below this size are merged: each would cost more in bookkeeping than in bytes. */
const SMALL = 4 * 1024;
const TAIL = 64 * 1024;

/**
 * A body in the pieces in which it arrived, so that a forwarded body is not copied. Small pieces are merged, so a
 * client that sends byte by byte creates no object for each; the first piece, often the only one, stays as it is.
 */
class Parts {
  readonly #parts: Buffer[] = [];
  #tail: Buffer | undefined;
  #filled = 0;
  size = 0;

  add(piece: Buffer): void {
    this.size += piece.length;
    if (this.#parts.length > 0 && piece.length < SMALL) {
      if (this.#tail !== undefined && this.#filled + piece.length > TAIL) this.#flush();
      this.#tail ??= Buffer.allocUnsafeSlow(TAIL);
      this.#filled += piece.copy(this.#tail, this.#filled);
      return;
    }
    this.#flush();
    this.#parts.push(piece);
  }

  end(): readonly Buffer[] {
    this.#flush();
    return this.#parts;
  }

  #flush(): void {
    if (this.#tail === undefined) return;
    this.#parts.push(this.#tail.subarray(0, this.#filled));
    this.#tail = undefined;
    this.#filled = 0;
  }
}

/**
 * Reads a request's body of at most `limit` bytes. `done` gets its pieces and their size, or a 4xx error.
 *
 * @returns a function that aborts reading with an error.
 */
export function readParts(
  stream: Readable,
  announced: number | undefined,
  limit: number,
  done: (error: Error | null, parts: readonly Buffer[], size: number) => void,
): (error: Error) => void {
  if (announced !== undefined && announced > limit) {
    // Deferred, because the caller needs the returned function first.
    queueMicrotask(() => {
      done(tooLarge(), [], 0);
    });
    return () => undefined;
  }
  const parts = new Parts();
  const finish = (error: Error | null): void => {
    stream.off('data', onData).off('end', onEnd).off('error', onBroken).off('close', onBroken);
    done(error, error === null ? parts.end() : [], parts.size);
  };
  const onData = (piece: Buffer): void => {
    parts.add(piece);
    if (parts.size > limit) finish(tooLarge());
  };
  const onBroken = (): void => {
    finish(new ShieldwatchError('body_invalid', 'the body was not received as its headers announced'));
  };
  const onEnd = (): void => {
    if (announced === undefined || announced === parts.size) finish(null);
    else onBroken();
  };
  stream.on('data', onData).on('end', onEnd).on('error', onBroken).on('close', onBroken);
  return finish;
}

function tooLarge(): ShieldwatchError {
  return new ShieldwatchError('body_too_large', 'the body is larger than this route accepts');
}
