import { ATTR_SERVICE_NAME } from '#schemas/semconv.js';
import type { Caller } from '../../auth/caller.js';
import type { Batch } from '../batch.js';
import { cell, idText } from '../cells.js';
import type { Span, TracesRequest } from '../otlp.js';
import { Scrubber } from '../scrubber.js';
import { stampTenant } from '../tenant.js';

const COLUMNS = [
  'Timestamp', 'TraceId', 'SpanId', 'ParentSpanId', 'TraceState', 'SpanName', 'SpanKind', 'ServiceName',
  'ResourceAttributes', 'ScopeName', 'ScopeVersion', 'SpanAttributes', 'Duration', 'StatusCode', 'StatusMessage',
  'Events.Timestamp', 'Events.Name', 'Events.Attributes',
  'Links.TraceId', 'Links.SpanId', 'Links.TraceState', 'Links.Attributes',
];

/** As pdata writes them. */
const KINDS = ['Unspecified', 'Internal', 'Server', 'Client', 'Producer', 'Consumer'];
const STATUS_CODES = ['Unset', 'Ok', 'Error'];

/** Rows of `otel_traces`. */
export function traceRows(request: TracesRequest, caller: Caller): Batch[] {
  const scrub = new Scrubber();
  const rows: string[][] = [];
  for (const { resource, scopeSpans } of request.resourceSpans) {
    const resourceAttributes = stampTenant(scrub.attributes(resource?.attributes ?? []), caller);
    const serviceName = cell.text(resourceAttributes.get(ATTR_SERVICE_NAME) ?? '');
    const resourceCell = cell.map(resourceAttributes);
    for (const { scope, spans } of scopeSpans) {
      const scopeName = cell.text(scrub.text(scope?.name ?? ''));
      const scopeVersion = cell.text(scrub.text(scope?.version ?? ''));
      for (const span of spans) {
        rows.push([
          ...identity(span, scrub), serviceName, resourceCell, scopeName, scopeVersion, ...content(span, scrub),
        ]);
      }
    }
  }
  return [{ table: 'otel_traces', columns: COLUMNS, rows }];
}

function identity(span: Span, scrub: Scrubber): string[] {
  return [
    cell.nanoseconds(span.startTimeUnixNano),
    cell.text(idText(span.traceId)),
    cell.text(idText(span.spanId)),
    cell.text(idText(span.parentSpanId)),
    cell.text(scrub.text(span.traceState)),
    cell.text(scrub.text(span.name)),
    cell.text(KINDS[span.kind] ?? ''),
  ];
}

function content(span: Span, scrub: Scrubber): string[] {
  const { events, links, status } = span;
  // A span that ends before it starts has no length; the exporter would store 2^64 less the difference.
  const duration = span.endTimeUnixNano > span.startTimeUnixNano ? span.endTimeUnixNano - span.startTimeUnixNano : 0n;
  return [
    cell.map(scrub.attributes(span.attributes)),
    cell.integer(duration),
    cell.text(STATUS_CODES[status?.code ?? 0] ?? ''),
    cell.text(scrub.text(status?.message ?? '')),
    cell.array(events, (event) => cell.nanoseconds(event.timeUnixNano)),
    cell.array(events, (event) => cell.text(scrub.text(event.name))),
    cell.array(events, (event) => cell.map(scrub.attributes(event.attributes))),
    cell.array(links, (link) => cell.text(idText(link.traceId))),
    cell.array(links, (link) => cell.text(idText(link.spanId))),
    cell.array(links, (link) => cell.text(scrub.text(link.traceState))),
    cell.array(links, (link) => cell.map(scrub.attributes(link.attributes))),
  ];
}
