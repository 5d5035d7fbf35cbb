import { producerResource, SCOPE } from './resource.js';
import { byRepository, keyValues, unixNano, type Attributes } from './values.js';

/** One value of a metric. */
export interface Point {
  readonly value: number;
  readonly attributes: Attributes;
}

/** A metric of one repository, as OTLP's JSON mapping has it. */
export interface Metric {
  readonly repository: string;
  readonly metric: object;
}

const DELTA = 1;

/** A gauge read at one moment. */
export function gauge(repository: string, name: string, unit: string, points: readonly Point[], atMs: number): Metric {
  const dataPoints = points.map(({ value, attributes }) => ({ attributes: keyValues(attributes), timeUnixNano: unixNano(atMs), asInt: String(value) }));
  return { repository, metric: { name, unit, gauge: { dataPoints } } };
}

/** The moments between which something was counted, in milliseconds since the epoch. */
export interface Period {
  readonly fromMs: number;
  readonly toMs: number;
}

/** What happened within a period. Delta, since a command that ends has no total to go on from. */
export function counter(repository: string, name: string, unit: string, points: readonly Point[], period: Period): Metric {
  const dataPoints = points.map(({ value, attributes }) => ({ ...encodePeriod(period), attributes: keyValues(attributes), asInt: String(value) }));
  return { repository, metric: { name, unit, sum: { dataPoints, aggregationTemporality: DELTA, isMonotonic: true } } };
}

/** Values to be counted by size. */
export interface Distribution {
  readonly values: readonly number[];
  readonly attributes: Attributes;
}

/** A histogram of what happened within a period; `bounds` are the upper ends of all buckets but the last. */
export function histogram(repository: string, name: string, unit: string, bounds: readonly number[], all: readonly Distribution[], period: Period): Metric {
  const dataPoints = all.map(({ values, attributes }) => {
    const counts = new Array<number>(bounds.length + 1).fill(0);
    for (const value of values) {
      const bucket = bounds.findIndex((bound) => value <= bound);
      const index = bucket < 0 ? bounds.length : bucket;
      counts[index] = (counts[index] ?? 0) + 1;
    }
    return {
      ...encodePeriod(period),
      attributes: keyValues(attributes),
      count: String(values.length),
      sum: values.reduce((sum, value) => sum + value, 0),
      min: Math.min(...values),
      max: Math.max(...values),
      explicitBounds: bounds,
      bucketCounts: counts.map(String),
    };
  });
  return { repository, metric: { name, unit, histogram: { dataPoints, aggregationTemporality: DELTA } } };
}

/** Body of a request to `/v1/metrics`. */
export function metricsBody(metrics: readonly Metric[]): object {
  return {
    resourceMetrics: byRepository(metrics).map(([repository, group]) => ({
      resource: producerResource(repository),
      scopeMetrics: [{ scope: SCOPE, metrics: group.map(({ metric }) => metric) }],
    })),
  };
}

function encodePeriod({ fromMs, toMs }: Period): object {
  return { startTimeUnixNano: unixNano(fromMs), timeUnixNano: unixNano(toMs) };
}
