import { named } from './errors.js';

/** Hands out a fixed number of places; who comes later waits in line, and leaves it when it is aborted. */
export class Slots<T extends object | number> {
  readonly #free: T[];
  readonly #waiting = new Set<(slot: T) => void>();
  readonly #maxWaiting: number;

  constructor(slots: readonly T[], maxWaiting: number) {
    this.#free = [...slots];
    this.#maxWaiting = maxWaiting;
  }

  /** Runs `work` in a place of its own. */
  async use<R>(signal: AbortSignal, work: (slot: T) => Promise<R>): Promise<R> {
    const slot = await this.#take(signal);
    try {
      return await work(slot);
    } finally {
      const [next] = this.#waiting;
      if (next === undefined) this.#free.push(slot);
      else next(slot);
    }
  }

  #take(signal: AbortSignal): Promise<T> {
    const slot = this.#free.pop();
    if (slot !== undefined) return Promise.resolve(slot);
    if (this.#waiting.size >= this.#maxWaiting) {
      return Promise.reject(named('TOO_MANY_SIMULTANEOUS_QUERIES', 'Too many simultaneous queries: the line is full'));
    }
    return new Promise((resolve, reject) => {
      const leave = (): void => {
        this.#waiting.delete(enter);
        reject(named('QUERY_WAS_CANCELLED', 'Query was cancelled before it ran'));
      };
      const enter = (given: T): void => {
        this.#waiting.delete(enter);
        signal.removeEventListener('abort', leave);
        resolve(given);
      };
      this.#waiting.add(enter);
      if (signal.aborted) leave();
      else signal.addEventListener('abort', leave, { once: true });
    });
  }
}
