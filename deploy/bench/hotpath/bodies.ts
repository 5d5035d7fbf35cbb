import { toProtobuf } from '#ingest/testing/otlp-samples.js';
import { generateSpans, type SpanRow } from '../store/spans.js';

/** OTLP requests with the same spans in both encodings. */
export interface Bodies {
  readonly json: readonly Buffer[];
  readonly protobuf: readonly Buffer[];
  readonly spans: number;
  /** Attributes per span, on average. */
  readonly attributes: number;
}

/** Returns spans of coding agents (see `store/spans.ts`), each request from one resource, as an SDK sends them. */
export function makeBodies(requests: number, spansEach: number): Bodies {
  const settings = {
    count: requests * spansEach,
    seed: 7,
    from: new Date(Date.now() - 7_200_000),
    hours: 1,
    organisations: 8,
  };
  const rows = generateSpans(settings).sort((a, b) => resourceOf(a).localeCompare(resourceOf(b)));
  const messages = Array.from({ length: requests }, (_, i) => request(rows.slice(i * spansEach, (i + 1) * spansEach)));
  const attributes = rows.reduce((sum, row) => sum + Object.keys(row.SpanAttributes).length, 0) / rows.length;
  return {
    json: messages.map((message) => Buffer.from(JSON.stringify(message))),
    protobuf: messages.map((message) => toProtobuf('traces', message)),
    spans: rows.length,
    attributes,
  };
}

const resourceOf = (row: SpanRow): string => JSON.stringify(row.ResourceAttributes);

function request(rows: readonly SpanRow[]): object {
  const byResource = new Map<string, SpanRow[]>();
  for (const row of rows) byResource.set(resourceOf(row), [...(byResource.get(resourceOf(row)) ?? []), row]);
  return {
    resourceSpans: [...byResource.values()].map((spans) => ({
      resource: { attributes: attributes(spans[0]?.ResourceAttributes ?? {}) },
      scopeSpans: [{ scope: { name: spans[0]?.ScopeName ?? '', version: '1.0.0' }, spans: spans.map(span) }],
    })),
  };
}

function span(row: SpanRow): object {
  const start = BigInt(Date.parse(`${row.Timestamp.slice(0, 23).replace(' ', 'T')}Z`)) * 1_000_000n;
  return {
    traceId: row.TraceId,
    spanId: row.SpanId,
    parentSpanId: row.ParentSpanId,
    name: row.SpanName,
    kind: 1,
    startTimeUnixNano: String(start),
    endTimeUnixNano: String(start + BigInt(row.Duration)),
    attributes: attributes(row.SpanAttributes),
    status: row.StatusMessage === '' ? {} : { code: 2, message: row.StatusMessage },
    events: row['Events.Name'].map((name, i) => ({
      timeUnixNano: String(start),
      name,
      attributes: attributes(row['Events.Attributes'][i] ?? {}),
    })),
  };
}

function attributes(map: Readonly<Record<string, string>>): object[] {
  return Object.entries(map).map(([key, stringValue]) => ({ key, value: { stringValue } }));
}
