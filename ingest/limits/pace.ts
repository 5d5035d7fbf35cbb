import { FairQueue } from './fair-queue.js';

/**
 * Shares out the main thread: of synchronous work, at most one unit and what is left of the last piece runs in one turn of the
 * event loop. A unit is the largest piece that is done on the main thread at all. What waits is served by key in turn.
 */
export class Pace {
  #left = 1;
  #isRenewing = false;
  readonly #waiting = new FairQueue<{ readonly cost: number; readonly go: () => void }>();

  /** Takes `cost` units. @returns undefined when the work may run at once, else a promise that resolves when it may. */
  take(key: string, cost: number): Promise<void> | undefined {
    this.#renewNext();
    if (this.#left > 0 && this.#waiting.isEmpty) {
      this.#left -= cost;
      return undefined;
    }
    return new Promise((go) => {
      this.#waiting.push(key, { cost, go });
    });
  }

  /** Timers and answers of other requests come between one unit and the next. */
  #renewNext(): void {
    if (this.#isRenewing) return;
    this.#isRenewing = true;
    setImmediate(() => {
      this.#isRenewing = false;
      this.#left = 1;
      while (this.#left > 0) {
        const next = this.#waiting.shift();
        if (next === undefined) return;
        this.#left -= next.cost;
        next.go();
      }
      if (!this.#waiting.isEmpty) this.#renewNext();
    });
  }
}
