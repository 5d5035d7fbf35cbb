import { SpanKind, SpanStatusCode, TraceFlags } from '@opentelemetry/api';
import type { tracing } from '@opentelemetry/sdk-node';
import { SCOPE, type Resource } from './resource.js';
import { hrTime } from './time.js';

export type ReadableSpan = tracing.ReadableSpan;

/** What the span of a record needs; times in milliseconds since the epoch. */
export interface SpanSettings {
  readonly name: string;
  readonly traceId: string;
  readonly spanId: string;
  readonly startMs: number;
  readonly durationMs: number;
  readonly attributes: Record<string, string | number>;
  readonly resource: Resource;
}

/**
 * A finished span, made from a record rather than by a tracer: ids and times come from the record, and no
 * span limit may cut attributes.
 */
export function createSpan(settings: SpanSettings): ReadableSpan {
  const { name, traceId, spanId, startMs, durationMs, attributes, resource } = settings;
  return {
    name,
    kind: SpanKind.INTERNAL,
    spanContext: () => ({ traceId, spanId, traceFlags: TraceFlags.SAMPLED }),
    startTime: hrTime(startMs),
    endTime: hrTime(startMs + durationMs),
    duration: hrTime(durationMs),
    status: { code: SpanStatusCode.UNSET }, // a block is not a failure
    attributes,
    links: [],
    events: [],
    ended: true,
    resource,
    instrumentationScope: SCOPE,
    droppedAttributesCount: 0,
    droppedEventsCount: 0,
    droppedLinksCount: 0,
  };
}
