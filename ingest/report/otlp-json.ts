import { producerResource, SCOPE } from './producer.js';

/** Attributes with scalar values only. */
export type Attributes = Readonly<Record<string, string | number | boolean>>;

const KIND_INTERNAL = 1;

/** A finished span. Times are milliseconds since the epoch. */
export interface JsonSpan {
  name: string;
  traceId: string;
  spanId: string;
  startMs: number;
  durationMs: number;
  attributes: Attributes;
  events?: readonly { name: string; attributes: Attributes }[];
}

/** An event as a log record within a span's trace. */
export interface JsonLogRecord {
  eventName: string;
  traceId: string;
  spanId: string;
  timeMs: number;
  severityNumber: number;
  severityText: string;
  attributes: Attributes;
}

/** Builds the OTLP/JSON request with spans of one repository that our own producers would have sent. */
export function tracesRequest(repository: string, spans: readonly JsonSpan[]): Buffer {
  return toBytes({
    resourceSpans: [{ resource: resource(repository), scopeSpans: [{ scope: SCOPE, spans: spans.map(toSpan) }] }],
  });
}

/** Builds the OTLP/JSON request with log records of one repository that our own producers would have sent. */
export function logsRequest(repository: string, records: readonly JsonLogRecord[]): Buffer {
  return toBytes({
    resourceLogs: [
      { resource: resource(repository), scopeLogs: [{ scope: SCOPE, logRecords: records.map(toLogRecord) }] },
    ],
  });
}

const resource = (repository: string) => ({ attributes: keyValues(producerResource(repository)) });

function toSpan({ name, traceId, spanId, startMs, durationMs, attributes, events }: JsonSpan) {
  const start = nanoseconds(startMs);
  return {
    traceId,
    spanId,
    name,
    kind: KIND_INTERNAL,
    startTimeUnixNano: String(start),
    endTimeUnixNano: String(start + BigInt(Math.round(durationMs * 1_000_000))),
    attributes: keyValues(attributes),
    ...(events === undefined
      ? {}
      : {
          events: events.map((event) => ({
            name: event.name,
            timeUnixNano: String(start),
            attributes: keyValues(event.attributes),
          })),
        }),
  };
}

function toLogRecord({ eventName, traceId, spanId, timeMs, severityNumber, severityText, attributes }: JsonLogRecord) {
  const time = String(nanoseconds(timeMs));
  return {
    eventName,
    traceId,
    spanId,
    timeUnixNano: time,
    observedTimeUnixNano: time,
    severityNumber,
    severityText,
    attributes: keyValues(attributes),
    flags: 1,
  };
}

const nanoseconds = (ms: number): bigint => BigInt(Math.trunc(ms)) * 1_000_000n;

function keyValues(attributes: Attributes) {
  return Object.entries(attributes).map(([key, value]) => ({ key, value: anyValue(value) }));
}

function anyValue(value: string | number | boolean) {
  if (typeof value === 'string') return { stringValue: value };
  if (typeof value === 'boolean') return { boolValue: value };
  return Number.isSafeInteger(value) ? { intValue: value } : { doubleValue: value };
}

const toBytes = (request: object): Buffer => Buffer.from(JSON.stringify(request));
