import { cell } from '../cells.js';
import type {
  Exemplar,
  ExponentialHistogramDataPoint,
  HistogramDataPoint,
  NumberDataPoint,
  SummaryDataPoint,
} from '../otlp.js';
import type { Scrubber, Tally } from '../scrubber.js';

const EXEMPLAR_COLUMNS = [
  'Exemplars.FilteredAttributes',
  'Exemplars.TimeUnix',
  'Exemplars.Value',
  'Exemplars.SpanId',
  'Exemplars.TraceId',
];

export const NUMBER_COLUMNS = ['Value', ...EXEMPLAR_COLUMNS];
export const SUM_COLUMNS = [...NUMBER_COLUMNS, 'AggregationTemporality', 'IsMonotonic'];
export const HISTOGRAM_COLUMNS = [
  'Count',
  'Sum',
  'BucketCounts',
  'ExplicitBounds',
  ...EXEMPLAR_COLUMNS,
  'Min',
  'Max',
  'AggregationTemporality',
];
export const EXPONENTIAL_HISTOGRAM_COLUMNS = [
  'Count',
  'Sum',
  'Scale',
  'ZeroCount',
  'PositiveOffset',
  'PositiveBucketCounts',
  'NegativeOffset',
  'NegativeBucketCounts',
  ...EXEMPLAR_COLUMNS,
  'Min',
  'Max',
  'AggregationTemporality',
];
export const SUMMARY_COLUMNS = ['Count', 'Sum', 'ValueAtQuantiles.Quantile', 'ValueAtQuantiles.Value'];

/** Returns the value as a double, as in the exporter's tables. */
function numberValue(point: { asDouble?: number; asInt?: bigint }): number {
  return point.asDouble ?? Number(point.asInt ?? 0n);
}

function exemplarCells(exemplars: readonly Exemplar[], scrub: Scrubber, tally: Tally): string[] {
  return [
    cell.array(exemplars, (each) => cell.map(scrub.attributes(each.filteredAttributes, tally))),
    cell.array(exemplars, (each) => cell.seconds(each.timeUnixNano)),
    cell.array(exemplars, (each) => cell.float(numberValue(each))),
    // Here the exporter writes a missing id as zeros, unlike for spans and logs.
    cell.array(exemplars, (each) => cell.text(each.spanId.toString('hex').padStart(16, '0'))),
    cell.array(exemplars, (each) => cell.text(each.traceId.toString('hex').padStart(32, '0'))),
  ];
}

export function numberCells(point: NumberDataPoint, scrub: Scrubber, tally: Tally): string[] {
  return [cell.float(numberValue(point)), ...exemplarCells(point.exemplars, scrub, tally)];
}

export function histogramCells(point: HistogramDataPoint, scrub: Scrubber, tally: Tally): string[] {
  return [
    cell.integer(point.count),
    cell.float(point.sum ?? 0),
    cell.array(point.bucketCounts, cell.integer),
    cell.array(point.explicitBounds, cell.float),
    ...exemplarCells(point.exemplars, scrub, tally),
    cell.float(point.min ?? 0),
    cell.float(point.max ?? 0),
  ];
}

export function exponentialHistogramCells(
  point: ExponentialHistogramDataPoint,
  scrub: Scrubber,
  tally: Tally,
): string[] {
  return [
    cell.integer(point.count),
    cell.float(point.sum ?? 0),
    cell.integer(point.scale),
    cell.integer(point.zeroCount),
    cell.integer(point.positive?.offset ?? 0),
    cell.array(point.positive?.bucketCounts ?? [], cell.integer),
    cell.integer(point.negative?.offset ?? 0),
    cell.array(point.negative?.bucketCounts ?? [], cell.integer),
    ...exemplarCells(point.exemplars, scrub, tally),
    cell.float(point.min ?? 0),
    cell.float(point.max ?? 0),
  ];
}

export function summaryCells(point: SummaryDataPoint): string[] {
  return [
    cell.integer(point.count),
    cell.float(point.sum),
    cell.array(point.quantileValues, (each) => cell.float(each.quantile)),
    cell.array(point.quantileValues, (each) => cell.float(each.value)),
  ];
}
