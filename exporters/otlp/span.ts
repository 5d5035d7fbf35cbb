import { SpanKind, SpanStatusCode, TraceFlags } from '@opentelemetry/api';
import type { tracing } from '@opentelemetry/sdk-node';
import { producerResource, SCOPE } from './resource.js';
import { byRepository, hrTime, type Attributes } from './values.js';

/** An event within a span. */
export interface SpanEvent {
  readonly name: string;
  readonly timeMs: number;
  readonly attributes: Attributes;
}

/**
 * A finished span, created from a record instead of by a tracer: ids and times come from the record, and no span limit
 * may cut attributes. Times in milliseconds since the epoch.
 */
export interface Span {
  readonly repository: string;
  readonly name: string;
  readonly traceId: string;
  readonly spanId: string;
  readonly startMs: number;
  readonly durationMs: number;
  readonly attributes: Attributes;
  readonly events?: readonly SpanEvent[];
}

/** Returns spans for the SDK's exporter, those of one repository under one resource. */
export function readableSpans(spans: readonly Span[]): tracing.ReadableSpan[] {
  return byRepository(spans).flatMap(([repository, group]) => {
    const resource = producerResource(repository);
    return group.map((span) => readableSpan(span, resource));
  });
}

function readableSpan(span: Span, resource: tracing.ReadableSpan['resource']): tracing.ReadableSpan {
  const { name, traceId, spanId, startMs, durationMs, attributes, events = [] } = span;
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
    events: events.map((event) => ({
      name: event.name,
      time: hrTime(event.timeMs),
      attributes: event.attributes,
      droppedAttributesCount: 0,
    })),
    ended: true,
    resource,
    instrumentationScope: SCOPE,
    droppedAttributesCount: 0,
    droppedEventsCount: 0,
    droppedLinksCount: 0,
  };
}
