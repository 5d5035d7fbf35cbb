import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { repositoryAttributes } from '#schemas/records/repository.js';
import { packageRoot } from '#schemas/root.js';
import { ATTR_SERVICE_NAME, ATTR_SERVICE_VERSION, SCOPE_NAME, SERVICE_NAME_PRODUCER } from '#schemas/semconv.js';

/** Attributes of ours: single values, no lists and no maps. */
export type Attributes = Readonly<Record<string, string | number | boolean>>;

const { version } = JSON.parse(readFileSync(join(packageRoot(), 'package.json'), 'utf8')) as { version: string };
const SCOPE = { name: SCOPE_NAME, version };
const KIND_INTERNAL = 1;

/** A finished span. Times in milliseconds since the epoch. */
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

/** Spans of one repository as the OTLP/JSON request that our own producers would have sent. */
export function tracesRequest(repository: string, spans: readonly JsonSpan[]): Buffer {
  return toBytes({ resourceSpans: [{ resource: resource(repository), scopeSpans: [{ scope: SCOPE, spans: spans.map(toSpan) }] }] });
}

/** {@link tracesRequest} of spans that are written out already. */
export function tracesRequestOf(repository: string, spans: readonly string[]): Buffer {
  return Buffer.from(
    `{"resourceSpans":[{"resource":${JSON.stringify(resource(repository))},"scopeSpans":[{"scope":${JSON.stringify(SCOPE)},"spans":[${spans.join(',')}]}]}]}`,
  );
}

/** Attributes written out, without the brackets around them. */
export function keyValuesText(entries: readonly (readonly [string, string | number])[]): string {
  return entries.map(([key, value]) => `{"key":${JSON.stringify(key)},"value":{${valueText(value)}}}`).join(',');
}

function valueText(value: string | number): string {
  if (typeof value === 'string') return `"stringValue":${JSON.stringify(value)}`;
  return Number.isSafeInteger(value) ? `"intValue":${String(value)}` : `"doubleValue":${String(value)}`;
}

/** Log records of one repository, likewise. */
export function logsRequest(repository: string, records: readonly JsonLogRecord[]): Buffer {
  return toBytes({ resourceLogs: [{ resource: resource(repository), scopeLogs: [{ scope: SCOPE, logRecords: records.map(toLogRecord) }] }] });
}

function resource(repository: string) {
  return {
    attributes: keyValues({
      [ATTR_SERVICE_NAME]: SERVICE_NAME_PRODUCER,
      [ATTR_SERVICE_VERSION]: version,
      ...repositoryAttributes(repository),
    }),
  };
}

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
      : { events: events.map((event) => ({ name: event.name, timeUnixNano: String(start), attributes: keyValues(event.attributes) })) }),
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
