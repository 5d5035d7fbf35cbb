import { ATTR_SERVICE_NAME } from '#schemas/semconv.js';
import type { Caller } from '../../auth/caller.js';
import type { Batch } from '../batch.js';
import { cell } from '../cells.js';
import type { DataPoint, Metric, MetricsRequest } from '../otlp.js';
import { Scrubber } from '../scrubber.js';
import { stampTenant } from '../tenant.js';
import {
  exponentialHistogramCells,
  HISTOGRAM_COLUMNS,
  EXPONENTIAL_HISTOGRAM_COLUMNS,
  histogramCells,
  NUMBER_COLUMNS,
  numberCells,
  SUM_COLUMNS,
  SUMMARY_COLUMNS,
  summaryCells,
} from './metric-points.js';

const COMMON_COLUMNS = [
  'ResourceAttributes', 'ResourceSchemaUrl', 'ScopeName', 'ScopeVersion', 'ScopeAttributes', 'ScopeDroppedAttrCount',
  'ScopeSchemaUrl', 'ServiceName', 'MetricName', 'MetricDescription', 'MetricUnit', 'Attributes', 'StartTimeUnix',
  'TimeUnix', 'Flags',
];

/** Rows of the `otel_metrics_*` tables, one table for each kind of point. */
export function metricRows(request: MetricsRequest, caller: Caller): Batch[] {
  const scrub = new Scrubber();
  const tables = createTables();
  for (const { resource, schemaUrl, scopeMetrics } of request.resourceMetrics) {
    const resourceAttributes = stampTenant(scrub.attributes(resource?.attributes ?? []), caller);
    const resourceCells = [cell.map(resourceAttributes), cell.text(scrub.text(schemaUrl))];
    const serviceName = cell.text(resourceAttributes.get(ATTR_SERVICE_NAME) ?? '');
    for (const { scope, schemaUrl: scopeUrl, metrics } of scopeMetrics) {
      const scopeCells = [
        cell.text(scrub.text(scope?.name ?? '')),
        cell.text(scrub.text(scope?.version ?? '')),
        cell.map(scrub.attributes(scope?.attributes ?? [])),
        cell.integer(scope?.droppedAttributesCount ?? 0),
        cell.text(scrub.text(scopeUrl)),
      ];
      for (const metric of metrics) {
        const names = [metric.name, metric.description, metric.unit].map((name) => cell.text(scrub.text(name)));
        addPoints(tables, metric, [...resourceCells, ...scopeCells, serviceName, ...names], scrub);
      }
    }
  }
  return Object.values(tables);
}

type Tables = ReturnType<typeof createTables>;

function createTables() {
  const table = (kind: string, columns: readonly string[]): Batch => ({
    table: `otel_metrics_${kind}`,
    columns: [...COMMON_COLUMNS, ...columns],
    rows: [],
  });
  return {
    gauge: table('gauge', NUMBER_COLUMNS),
    sum: table('sum', SUM_COLUMNS),
    histogram: table('histogram', HISTOGRAM_COLUMNS),
    exponentialHistogram: table('exponential_histogram', EXPONENTIAL_HISTOGRAM_COLUMNS),
    summary: table('summary', SUMMARY_COLUMNS),
  };
}

function addPoints(tables: Tables, metric: Metric, common: readonly string[], scrub: Scrubber): void {
  const head = (point: DataPoint): string[] => [
    ...common,
    cell.map(scrub.attributes(point.attributes)),
    cell.seconds(point.startTimeUnixNano),
    cell.seconds(point.timeUnixNano),
    cell.integer(point.flags),
  ];
  const { gauge, sum, histogram, exponentialHistogram, summary } = metric;
  for (const point of gauge?.dataPoints ?? []) tables.gauge.rows.push([...head(point), ...numberCells(point, scrub)]);
  if (sum !== undefined) {
    const tail = [cell.integer(sum.aggregationTemporality), cell.bool(sum.isMonotonic)];
    for (const point of sum.dataPoints) tables.sum.rows.push([...head(point), ...numberCells(point, scrub), ...tail]);
  }
  if (histogram !== undefined) {
    const temporality = cell.integer(histogram.aggregationTemporality);
    for (const point of histogram.dataPoints) {
      tables.histogram.rows.push([...head(point), ...histogramCells(point, scrub), temporality]);
    }
  }
  if (exponentialHistogram !== undefined) {
    const temporality = cell.integer(exponentialHistogram.aggregationTemporality);
    for (const point of exponentialHistogram.dataPoints) {
      tables.exponentialHistogram.rows.push([...head(point), ...exponentialHistogramCells(point, scrub), temporality]);
    }
  }
  for (const point of summary?.dataPoints ?? []) tables.summary.rows.push([...head(point), ...summaryCells(point)]);
}
