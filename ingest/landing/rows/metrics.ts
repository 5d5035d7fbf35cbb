import { ATTR_SERVICE_NAME } from '#schemas/semconv.js';
import type { Caller } from '../../auth/caller.js';
import type { Batch } from '../batch.js';
import { cell } from '../cells.js';
import type { DataPoint, Metric, MetricsRequest } from '../otlp.js';
import { type Scrubber, Tally } from '../scrubber.js';
import { createScrubber, stampTenant, type LandingSettings } from '../tenant.js';
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
  'ResourceAttributes',
  'ResourceSchemaUrl',
  'ScopeName',
  'ScopeVersion',
  'ScopeAttributes',
  'ScopeDroppedAttrCount',
  'ScopeSchemaUrl',
  'ServiceName',
  'MetricName',
  'MetricDescription',
  'MetricUnit',
  'Attributes',
  'StartTimeUnix',
  'TimeUnix',
  'Flags',
];

/** Converts a request to rows of the `otel_metrics_*` tables, one table per kind of point. */
export function metricRows(request: MetricsRequest, caller: Caller, settings: LandingSettings): Batch[] {
  const scrub = createScrubber(caller, settings);
  const tally = new Tally();
  const tables = createTables();
  for (const { resource, schemaUrl, scopeMetrics } of request.resourceMetrics) {
    const resourceAttributes = scrub.attributes(resource?.attributes ?? [], tally);
    const schemaCell = cell.text(scrub.text(schemaUrl, tally));
    const scopes = scopeMetrics.map(({ scope, schemaUrl: scopeUrl, metrics }) => ({
      cells: [
        cell.text(scrub.text(scope?.name ?? '', tally)),
        cell.text(scrub.text(scope?.version ?? '', tally)),
        cell.map(scrub.attributes(scope?.attributes ?? [], tally)),
        cell.integer(scope?.droppedAttributesCount ?? 0),
        cell.text(scrub.text(scopeUrl, tally)),
      ],
      metrics: metrics.map((metric) => ({
        metric,
        names: [metric.name, metric.description, metric.unit].map((name) => cell.text(scrub.text(name, tally))),
      })),
    }));
    const serviceName = cell.text(resourceAttributes.get(ATTR_SERVICE_NAME) ?? '');
    const resourceCells = [cell.map(stampTenant(tally.writeTo(resourceAttributes), caller)), schemaCell];
    for (const { cells, metrics } of scopes) {
      for (const { metric, names } of metrics)
        addPoints(tables, metric, [...resourceCells, ...cells, serviceName, ...names], scrub, tally);
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

function addPoints(tables: Tables, metric: Metric, common: readonly string[], scrub: Scrubber, tally: Tally): void {
  // The point's own attributes follow the exemplars', because they include the counts of both.
  const row = (point: DataPoint, own: readonly string[]): string[] => [
    ...common,
    cell.map(tally.writeTo(scrub.attributes(point.attributes, tally))),
    cell.seconds(point.startTimeUnixNano),
    cell.seconds(point.timeUnixNano),
    cell.integer(point.flags),
    ...own,
  ];
  const { gauge, sum, histogram, exponentialHistogram, summary } = metric;
  for (const point of gauge?.dataPoints ?? []) tables.gauge.rows.push(row(point, numberCells(point, scrub, tally)));
  if (sum !== undefined) {
    const tail = [cell.integer(sum.aggregationTemporality), cell.bool(sum.isMonotonic)];
    for (const point of sum.dataPoints)
      tables.sum.rows.push(row(point, [...numberCells(point, scrub, tally), ...tail]));
  }
  if (histogram !== undefined) {
    const temporality = cell.integer(histogram.aggregationTemporality);
    for (const point of histogram.dataPoints)
      tables.histogram.rows.push(row(point, [...histogramCells(point, scrub, tally), temporality]));
  }
  if (exponentialHistogram !== undefined) {
    const temporality = cell.integer(exponentialHistogram.aggregationTemporality);
    for (const point of exponentialHistogram.dataPoints) {
      tables.exponentialHistogram.rows.push(
        row(point, [...exponentialHistogramCells(point, scrub, tally), temporality]),
      );
    }
  }
  for (const point of summary?.dataPoints ?? []) tables.summary.rows.push(row(point, summaryCells(point)));
}
