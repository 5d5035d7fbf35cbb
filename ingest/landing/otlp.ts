/**
 * OTLP as decoded by `decode-protobuf.ts`: the messages of `proto/` with every plain field present. Members of a oneof
 * and `optional` fields are absent when not sent. Fields that landing does not store are left out.
 */
export interface AnyValue {
  stringValue?: string;
  boolValue?: boolean;
  intValue?: bigint;
  doubleValue?: number;
  arrayValue?: { values: AnyValue[] };
  kvlistValue?: { values: KeyValue[] };
  bytesValue?: Buffer;
}

export interface KeyValue {
  key: string;
  value?: AnyValue;
}

interface Resource {
  attributes: KeyValue[];
}

interface Scope {
  name: string;
  version: string;
  attributes: KeyValue[];
  droppedAttributesCount: number;
}

export interface TracesRequest {
  resourceSpans: {
    resource?: Resource;
    schemaUrl: string;
    scopeSpans: { scope?: Scope; schemaUrl: string; spans: Span[] }[];
  }[];
}

export interface Span {
  traceId: Buffer;
  spanId: Buffer;
  parentSpanId: Buffer;
  traceState: string;
  name: string;
  kind: number;
  startTimeUnixNano: bigint;
  endTimeUnixNano: bigint;
  attributes: KeyValue[];
  events: { timeUnixNano: bigint; name: string; attributes: KeyValue[] }[];
  links: { traceId: Buffer; spanId: Buffer; traceState: string; attributes: KeyValue[] }[];
  status?: { message: string; code: number };
}

export interface LogsRequest {
  resourceLogs: {
    resource?: Resource;
    schemaUrl: string;
    scopeLogs: { scope?: Scope; schemaUrl: string; logRecords: LogRecord[] }[];
  }[];
}

export interface LogRecord {
  timeUnixNano: bigint;
  observedTimeUnixNano: bigint;
  severityNumber: number;
  severityText: string;
  body?: AnyValue;
  attributes: KeyValue[];
  flags: number;
  traceId: Buffer;
  spanId: Buffer;
  eventName: string;
}

export interface MetricsRequest {
  resourceMetrics: {
    resource?: Resource;
    schemaUrl: string;
    scopeMetrics: { scope?: Scope; schemaUrl: string; metrics: Metric[] }[];
  }[];
}

export interface Metric {
  name: string;
  description: string;
  unit: string;
  gauge?: { dataPoints: NumberDataPoint[] };
  sum?: { dataPoints: NumberDataPoint[]; aggregationTemporality: number; isMonotonic: boolean };
  histogram?: { dataPoints: HistogramDataPoint[]; aggregationTemporality: number };
  exponentialHistogram?: { dataPoints: ExponentialHistogramDataPoint[]; aggregationTemporality: number };
  summary?: { dataPoints: SummaryDataPoint[] };
}

/** Fields of every kind of data point. */
export interface DataPoint {
  attributes: KeyValue[];
  startTimeUnixNano: bigint;
  timeUnixNano: bigint;
  flags: number;
}

export interface NumberDataPoint extends DataPoint {
  asDouble?: number;
  asInt?: bigint;
  exemplars: Exemplar[];
}

export interface Exemplar {
  filteredAttributes: KeyValue[];
  timeUnixNano: bigint;
  asDouble?: number;
  asInt?: bigint;
  spanId: Buffer;
  traceId: Buffer;
}

export interface HistogramDataPoint extends DataPoint {
  count: bigint;
  sum?: number;
  bucketCounts: bigint[];
  explicitBounds: number[];
  exemplars: Exemplar[];
  min?: number;
  max?: number;
}

export interface ExponentialHistogramDataPoint extends DataPoint {
  count: bigint;
  sum?: number;
  scale: number;
  zeroCount: bigint;
  positive?: { offset: number; bucketCounts: bigint[] };
  negative?: { offset: number; bucketCounts: bigint[] };
  exemplars: Exemplar[];
  min?: number;
  max?: number;
}

export interface SummaryDataPoint extends DataPoint {
  count: bigint;
  sum: number;
  quantileValues: { quantile: number; value: number }[];
}
