import protobuf from 'protobufjs/minimal.js';
import type { Caller } from '../auth/caller.js';
import type { ContentEncoding } from '../body/content.js';

export const SIGNALS = ['traces', 'metrics', 'logs'] as const;
export type Signal = (typeof SIGNALS)[number];

export const JSON_TYPE = 'application/json';
export const PROTOBUF_TYPE = 'application/x-protobuf';
export type OtlpType = typeof JSON_TYPE | typeof PROTOBUF_TYPE;

/** One OTLP export request, its body as it came, in pieces. */
export interface TelemetryRequest {
  signal: Signal;
  type: OtlpType;
  encoding: ContentEncoding;
  body: readonly Buffer[];
  /** Is told the bytes of the body when decompressed, before anything is made of them. @throws ShieldwatchError 503. */
  onClear?: (bytes: number) => void;
  /** Is told how many messages and list elements were read, also of a request that is refused. */
  onEntries?: (entries: number) => void;
}

/** The OTLP answer to a request that was taken whole. */
export interface TelemetryAnswer {
  type: string;
  body: Buffer;
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
  if (answer.type.startsWith(JSON_TYPE)) return { ...answer, body: Buffer.from(JSON.stringify({ partialSuccess: { errorMessage: warning } })) };
  // Export*ServiceResponse.partial_success = 1, .error_message = 2, of all three signals.
  const body = protobuf.Writer.create().uint32((1 << 3) | 2).fork().uint32((2 << 3) | 2).string(warning).ldelim().finish();
  return { type: PROTOBUF_TYPE, body: Buffer.from(body) };
}

const SAYS_NOTHING = new Set(['', '{}', '{"partialSuccess":{}}']);
const MAX_NOTHING_BYTES = 40;
