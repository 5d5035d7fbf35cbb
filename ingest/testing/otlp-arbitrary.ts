import fc from 'fast-check';
import type { Signal } from '../request/signal.js';

/** Text without unpaired surrogates, which protobuf cannot encode. */
const text = fc.oneof(
  fc.string({ unit: 'grapheme', maxLength: 20 }),
  fc.constantFrom('', '__proto__', '<b>&"\'', 'naïve', '\u0000', '💥', '\u2028', ' ', '{"a":1}', 'x'.repeat(300)),
);
const int64 = fc
  .oneof(
    fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
    fc.constantFrom(0n, -1n, 2n ** 63n - 1n, -(2n ** 63n), 2n ** 53n + 1n),
  )
  .map(String);
const uint64 = fc
  .oneof(fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }), fc.constantFrom(0n, 1n, 2n ** 64n - 1n))
  .map(String);
/** JSON has no -0, and writes NaN and infinities as words. */
const double = fc.oneof(
  fc.double({ noNaN: true, noDefaultInfinity: true }).map((value) => value + 0),
  fc.constantFrom<number | string>('NaN', 'Infinity', '-Infinity', 0, 1e-9, 5e-324, 1.7976931348623157e308),
);
const bytes = fc.uint8Array({ maxLength: 20 }).map((all) => Buffer.from(all).toString('base64'));
const hex = (size: number) =>
  fc.oneof(
    fc.constant(''),
    fc.uint8Array({ minLength: size, maxLength: size }).map((all) => Buffer.from(all).toString('hex')),
  );
const [traceId, spanId] = [hex(16), hex(8)];
/** 2020 to 2030, in nanoseconds; 0 for unknown. */
const nanos = fc.oneof(
  { weight: 9, arbitrary: fc.bigInt({ min: 1_577_836_800_000_000_000n, max: 1_893_456_000_000_000_000n }).map(String) },
  { weight: 1, arbitrary: fc.constant('0') },
);
const some = <T>(shape: { [K in keyof T]: fc.Arbitrary<T[K]> }) => fc.record(shape, { requiredKeys: [] });

const { value } = fc.letrec<{ value: object }>((tie) => ({
  value: fc.oneof(
    { depthSize: 'small', maxDepth: 3 },
    text.map((stringValue) => ({ stringValue })),
    int64.map((intValue) => ({ intValue })),
    double.map((doubleValue) => ({ doubleValue })),
    fc.boolean().map((boolValue) => ({ boolValue })),
    bytes.map((bytesValue) => ({ bytesValue })),
    fc.constant({}),
    fc.array(tie('value'), { maxLength: 3 }).map((values) => ({ arrayValue: { values } })),
    fc
      .uniqueArray(fc.tuple(text, tie('value')), { maxLength: 3, selector: ([key]) => key })
      .map((pairs) => ({ kvlistValue: { values: pairs.map(([key, of]) => ({ key, value: of })) } })),
  ),
}));
/** Distinct names, because of duplicates only one is read. */
const attributes = fc
  .uniqueArray(
    fc.tuple(fc.oneof(fc.constantFrom('a', 'b.c', 'gen_ai.tool.name', 'session.id'), text), fc.option(value)),
    { maxLength: 5, selector: ([key]) => key },
  )
  .map((pairs) => pairs.map(([key, of]) => (of === null ? { key } : { key, value: of })));

const resource = some({ attributes });
const scope = some({ name: text, version: text, attributes, droppedAttributesCount: fc.nat() });
const grouped = (
  resources: string,
  scopes: string,
  records: string,
  record: fc.Arbitrary<object>,
): fc.Arbitrary<object> =>
  fc
    .array(
      some({
        resource,
        schemaUrl: text,
        [scopes]: fc.array(some({ scope, schemaUrl: text, [records]: fc.array(record, { maxLength: 3 }) }), {
          maxLength: 2,
        }),
      }),
      { maxLength: 2 },
    )
    .map((all) => ({ [resources]: all }));

