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

/** Bytes of a body in the clear. */
export const MAX_INFLATED_BYTES = 64 * 1024 * 1024;
