import { parentPort } from 'node:worker_threads';
import { ShieldwatchError } from '#schemas/errors.js';
import { asBuffer, type WorkAnswer } from './large-work.js';
import type { Meter } from '../request/meter.js';
import { runWork, type Work, type WorkResult } from './work.js';

/** The other thread of `large-work.ts`: one request at a time, its bytes handed over and the result handed back. */
parentPort?.on('message', (message: Work) => {
  const meter: Meter = { entries: 0 };
  try {
    const result = runWork({ ...message, body: asBuffer(message.body) }, meter);
    parentPort?.postMessage({ entries: meter.entries, result } satisfies WorkAnswer, [...new Set(buffersOf(result))]);
  } catch (error) {
    const told =
      error instanceof ShieldwatchError
        ? { code: error.code, message: error.message, detail: error.detail }
        : undefined;
    parentPort?.postMessage({ entries: meter.entries, error: told } satisfies WorkAnswer);
  }
});

/** Memory that is handed over and not copied. What is smaller than Node's pool lies in it with other things, and is copied. */
function buffersOf(result: WorkResult): ArrayBuffer[] {
  if (result === undefined) return [];
  const pieces =
    result instanceof Uint8Array
      ? [result]
      : 'requests' in result
        ? result.requests.map(({ bytes }) => bytes)
        : result.flatMap((insert) => insert.pieces);
  return pieces.filter(({ byteLength }) => byteLength > Buffer.poolSize).map(({ buffer }) => buffer as ArrayBuffer);
}
