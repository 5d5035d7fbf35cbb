import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { ShieldwatchError, type ErrorCode, type ErrorDetail } from '#schemas/errors.js';
import { packageRoot } from '#schemas/root.js';
import { createTurns } from '../limits/turns.js';
import type { Insert } from './insert.js';
import { toInserts, toProtobuf, type OtlpWork } from './otlp-work.js';

/** Bytes of a request that are worked through at once, in the time of some ten milliseconds. */
const LARGE_BYTES = 256 * 1024;
/** Bytes that are checked at once where nothing but a check is to be done, which is ten times as fast. */
const LARGE_CHECK_BYTES = 2 * 1024 * 1024;
/** What the worker may take besides the bytes of requests; a request for which this is not enough is refused. */
const WORKER_HEAP_MIB = 1_536;

/** What the worker answers: what the work gave, or the error that it threw. */
export type WorkAnswer = { readonly result: Uint8Array | Insert[] } | { readonly error: { code: ErrorCode; message: string; detail: ErrorDetail } | undefined };

/** A request as protobuf; see {@link toProtobuf}. A large one does not hold up other requests. */
export async function protobufOf(work: OtlpWork & { kind: 'protobuf' }): Promise<Buffer> {
  if (work.body.length <= (work.type === 'application/json' ? LARGE_BYTES : LARGE_CHECK_BYTES)) return toProtobuf(work.signal, work.type, work.body);
  const bytes = (await inWorker(work)) as Uint8Array;
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** The rows of a request; see {@link toInserts}. A large one does not hold up other requests. */
export async function insertsOf(work: OtlpWork & { kind: 'inserts' }): Promise<Insert[]> {
  if (work.body.length <= LARGE_BYTES) return toInserts(work.signal, work.type, work.body, work.caller, work.settings);
  return (await inWorker(work)) as Insert[];
}

/** One request at a time: so the memory that large ones take is that of one. */
const takeTurn = createTurns(1);
let worker: Worker | undefined;

function inWorker(work: OtlpWork): Promise<Uint8Array | Insert[]> {
  return takeTurn(async () => {
    worker ??= new Worker(join(packageRoot(), 'dist', 'ingest', 'landing', 'large-work-main.js'), {
      // Ours may say how modules are found in the source.
      execArgv: [],
      resourceLimits: { maxOldGenerationSizeMb: WORKER_HEAP_MIB },
    });
    const current = worker;
    current.unref();
    const answer = await new Promise<WorkAnswer>((resolve, reject) => {
      const stop = (): void => {
        current.off('message', onMessage).off('error', onError).off('exit', onExit);
      };
      const onMessage = (message: WorkAnswer): void => {
        stop();
        resolve(message);
      };
      const onError = (error: unknown): void => {
        stop();
        worker = undefined;
        const isFull = (error as { code?: unknown }).code === 'ERR_WORKER_OUT_OF_MEMORY';
        reject(isFull ? new ShieldwatchError('body_too_large', 'the body takes more memory than one request may') : error as Error);
      };
      const onExit = (): void => {
        onError(new Error('the worker ended'));
      };
      current.on('message', onMessage).on('error', onError).on('exit', onExit);
      // Bytes of its own, to be handed over: a view would be copied with all that it is a view of.
      const body = Uint8Array.prototype.slice.call(work.body);
      current.postMessage({ ...work, body }, [body.buffer]);
    });
    if ('result' in answer) return answer.result;
    const { error } = answer;
    throw error === undefined ? new Error('work on a large request failed') : new ShieldwatchError(error.code, error.message, error.detail);
  });
}
