import { parentPort } from 'node:worker_threads';
import { ShieldwatchError } from '#schemas/errors.js';
import { asBuffer, type WorkAnswer } from './large-work.js';
import type { Meter } from '../request/meter.js';
import { runWork, type Work, type WorkResult } from './work.js';

/** Entry point of the worker thread of `large-work.ts`. Processes one request at a time; buffers are transferred. */
parentPort?.on('message', (message: Work) => {
  const meter: Meter = { entries: 0 };
  try {
    const result = runWork({ ...message, body: asBuffer(message.body) }, meter);
    parentPort?.postMessage({ entries: meter.entries, result } satisfies WorkAnswer, [...new Set(buffersOf(result))]);
  } catch (error) {
    const shown =
      error instanceof ShieldwatchError
        ? { code: error.code, message: error.message, detail: error.detail }
        : undefined;
    parentPort?.postMessage({ entries: meter.entries, error: shown } satisfies WorkAnswer);
  }
});

/** Returns the buffers to transfer. Chunks smaller than Node's buffer pool share its memory and are copied. */
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
