import protobuf from 'protobufjs/minimal.js';
import type { Caller } from '../auth/caller.js';
import { JSON_TYPE, PROTOBUF_TYPE, type ContentEncoding, type OtlpType } from '../request/content.js';
import type { Signal } from '../request/signal.js';

/** One OTLP export request; the body in chunks as received. */
export interface TelemetryRequest {
  signal: Signal;
  type: OtlpType;
  encoding: ContentEncoding;
  body: readonly Buffer[];
  /**
   * Called with the decompressed size of the body before it is processed.
   * @throws ShieldwatchError 503.
   */
  onDecompressed?: (bytes: number) => void;
  /** Called with the number of messages and list elements, also for a rejected request. */
  onEntries?: (entries: number) => void;
}

/** OTLP answer to a request that was accepted in whole or in part. */
export interface TelemetryAnswer {
  type: string;
  body: Buffer;
  /** Description of the rejected part; absent when everything was accepted. */
  rejected?: string;
}

/**
 * Destination of telemetry: the collector, or the gateway's own landing.
 *
 * `deliver` resolves when the request is durable (stored, or in the collector's queue on disk). It rejects with a
 * ShieldwatchError: 4xx when a retry cannot help, 503 when the client should retry.
 */
export interface TelemetrySink {
  deliver(request: TelemetryRequest, caller: Caller): Promise<TelemetryAnswer>;
}

/** Returns the answer for a fully accepted request: an empty Export*ServiceResponse. */
export function acceptedAll(type: OtlpType): TelemetryAnswer {
  return { type, body: type === JSON_TYPE ? Buffer.from('{}') : Buffer.alloc(0) };
}

/**
 * Adds a warning as an OTLP partial success that rejects nothing. An answer that has a message already is returned
 * unchanged.
 */
export function withWarning(answer: TelemetryAnswer, warning: string | undefined): TelemetryAnswer {
  if (warning === undefined || !EMPTY_ANSWERS.has(answer.body.toString('latin1', 0, MAX_EMPTY_BYTES))) return answer;
  return answer.type.startsWith(JSON_TYPE)
    ? { ...answer, body: encodeJson({ errorMessage: warning }) }
    : { type: PROTOBUF_TYPE, body: encodeProtobuf(0, warning) };
}

/** Returns the answer for a request of which some records were rejected permanently. */
export function partialSuccess(type: OtlpType, signal: Signal, count: number, message: string): TelemetryAnswer {
  return {
    type,
    rejected: message,
    body:
      type === JSON_TYPE
        ? encodeJson({ [REJECTED[signal]]: String(count), errorMessage: message })
        : encodeProtobuf(count, message),
  };
}

const REJECTED: Readonly<Record<Signal, string>> = {
  traces: 'rejectedSpans',
  metrics: 'rejectedDataPoints',
  logs: 'rejectedLogRecords',
};

const encodeJson = (partial: object): Buffer => Buffer.from(JSON.stringify({ partialSuccess: partial }));

/**
 * Encodes Export*ServiceResponse.partial_success (1) with rejected_* (1) and error_message (2); the same for all
 * signals.
 */
function encodeProtobuf(count: number, message: string): Buffer {
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

const EMPTY_ANSWERS = new Set(['', '{}', '{"partialSuccess":{}}']);
const MAX_EMPTY_BYTES = 40;
