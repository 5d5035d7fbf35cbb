import { FairQueue } from './fair-queue.js';

/**
 * Limits synchronous work per turn of the event loop: one unit (the largest piece allowed on the main thread) plus the
 * rest of the previous piece. Waiting work is served round-robin by key.
 */
export class Pace {
  #left = 1;
  #isRenewing = false;
  readonly #waiting = new FairQueue<{ readonly cost: number; readonly go: () => void }>();

  /** Takes `cost` units. @returns undefined when the work may run now, else a promise that resolves when it may. */
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

  /** Yields to timers and other requests between units. */
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
