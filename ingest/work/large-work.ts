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

/** Bytes of OTLP/JSON that are read on the main thread: at worst some 50 ms. */
const LARGE_JSON_BYTES = 256 * 1024;
/** Bytes of protobuf where nothing but a check is to be done, which is ten times as fast. */
const LARGE_CHECK_BYTES = 2 * 1024 * 1024;
/** Bytes that are redacted on the main thread, and JSON that is held to a schema there. */
export const LARGE_BYTES = 128 * 1024;
/** What the worker may take besides the bytes of requests; a request for which this is not enough is refused. */
const WORKER_HEAP_MIB = 1_536;

/** What the worker answers: what the work gave, or the error that it threw. */
export type WorkAnswer = { readonly entries: number } & (
  | { readonly result: WorkResult }
  | { readonly error: { code: ErrorCode; message: string; detail: ErrorDetail } | undefined }
);

/** Who pays for work. */
export interface Payer {
  readonly orgId: string;
  /** Receives the number of entries of a request, accepted or refused. */
  readonly onEntries?: ((entries: number) => void) | undefined;
}

/** A request as protobuf. @throws ShieldwatchError as the work does. */
export async function protobufOf(work: OtlpWork & { kind: 'protobuf' }, payer: Payer): Promise<Buffer> {
  return asBuffer(
    (await perform(work, work.type === 'application/json' ? LARGE_JSON_BYTES : LARGE_CHECK_BYTES, payer)) as Uint8Array,
  );
}

/** The rows of a request. @throws ShieldwatchError as the work does. */
export async function insertsOf(work: OtlpWork & { kind: 'inserts' }, payer: Payer): Promise<Insert[]> {
  return (await perform(work, LARGE_BYTES, payer)) as Insert[];
}

/** A report of REST, read and written as OTLP. @throws ShieldwatchError as the work does. */
export async function reportOf<K extends ReportKind>(
  work: ReportWork & { report: K },
  payer: Payer,
): Promise<ReportOf<K>> {
  return (await perform(work, LARGE_BYTES, payer)) as ReportOf<K>;
}

/** The bytes as a Buffer: what another thread hands back is none. */
export function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** Main-thread work of all requests. */
export const pace = new Pace();

/** Does work here where it is small, a piece in each turn of the event loop; large work does not hold up other requests. */
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

/** One request at a time: so the memory that large ones take is that of one. */
const takeTurn = createTurns(1);
let worker: Worker | undefined;

async function inWorker(work: Work, meter: Meter): Promise<WorkResult> {
  worker ??= new Worker(join(packageRoot(), 'dist', 'ingest', 'work', 'large-work-main.js'), {
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
      reject(
        isFull
          ? new ShieldwatchError('body_too_large', 'the body takes more memory than one request may')
          : (error as Error),
      );
    };
    const onExit = (): void => {
      onError(new Error('the worker ended'));
    };
    current.on('message', onMessage).on('error', onError).on('exit', onExit);
    // Bytes of its own, to be handed over: a view would be copied with all that it is a view of.
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
