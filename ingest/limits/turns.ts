import { FairQueue } from './fair-queue.js';

/** Runs work for a key, which is an organisation's id. */
export type TakeTurn = <T>(key: string, work: () => Promise<T>) => Promise<T>;

/**
 * Creates a limiter that runs at most `atOnce` pieces of work at a time. Waiting keys are served round-robin, so an
 * organisation with much work delays only itself.
 */
export function createTurns(atOnce: number): TakeTurn {
  const waiting = new FairQueue<() => void>();
  let running = 0;
  return async (key, work) => {
    if (running >= atOnce)
      await new Promise<void>((resolve) => {
        waiting.push(key, resolve);
      });
    else running += 1;
    try {
      return await work();
    } finally {
      const next = waiting.shift();
      if (next === undefined) running -= 1;
      else next();
    }
  };
}
