import { setImmediate as nextTurn } from 'node:timers/promises';

/** Work in steps of some milliseconds, which ends with a result. */
export type Steps<T> = Generator<undefined, T, undefined>;

/** Bytes that a decoder gives out in one turn of the event loop. */
const BYTES_A_TURN = 2 ** 20;

/** Runs all steps in this turn of the event loop: for work that is known to be small. */
export function atOnce<T>(steps: Steps<T>): T {
  for (;;) {
    const step = steps.next();
    if (step.done === true) return step.value;
  }
}

/** Runs each step in a turn of the event loop of its own, so that a large body holds up no other request. */
export async function inTurns<T>(steps: Steps<T>): Promise<T> {
  for (;;) {
    const step = steps.next();
    if (step.done === true) return step.value;
    await nextTurn();
  }
}

/** Hands on what a decoder gives out, at most a MiB and one chunk in a turn of the event loop. */
export async function* inPortions(source: AsyncIterable<Buffer>): AsyncGenerator<Buffer, void, void> {
  let bytes = 0;
  for await (const chunk of source) {
    yield chunk;
    bytes += chunk.length;
    if (bytes < BYTES_A_TURN) continue;
    bytes = 0;
    await nextTurn();
  }
}
