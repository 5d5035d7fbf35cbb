import { ValueType } from '@opentelemetry/api';
import { metrics } from '@opentelemetry/sdk-node';
import { SCOPE, type Resource } from './resource.js';
import { hrTime } from './time.js';

export type ResourceMetrics = metrics.ResourceMetrics;
export type MetricData = metrics.MetricData;

/** One value of a metric. */
export interface Point {
  readonly value: number;
  readonly attributes: Record<string, string>;
}

/** A gauge read at one moment. */
export function createGauge(name: string, unit: string, points: readonly Point[], atMs: number): MetricData {
  return {
    descriptor: { name, unit, description: '', valueType: ValueType.INT },
    aggregationTemporality: metrics.AggregationTemporality.CUMULATIVE,
    dataPointType: metrics.DataPointType.GAUGE,
    dataPoints: points.map((point) => ({ ...point, startTime: hrTime(atMs), endTime: hrTime(atMs) })),
  };
}

/** What happened between two moments. Delta, since a command that ends has no total to go on from. */
export function createCounter(name: string, unit: string, points: readonly Point[], fromMs: number, toMs: number): MetricData {
  return {
    descriptor: { name, unit, description: '', valueType: ValueType.INT },
    aggregationTemporality: metrics.AggregationTemporality.DELTA,
    dataPointType: metrics.DataPointType.SUM,
    isMonotonic: true,
    dataPoints: points.map((point) => ({ ...point, startTime: hrTime(fromMs), endTime: hrTime(toMs) })),
  };
}

/** Metrics of one resource, ready to be exported. */
export function resourceMetrics(resource: Resource, data: MetricData[]): ResourceMetrics {
  return { resource, scopeMetrics: [{ scope: SCOPE, metrics: data }] };
}
