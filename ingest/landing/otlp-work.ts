import { ShieldwatchError } from '#schemas/errors.js';
import { MAX_OTLP_BYTES } from '#schemas/otlp-bounds.js';
import type { Caller } from '../auth/caller.js';
import type { Meter } from '../request/meter.js';
import { JSON_TYPE, PROTOBUF_TYPE, type OtlpType } from '../request/content.js';
import type { Signal } from '../request/signal.js';
import { checkProtobuf } from './check-protobuf.js';
import { decodeProtobuf } from './decode-protobuf.js';
import { writeRows, type Insert } from './insert.js';
import { jsonToProtobuf } from './json-to-protobuf.js';
import { createRequestPlans, type MessagePlan } from './message-plan.js';
import type { LogsRequest, MetricsRequest, TracesRequest } from './otlp.js';
import { logRows } from './rows/logs.js';
import { metricRows } from './rows/metrics.js';
import { traceRows } from './rows/traces.js';
import type { LandingSettings } from './tenant.js';

/** Synchronous processing of one request's bytes. */
export type OtlpWork =
  | { readonly kind: 'protobuf'; readonly signal: Signal; readonly type: OtlpType; readonly body: Buffer }
  | {
      readonly kind: 'inserts';
      readonly signal: Signal;
      readonly type: OtlpType;
      readonly body: Buffer;
      readonly caller: Caller;
      readonly settings: LandingSettings;
      /** Aborts a request with more entries than this; absent for no limit. */
      readonly maxEntries?: number;
    };

/** Maximum entries that are converted to rows on the main thread, in about 30 ms. */
export const MAX_MAIN_ENTRIES = 5_000;

let plans: Readonly<Record<Signal, MessagePlan>> | undefined;

/**
 * Returns a request as protobuf: protobuf is validated, JSON is converted.
 *
 * @throws ShieldwatchError 400 that names the field, 413 past the bounds of `schemas/otlp-bounds.ts`.
 */
export function toProtobuf(signal: Signal, type: OtlpType, body: Buffer, meter: Meter): Buffer {
  plans ??= createRequestPlans();
  if (type === JSON_TYPE) {
    const protobuf = jsonToProtobuf(plans[signal], body, meter);
    // A list of small doubles is four times as long in protobuf, and the collector accepts no more than this.
    if (protobuf.length > MAX_OTLP_BYTES)
      throw new ShieldwatchError(
        'body_too_large',
        `the body is larger than ${String(MAX_OTLP_BYTES)} bytes as protobuf`,
      );
    return protobuf;
  }
  checkProtobuf(plans[signal], body, meter);
  return body;
}

/**
 * Decodes a protobuf request into the shapes of `otlp.ts`.
 * @throws as {@link toProtobuf} does.
 */
export function readOtlp(signal: Signal, body: Buffer): Record<string, unknown> {
  plans ??= createRequestPlans();
  return decodeProtobuf(plans[signal], toProtobuf(signal, PROTOBUF_TYPE, body, { entries: 0 }));
}

/**
 * Converts a request to INSERTs; undefined if it has more than `maxEntries`.
 * @throws as {@link toProtobuf} does.
 */
export function toInserts(
  { signal, type, body, caller, settings, maxEntries }: OtlpWork & { kind: 'inserts' },
  meter: Meter = { entries: 0 },
): Insert[] | undefined {
  plans ??= createRequestPlans();
  const protobuf = toProtobuf(signal, type, body, meter);
  if (maxEntries !== undefined && meter.entries > maxEntries) return undefined;
  const message: unknown = decodeProtobuf(plans[signal], protobuf);
  return rowsOf(signal, message, caller, settings)
    .filter((batch) => batch.rows.length > 0)
    .map(writeRows);
}

/**
 * The decoder returns exactly the shapes of `otlp.ts`, because each signal's plan is built from the same definitions.
 */
function rowsOf(signal: Signal, message: unknown, caller: Caller, settings: LandingSettings) {
  switch (signal) {
    case 'traces':
      return traceRows(message as TracesRequest, caller, settings);
    case 'metrics':
      return metricRows(message as MetricsRequest, caller, settings);
    case 'logs':
      return logRows(message as LogsRequest, caller, settings);
  }
}
