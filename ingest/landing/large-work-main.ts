import { parentPort } from 'node:worker_threads';
import { ShieldwatchError } from '#schemas/errors.js';
import type { WorkAnswer } from './large-work.js';
import { toInserts, toProtobuf, type OtlpWork } from './otlp-work.js';

/** The other thread of `large-work.ts`: one request at a time, its bytes handed over and the result handed back. */
parentPort?.on('message', (message: OtlpWork) => {
  const { body: bytes } = message;
  const body = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let answer: WorkAnswer;
  const transfer: ArrayBuffer[] = [];
  try {
    if (message.kind === 'protobuf') {
      const result = toProtobuf(message.signal, message.type, body);
      answer = { result };
      transfer.push(result.buffer as ArrayBuffer);
    } else {
      const result = toInserts(message.signal, message.type, body, message.caller, message.settings);
      answer = { result };
      for (const { pieces } of result) for (const piece of pieces) transfer.push(piece.buffer as ArrayBuffer);
    }
  } catch (error) {
    answer = { error: error instanceof ShieldwatchError ? { code: error.code, message: error.message, detail: error.detail } : undefined };
    transfer.length = 0;
  }
  parentPort?.postMessage(answer, transfer);
});
