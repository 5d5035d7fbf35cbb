import { ValueType } from '@opentelemetry/api';
import {
  AggregationTemporality,
  DataPointType,
  type MetricData,
  type ResourceMetrics,
} from '@opentelemetry/sdk-metrics';
import { producerResource, SCOPE } from './resource.js';
import { byRepository, hrTime, type Attributes } from './values.js';

/** One value of a metric. */
export interface Point {
  readonly value: number;
  readonly attributes: Attributes;
}

/** A metric of one repository. */
export interface Metric {
  readonly repository: string;
  readonly data: MetricData;
}

/** Returns a gauge at one moment. */
export function gauge(repository: string, name: string, unit: string, points: readonly Point[], atMs: number): Metric {
  const times = { startTime: hrTime(atMs), endTime: hrTime(atMs) };
  return {
    repository,
    data: {
      descriptor: { name, unit, description: '', valueType: ValueType.INT },
      aggregationTemporality: AggregationTemporality.CUMULATIVE,
      dataPointType: DataPointType.GAUGE,
      dataPoints: points.map((point) => ({ ...point, ...times })),
    },
  };
}

/** The period of a count, in milliseconds since the epoch. */
export interface Period {
  readonly fromMs: number;
  readonly toMs: number;
}

/** Returns a counter for a period. Delta, since a command that ends keeps no total. */
export function counter(
  repository: string,
  name: string,
  unit: string,
  points: readonly Point[],
  period: Period,
): Metric {
  return {
    repository,
    data: {
      descriptor: { name, unit, description: '', valueType: ValueType.INT },
      aggregationTemporality: AggregationTemporality.DELTA,
      dataPointType: DataPointType.SUM,
      isMonotonic: true,
      dataPoints: points.map((point) => ({ ...point, ...timesOf(period) })),
    },
  };
}

/** Values to count by size. */
export interface Distribution {
  readonly values: readonly number[];
  readonly attributes: Attributes;
}

/** Returns a histogram for a period; `bounds` are the upper bounds of all buckets but the last. */
export function histogram(
  repository: string,
  name: string,
  unit: string,
  bounds: readonly number[],
  all: readonly Distribution[],
  period: Period,
): Metric {
  const dataPoints = all.map(({ values, attributes }) => {
    const counts = new Array<number>(bounds.length + 1).fill(0);
    for (const value of values) {
      const bucket = bounds.findIndex((bound) => value <= bound);
      const index = bucket < 0 ? bounds.length : bucket;
      counts[index] = (counts[index] ?? 0) + 1;
    }
    const value = {
      count: values.length,
      sum: values.reduce((sum, value) => sum + value, 0),
      min: Math.min(...values),
      max: Math.max(...values),
      buckets: { boundaries: [...bounds], counts },
    };
    return { ...timesOf(period), attributes, value };
  });
  return {
    repository,
    data: {
      descriptor: { name, unit, description: '', valueType: ValueType.DOUBLE },
      aggregationTemporality: AggregationTemporality.DELTA,
      dataPointType: DataPointType.HISTOGRAM,
      dataPoints,
    },
  };
}

/** Returns metrics for the SDK's exporter: one request per repository. */
export function resourceMetrics(metrics: readonly Metric[]): ResourceMetrics[] {
  return byRepository(metrics).map(([repository, group]) => ({
    resource: producerResource(repository),
    scopeMetrics: [{ scope: SCOPE, metrics: group.map(({ data }) => data) }],
  }));
}

function timesOf({ fromMs, toMs }: Period): { startTime: [number, number]; endTime: [number, number] } {
  return { startTime: hrTime(fromMs), endTime: hrTime(toMs) };
}
