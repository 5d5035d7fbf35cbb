import { FairQueue } from './fair-queue.js';

/** Runs work of a key: an organisation's id. */
export type TakeTurn = <T>(key: string, work: () => Promise<T>) => Promise<T>;

/** Lets at most `atOnce` pieces of work run at a time. The others wait; the keys are served in turn, so that one with much work waits for itself alone. */
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