const span = some({
  traceId,
  spanId,
  parentSpanId: spanId,
  traceState: text,
  name: text,
  kind: fc.integer({ min: 0, max: 5 }),
  startTimeUnixNano: nanos,
  endTimeUnixNano: nanos,
  attributes,
  events: fc.array(some({ timeUnixNano: nanos, name: text, attributes }), { maxLength: 2 }),
  links: fc.array(some({ traceId, spanId, traceState: text, attributes }), { maxLength: 2 }),
  status: some({ code: fc.integer({ min: 0, max: 2 }), message: text }),
});

const logRecord = some({
  timeUnixNano: nanos,
  observedTimeUnixNano: nanos,
  severityNumber: fc.integer({ min: 0, max: 24 }),
  severityText: text,
  body: value,
  attributes,
  flags: fc.integer({ min: 0, max: 4_294_967_295 }),
  traceId,
  spanId,
  eventName: text,
});

const counts = fc.array(uint64, { maxLength: 4 });
const number = fc.oneof(
  int64.map((asInt) => ({ asInt })),
  double.map((asDouble) => ({ asDouble })),
);
const exemplars = fc.array(
  fc
    .tuple(some({ timeUnixNano: nanos, filteredAttributes: attributes, spanId, traceId }), number)
    .map(([rest, of]) => ({ ...rest, ...of })),
  { maxLength: 2 },
);
const common = { startTimeUnixNano: nanos, timeUnixNano: nanos, attributes, flags: fc.integer({ min: 0, max: 1 }) };
const points = (more: Record<string, fc.Arbitrary<unknown>>) =>
  fc.array(some({ ...common, ...more }), { maxLength: 2 });
const numberPoints = fc.array(
  fc.tuple(some({ ...common, exemplars }), number).map(([rest, of]) => ({ ...rest, ...of })),
  { maxLength: 2 },
);
const temporality = fc.integer({ min: 0, max: 2 });
const buckets = some({ offset: fc.integer({ min: -100, max: 100 }), bucketCounts: counts });
const metricData = fc.oneof(
  numberPoints.map((dataPoints) => ({ gauge: { dataPoints } })),
  fc.tuple(numberPoints, temporality, fc.boolean()).map(([dataPoints, aggregationTemporality, isMonotonic]) => ({
    sum: { dataPoints, aggregationTemporality, isMonotonic },
  })),
  fc
    .tuple(
      points({
        count: uint64,
        sum: double,
        bucketCounts: counts,
        explicitBounds: fc.array(double, { maxLength: 3 }),
        exemplars,
        min: double,
        max: double,
      }),
      temporality,
    )
    .map(([dataPoints, aggregationTemporality]) => ({ histogram: { dataPoints, aggregationTemporality } })),
  fc
    .tuple(
      points({
        count: uint64,
        sum: double,
        scale: fc.integer({ min: -10, max: 20 }),
        zeroCount: uint64,
        positive: buckets,
        negative: buckets,
        exemplars,
        min: double,
        max: double,
      }),
      temporality,
    )
    .map(([dataPoints, aggregationTemporality]) => ({ exponentialHistogram: { dataPoints, aggregationTemporality } })),
  points({
    count: uint64,
    sum: double,
    quantileValues: fc.array(some({ quantile: double, value: double }), { maxLength: 2 }),
  }).map((dataPoints) => ({ summary: { dataPoints } })),
);
const metric = fc
  .tuple(some({ name: text, description: text, unit: text }), metricData)
  .map(([named, data]) => ({ ...named, ...data }));

/** Any OTLP/JSON request that protobuf can express too. */
export const ANY_OTLP: Readonly<Record<Signal, fc.Arbitrary<object>>> = {
  traces: grouped('resourceSpans', 'scopeSpans', 'spans', span),
  logs: grouped('resourceLogs', 'scopeLogs', 'logRecords', logRecord),
  metrics: grouped('resourceMetrics', 'scopeMetrics', 'metrics', metric),
};
