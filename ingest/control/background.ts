import { setTimeout as pause } from 'node:timers/promises';

/** Work that is done again and again, and at once when something asks for it. Failures wait for the next round. */
export interface Background {
  /** Asks for a round as soon as possible. */
  wake: () => void;
  /** Ends after the round that runs. */
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
  /** A call, because the compiler takes a flag read after a wait for unchanged. */
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
