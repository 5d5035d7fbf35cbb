import { producerResource, SCOPE } from './resource.js';
import { byRepository, keyValues, unixNano, type Attributes } from './values.js';

/** Something that happened within a span. */
export interface SpanEvent {
  readonly name: string;
  readonly timeMs: number;
  readonly attributes: Attributes;
}

/**
 * A finished span, made from a record rather than by a tracer: ids and times come from the record, and no
 * span limit may cut attributes. Times in milliseconds since the epoch.
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

const KIND_INTERNAL = 1;

/** Body of a request to `/v1/traces`. */
export function tracesBody(spans: readonly Span[]): object {
  return {
    resourceSpans: byRepository(spans).map(([repository, group]) => ({
      resource: producerResource(repository),
      scopeSpans: [{ scope: SCOPE, spans: group.map(encodeSpan) }],
    })),
  };
}

function encodeSpan({ name, traceId, spanId, startMs, durationMs, attributes, events = [] }: Span): object {
  const start = BigInt(unixNano(startMs));
  return {
    traceId,
    spanId,
    name,
    kind: KIND_INTERNAL,
    startTimeUnixNano: String(start),
    endTimeUnixNano: String(start + BigInt(Math.round(durationMs * 1e6))),
    attributes: keyValues(attributes),
    events: events.map((event) => ({ name: event.name, timeUnixNano: unixNano(event.timeMs), attributes: keyValues(event.attributes) })),
    status: {}, // unset: a block is not a failure
  };
}
