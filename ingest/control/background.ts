import { setTimeout as pause } from 'node:timers/promises';

/** A job that repeats at an interval, and immediately when woken. After a failure it waits for the next round. */
export interface Background {
  /** Starts a round as soon as possible. */
  wake: () => void;
  /** Stops after the current round. */
  stop: () => Promise<void>;
}

export function runInBackground(
  intervalMs: number,
  round: () => Promise<unknown>,
  onError: (error: unknown) => void,
): Background {
  const stopping = new AbortController();
  const isStopping = (): boolean => stopping.signal.aborted;
  let sleep = new AbortController();
  const state = { isAwake: false };
  /** A function, because TypeScript's control flow analysis assumes that a flag does not change during an await. */
  const isAwake = (): boolean => state.isAwake;
  async function run(): Promise<void> {
    while (!isStopping()) {
      state.isAwake = false;
      await round().catch((error: unknown) => {
        if (!isStopping()) onError(error);
      });
      if (isStopping()) return;
      sleep = new AbortController();
      if (!isAwake())
        await pause(intervalMs, undefined, {
          signal: AbortSignal.any([sleep.signal, stopping.signal]),
          ref: false,
        }).catch(() => undefined);
    }
  }
  const running = run();
  return {
    wake() {
      state.isAwake = true;
      sleep.abort();
    },
    async stop() {
      stopping.abort();
      await running;
    },
  };
}

/** Runs the items one after another. One that fails does not keep the others from running; the first error is thrown at the end. */
export async function runEach<T>(items: Iterable<T>, run: (item: T) => Promise<void>): Promise<void> {
  const errors: unknown[] = [];
  for (const item of items) {
    await run(item).catch((error: unknown) => errors.push(error));
  }
  if (errors.length > 0) throw errors[0];
}
