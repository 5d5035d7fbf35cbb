import protobuf from 'protobufjs';
import { loadOtlp, requestType } from '../landing/message-plan.js';
import type { Signal } from '../request/signal.js';

const TRACE_ID = '5b8efff798038103d269b633813fc60c';
const SPAN_ID = 'eee19b7ec3c1b174';
const text = (key: string, stringValue: string) => ({ key, value: { stringValue } });

/** Attribute values of every OTLP type. */
const EVERY_VALUE = [
  text('text', 'naïve <b>&'),
  { key: 'int', value: { intValue: '-9223372036854775808' } },
  { key: 'double', value: { doubleValue: 1.5 } },
  { key: 'tiny', value: { doubleValue: 1e-9 } },
  { key: 'nan', value: { doubleValue: 'NaN' } },
  { key: 'infinite', value: { doubleValue: '-Infinity' } },
  { key: 'bool', value: { boolValue: true } },
  { key: 'bytes', value: { bytesValue: Buffer.from([0, 255, 1]).toString('base64') } },
  { key: 'list', value: { arrayValue: { values: [{ stringValue: '<a>' }, { intValue: '7' }, {}] } } },
  { key: 'map', value: { kvlistValue: { values: [text('z', '1'), { key: 'a', value: { boolValue: false } }] } } },
  { key: 'none' },
];

const resource = {
  attributes: [text('service.name', 'sample'), text('vcs.owner.name', 'acme'), text('vcs.repository.name', 'sample')],
};
const scope = { name: 'scope', version: '1', attributes: EVERY_VALUE, droppedAttributesCount: 3 };
const times = { startTimeUnixNano: '1764000000000000001', timeUnixNano: '1764000001000000002' };
const exemplars = [
  {
    timeUnixNano: '1764000000500000000',
    asInt: '9',
    filteredAttributes: EVERY_VALUE,
    spanId: SPAN_ID,
    traceId: TRACE_ID,
  },
];
const point = { ...times, attributes: EVERY_VALUE, flags: 1 };

/** One request per signal that uses every stored field. */
export const SAMPLES: Readonly<Record<Signal, object>> = {
  traces: {
    resourceSpans: [
      {
        resource,
        scopeSpans: [
          {
            scope,
            spans: [
              {
                traceId: TRACE_ID,
                spanId: SPAN_ID,
                parentSpanId: 'aaa19b7ec3c1b174',
                traceState: 'a=b',
                name: 'span',
                kind: 3,
                startTimeUnixNano: '1764000000000000001',
                endTimeUnixNano: '1764000000000001001',
                attributes: EVERY_VALUE,
                events: [{ timeUnixNano: '1764000000000000005', name: 'event', attributes: EVERY_VALUE }],
                links: [{ traceId: TRACE_ID, spanId: SPAN_ID, traceState: 'c=d', attributes: EVERY_VALUE }],
                status: { code: 2, message: 'broken' },
              },
            ],
          },
        ],
      },
    ],
  },
  logs: {
    resourceLogs: [
      {
        resource,
        schemaUrl: 'https://example.com/resource',
        scopeLogs: [
          {
            scope,
            schemaUrl: 'https://example.com/scope',
            logRecords: [
              {
                timeUnixNano: '0',
                observedTimeUnixNano: '1764000000123456789',
                severityNumber: 9,
                severityText: 'INFO',
                body: { kvlistValue: { values: EVERY_VALUE.slice(0, 4) } },
                attributes: EVERY_VALUE,
                flags: 257,
                traceId: TRACE_ID,
                spanId: SPAN_ID,
                eventName: 'event',
              },
            ],
          },
        ],
      },
    ],
  },
  metrics: {
    resourceMetrics: [
      {
        resource,
        schemaUrl: 'https://example.com/resource',
        scopeMetrics: [
          {
            scope,
            schemaUrl: 'https://example.com/scope',
            metrics: [
              {
                name: 'gauge',
                description: 'd',
                unit: '1',
                gauge: { dataPoints: [{ ...point, asDouble: 0.5, exemplars }] },
              },
              {
                name: 'gauge.nan',
                gauge: {
                  dataPoints: [
                    { ...point, asDouble: 'NaN' },
                    { ...point, asDouble: 'Infinity' },
                  ],
                },
              },
              {
                name: 'sum',
                sum: { dataPoints: [{ ...point, asInt: '-5' }], aggregationTemporality: 1, isMonotonic: true },
              },
              {
                name: 'histogram',
                histogram: {
                  dataPoints: [
                    {
                      ...point,
                      count: '3',
                      sum: 6,
                      bucketCounts: ['1', '2'],
                      explicitBounds: [2.5],
                      exemplars,
                      min: 1,
                      max: 4,
                    },
                  ],
                  aggregationTemporality: 2,
                },
              },
              {
                name: 'exponential',
                exponentialHistogram: {
                  dataPoints: [
                    {
                      ...point,
                      count: '18446744073709551615',
                      sum: 6,
                      scale: -2,
                      zeroCount: '1',
                      min: -1,
                      max: 1,
                      positive: { offset: -3, bucketCounts: ['1', '2'] },
                      negative: { offset: 4, bucketCounts: ['9'] },
                    },
                  ],
                  aggregationTemporality: 2,
                },
              },
              {
                name: 'summary',
                summary: {
                  dataPoints: [{ ...point, count: '2', sum: 3, quantileValues: [{ quantile: 0.5, value: 1 }] }],
                },
              },
            ],
          },
        ],
      },
    ],
  },
};

const root = loadOtlp();

/** Encodes an OTLP/JSON request with protobufjs, independently of the code under test. */
export function toProtobuf(signal: Signal, request: object): Buffer {
  const type = requestType(root, signal);
  return Buffer.from(type.encode(type.fromObject(toObject(type, request) as Record<string, unknown>)).finish());
}

/** Converts OTLP/JSON to protobufjs's form: snake_case names, ids as bytes, NaN as a number. */
function toObject(type: protobuf.Type, input: unknown): unknown {
  const result: Record<string, unknown> = {};
  for (const field of type.fieldsArray) {
    const value = (input as Record<string, unknown>)[protobuf.util.camelCase(field.name)];
    if (value === undefined) continue;
    const convert = (each: unknown): unknown => {
      if (field.resolvedType instanceof protobuf.Type) return toObject(field.resolvedType, each);
      if (field.name.endsWith('trace_id') || field.name.endsWith('span_id')) return Buffer.from(each as string, 'hex');
      return field.type === 'double' ? Number(each) : each;
    };
    result[field.name] = Array.isArray(value) ? value.map(convert) : convert(value);
  }
  return result;
}
