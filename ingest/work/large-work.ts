import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { ShieldwatchError, type ErrorCode, type ErrorDetail } from '#schemas/errors.js';
import { packageRoot } from '#schemas/root.js';
import type { Insert } from '../landing/insert.js';
import { MAX_MAIN_ENTRIES, type OtlpWork } from '../landing/otlp-work.js';
import { Pace } from '../limits/pace.js';
import { createTurns } from '../limits/turns.js';
import type { Meter } from '../request/meter.js';
import type { ReportKind, ReportWork } from '../report/report.js';
import { runWork, type ReportOf, type Work, type WorkResult } from './work.js';

/** Maximum bytes of OTLP/JSON decoded on the main thread: about 50 ms at worst. */
const LARGE_JSON_BYTES = 256 * 1024;
/** Maximum bytes of protobuf that is only validated, which is ten times as fast. */
const LARGE_CHECK_BYTES = 2 * 1024 * 1024;
/** Maximum bytes that are redacted, or validated as JSON, on the main thread. */
export const LARGE_BYTES = 128 * 1024;
/** Heap limit of the worker, without the bytes of requests; a request that needs more is rejected. */
const WORKER_HEAP_MIB = 1_536;

/** Answer of the worker: the result, or the error that was thrown. */
export type WorkAnswer = { readonly entries: number } & (
  | { readonly result: WorkResult }
  | { readonly error: { code: ErrorCode; message: string; detail: ErrorDetail } | undefined }
);

/** Caller that is charged for work. */
export interface Payer {
  readonly orgId: string;
  /** Called with the number of entries of a request, accepted or rejected. */
  readonly onEntries?: ((entries: number) => void) | undefined;
}

/**
 * Returns a request as protobuf.
 * @throws ShieldwatchError as {@link runWork} does.
 */
export async function protobufOf(work: OtlpWork & { kind: 'protobuf' }, payer: Payer): Promise<Buffer> {
  return asBuffer(
    (await perform(work, work.type === 'application/json' ? LARGE_JSON_BYTES : LARGE_CHECK_BYTES, payer)) as Uint8Array,
  );
}

/**
 * Returns a request as INSERTs.
 * @throws ShieldwatchError as {@link runWork} does.
 */
export async function insertsOf(work: OtlpWork & { kind: 'inserts' }, payer: Payer): Promise<Insert[]> {
  return (await perform(work, LARGE_BYTES, payer)) as Insert[];
}

/**
 * Parses a REST report and converts it to OTLP.
 * @throws ShieldwatchError as {@link runWork} does.
 */
export async function reportOf<K extends ReportKind>(
  work: ReportWork & { report: K },
  payer: Payer,
): Promise<ReportOf<K>> {
  return (await perform(work, LARGE_BYTES, payer)) as ReportOf<K>;
}

/** Returns the bytes as a Buffer; a worker returns plain Uint8Arrays. */
export function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** Pace of the main-thread work of all requests. */
export const pace = new Pace();

/** Runs small work on the main thread, limited per turn of the event loop, and large work on the worker thread. */
async function perform(work: Work, largest: number, { orgId, onEntries }: Payer): Promise<WorkResult> {
  const meter: Meter = { entries: 0 };
  try {
    if (work.body.length <= largest) {
      await pace.take(orgId, work.body.length / largest);
      const result = runWork(work.kind === 'inserts' ? { ...work, maxEntries: MAX_MAIN_ENTRIES } : work, meter);
      if (result !== undefined) return result;
    }
    return await takeTurn(orgId, () => inWorker(work, meter));
  } finally {
    onEntries?.(meter.entries);
  }
}

/** One request at a time, which bounds the memory of large requests. */
const takeTurn = createTurns(1);
let worker: Worker | undefined;

async function inWorker(work: Work, meter: Meter): Promise<WorkResult> {
  worker ??= new Worker(join(packageRoot(), 'dist', 'ingest', 'work', 'large-work-main.js'), {
    // Without the main process's options, which may resolve modules from source.
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
      reject(
        isFull ? new ShieldwatchError('body_too_large', 'processing the body needs too much memory') : (error as Error),
      );
    };
    const onExit = (): void => {
      onError(new Error('the worker exited'));
    };
    current.on('message', onMessage).on('error', onError).on('exit', onExit);
    // A copy to transfer: transferring a view would transfer the whole buffer behind it.
    const body = Uint8Array.prototype.slice.call(work.body);
    current.postMessage({ ...work, body }, [body.buffer]);
  });
  meter.entries = answer.entries;
  if ('result' in answer) return answer.result;
  const { error } = answer;
  throw error === undefined
    ? new Error('work on a large request failed')
    : new ShieldwatchError(error.code, error.message, error.detail);
}
