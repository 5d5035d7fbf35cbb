import protobuf from 'protobufjs/minimal.js';
import type { Caller } from '../auth/caller.js';
import { JSON_TYPE, PROTOBUF_TYPE, type ContentEncoding, type OtlpType } from '../request/content.js';
import type { Signal } from '../request/signal.js';

/** One OTLP export request, its body as it came, in pieces. */
export interface TelemetryRequest {
  signal: Signal;
  type: OtlpType;
  encoding: ContentEncoding;
  body: readonly Buffer[];
  /** Is told the bytes of the body when decompressed, before anything is made of them. @throws ShieldwatchError 503. */
  onClear?: (bytes: number) => void;
  /** Receives the number of messages and list elements read, also of a refused request. */
  onEntries?: (entries: number) => void;
}

/** The OTLP answer to a request that was taken, whole or in part. */
export interface TelemetryAnswer {
  type: string;
  body: Buffer;
  /** What was not taken, and why; absent where all was. */
  rejected?: string;
}

/**
 * Where telemetry goes: the collector, or our own landing.
 *
 * `deliver` resolves when the request is safe (stored, or in the collector's queue on disk). It rejects with a
 * ShieldwatchError: 4xx when the request will never be good, 503 when the client should send it again.
 */
export interface TelemetrySink {
  deliver(request: TelemetryRequest, caller: Caller): Promise<TelemetryAnswer>;
}

/** The answer "all of it": an empty Export*ServiceResponse. */
export function acceptedAll(type: OtlpType): TelemetryAnswer {
  return { type, body: type === JSON_TYPE ? Buffer.from('{}') : Buffer.alloc(0) };
}

/**
 * The same answer with a warning, as OTLP has it: a partial success that rejects nothing. An answer that says something
 * by itself is left as it is.
 */
export function withWarning(answer: TelemetryAnswer, warning: string | undefined): TelemetryAnswer {
  if (warning === undefined || !SAYS_NOTHING.has(answer.body.toString('latin1', 0, MAX_NOTHING_BYTES))) return answer;
  return answer.type.startsWith(JSON_TYPE)
    ? { ...answer, body: sayJson({ errorMessage: warning }) }
    : { type: PROTOBUF_TYPE, body: sayProtobuf(0, warning) };
}

/** The answer to a request of which some records were not taken, and must not be sent again. */
export function partialSuccess(type: OtlpType, signal: Signal, count: number, message: string): TelemetryAnswer {
  return {
    type,
    rejected: message,
    body:
      type === JSON_TYPE
        ? sayJson({ [REJECTED[signal]]: String(count), errorMessage: message })
        : sayProtobuf(count, message),
  };
}

const REJECTED: Readonly<Record<Signal, string>> = {
  traces: 'rejectedSpans',
  metrics: 'rejectedDataPoints',
  logs: 'rejectedLogRecords',
};

const sayJson = (partial: object): Buffer => Buffer.from(JSON.stringify({ partialSuccess: partial }));

/** Export*ServiceResponse.partial_success = 1; in it rejected_* = 1 and error_message = 2, of all three signals. */
function sayProtobuf(count: number, message: string): Buffer {
  const writer = protobuf.Writer.create()
    .uint32((1 << 3) | 2)
    .fork();
  if (count > 0) writer.uint32((1 << 3) | 0).int64(count);
  return Buffer.from(
    writer
      .uint32((2 << 3) | 2)
      .string(message)
      .ldelim()
      .finish(),
  );
}

const SAYS_NOTHING = new Set(['', '{}', '{"partialSuccess":{}}']);
const MAX_NOTHING_BYTES = 40;
