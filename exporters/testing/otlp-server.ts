import type { IncomingMessage } from 'node:http';
import { LocalServer, type Reply } from './local-server.js';

/** An attribute value of OTLP/JSON; integers come as numbers or as strings. */
interface AnyValue {
  stringValue?: string;
  boolValue?: boolean;
  intValue?: number | string;
  doubleValue?: number;
}

interface KeyValue {
  key: string;
  value: AnyValue;
}

interface Resource {
  attributes: KeyValue[];
}

interface OtlpSpan {
  traceId: string;
  spanId: string;
  name: string;
  startTimeUnixNano: string;
  endTimeUnixNano: string;
  attributes: KeyValue[];
  events: unknown[];
}

interface OtlpLogRecord {
  traceId: string;
  spanId: string;
  eventName: string;
  timeUnixNano: string;
  severityText: string;
  severityNumber: number;
  attributes: KeyValue[];
}

interface OtlpPoint {
  attributes: KeyValue[];
  asInt?: number | string;
  asDouble?: number;
}

interface OtlpMetric {
  name: string;
  gauge?: { dataPoints: OtlpPoint[] };
  sum?: { dataPoints: OtlpPoint[]; aggregationTemporality: number; isMonotonic: boolean };
}

/** The bodies of the three signals, as the OTLP specification's JSON mapping has them. */
export interface OtlpBody {
  resourceSpans?: { resource: Resource; scopeSpans: { spans: OtlpSpan[] }[] }[];
  resourceLogs?: { resource: Resource; scopeLogs: { logRecords: OtlpLogRecord[] }[] }[];
  resourceMetrics?: { resource: Resource; scopeMetrics: { metrics: OtlpMetric[] }[] }[];
}

/** One request the server took part in. */
export interface OtlpRequest {
  readonly path: string;
  readonly authorization: string | undefined;
  readonly headers: IncomingMessage['headers'];
  readonly text: string;
  readonly body: OtlpBody;
  /** What it was answered with. */
  status: number;
}

/** An answer other than 200 and an empty JSON object. */
export interface Answer {
  readonly status: number;
  readonly headers?: Record<string, string>;
  readonly body?: string;
}

/** A server that takes OTLP/JSON and keeps what came. */
export class OtlpServer extends LocalServer {
  readonly requests: OtlpRequest[] = [];
  /** Decides about each request; undefined takes it. */
  respond: (request: OtlpRequest, index: number) => Answer | undefined = () => undefined;

  static start(port = 0): Promise<OtlpServer> {
    return new OtlpServer().listen(port);
  }

  /** Requests that were answered with 200. */
  get accepted(): OtlpRequest[] {
    return this.requests.filter((request) => request.status === 200);
  }

  get spans(): (OtlpSpan & { resource: Record<string, unknown>; values: Record<string, unknown> })[] {
    return this.accepted
      .flatMap(({ body }) => body.resourceSpans ?? [])
      .flatMap(({ resource, scopeSpans }) =>
        scopeSpans
          .flatMap(({ spans }) => spans)
          .map((span) => ({ ...span, resource: values(resource.attributes), values: values(span.attributes) })),
      );
  }

  get logRecords(): (OtlpLogRecord & { resource: Record<string, unknown>; values: Record<string, unknown> })[] {
    return this.accepted
      .flatMap(({ body }) => body.resourceLogs ?? [])
      .flatMap(({ resource, scopeLogs }) =>
        scopeLogs
          .flatMap(({ logRecords }) => logRecords)
          .map((record) => ({ ...record, resource: values(resource.attributes), values: values(record.attributes) })),
      );
  }

  /** Points as `name{attribute=value,...} = number`, sorted. */
  get points(): string[] {
    return this.accepted
      .flatMap(({ body }) => body.resourceMetrics ?? [])
      .flatMap(({ scopeMetrics }) => scopeMetrics.flatMap(({ metrics }) => metrics))
      .flatMap(
        (metric) =>
          (metric.gauge ?? metric.sum)?.dataPoints.map((point) => {
            const labels = Object.entries(values(point.attributes)).map(([key, value]) => `${key}=${String(value)}`);
            return `${metric.name}{${labels.join(',')}} = ${String(point.asInt ?? point.asDouble)}`;
          }) ?? [],
      )
      .sort();
  }

  protected answer(request: IncomingMessage, text: string): Reply {
    const { authorization } = request.headers;
    const body = JSON.parse(text) as OtlpBody;
    const taken: OtlpRequest = {
      path: request.url ?? '',
      authorization,
      headers: request.headers,
      text,
      body,
      status: 200,
    };
    this.requests.push(taken);
    const answer = this.respond(taken, this.requests.length - 1) ?? { status: 200, body: '{}' };
    taken.status = answer.status;
    return { body: '', ...answer };
  }
}

/** Attributes as a plain object, integers as numbers. */
function values(attributes: readonly KeyValue[]): Record<string, unknown> {
  const entries = attributes.map(({ key, value }) => {
    const integer = value.intValue === undefined ? undefined : Number(value.intValue);
    return [key, value.stringValue ?? value.boolValue ?? integer ?? value.doubleValue] as const;
  });
  return Object.fromEntries(entries);
}
