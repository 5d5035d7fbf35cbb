import { setTimeout as sleep } from 'node:timers/promises';
import { SendError } from '../otlp/failure.js';

type Delivery = () => Promise<unknown>;

const FIRST_WAIT_MS = 1000;
const LONGEST_WAIT_MS = 60_000;

/**
 * Sends one thing after the other, each until it was taken, in the order in which they came. What the
 * server will never take is told and left behind; everything else waits, so that what was seen while the
 * backend was away arrives afterwards.
 */
export class Outbox {
  readonly #say: (line: string) => void;
  readonly #signal: AbortSignal;
  readonly #waiting: Delivery[] = [];
  #work: Promise<void> = Promise.resolve();

  constructor(say: (line: string) => void, signal: AbortSignal) {
    this.#say = say;
    this.#signal = signal;
  }

  add(delivery: Delivery): void {
    this.#waiting.push(delivery);
    if (this.#waiting.length === 1) this.#work = this.#deliver();
  }

  /** Kept when nothing waits any more, or when it was stopped. */
  drained(): Promise<void> {
    return this.#work;
  }

  #isStopped(): boolean {
    return this.#signal.aborted;
  }

  async #deliver(): Promise<void> {
    let failures = 0;
    for (let next = this.#waiting[0]; next !== undefined && !this.#isStopped(); next = this.#waiting[0]) {
      try {
        await next();
        failures = 0;
      } catch (error) {
        const problem = error instanceof Error ? error.message : String(error);
        if (this.#isStopped()) return;
        if (!(error instanceof SendError && error.isRefused)) {
          if (failures === 0) this.#say(`not sent, will be tried again: ${problem}`);
          await sleep(waitAfter(error, failures), undefined, { signal: this.#signal }).catch(() => undefined);
          failures += 1;
          continue;
        }
        this.#say(`refused for good: ${problem}`);
      }
      this.#waiting.shift();
    }
  }
}

function waitAfter(error: unknown, failures: number): number {
  const asked = error instanceof SendError ? (error.retryAfterMs ?? 0) : 0;
  return Math.max(asked, Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** failures) * (0.5 + Math.random() / 2));
}
