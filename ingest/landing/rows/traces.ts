import { ATTR_SERVICE_NAME } from '#schemas/semconv.js';
import type { Caller } from '../../auth/caller.js';
import type { Batch } from '../batch.js';
import { cell, idText } from '../cells.js';
import type { Span, TracesRequest } from '../otlp.js';
import { type Scrubber, Tally } from '../scrubber.js';
import { createScrubber, stampTenant, type LandingSettings } from '../tenant.js';

const COLUMNS = [
  'Timestamp',
  'TraceId',
  'SpanId',
  'ParentSpanId',
  'TraceState',
  'SpanName',
  'SpanKind',
  'ServiceName',
  'ResourceAttributes',
  'ScopeName',
  'ScopeVersion',
  'SpanAttributes',
  'Duration',
  'StatusCode',
  'StatusMessage',
  'Events.Timestamp',
  'Events.Name',
  'Events.Attributes',
  'Links.TraceId',
  'Links.SpanId',
  'Links.TraceState',
  'Links.Attributes',
];

/** Span kinds as pdata formats them. */
const KINDS = ['Unspecified', 'Internal', 'Server', 'Client', 'Producer', 'Consumer'];
const STATUS_CODES = ['Unset', 'Ok', 'Error'];

/** Converts a request to rows of `otel_traces`. */
export function traceRows(request: TracesRequest, caller: Caller, settings: LandingSettings): Batch[] {
  const scrub = createScrubber(caller, settings);
  const tally = new Tally();
  const rows: string[][] = [];
  for (const { resource, schemaUrl, scopeSpans } of request.resourceSpans) {
    const resourceAttributes = scrub.attributes(resource?.attributes ?? [], tally);
    scrub.text(schemaUrl, tally);
    const scopes = scopeSpans.map(({ scope, schemaUrl: scopeUrl, spans }) => {
      const cells = [
        cell.text(scrub.text(scope?.name ?? '', tally)),
        cell.text(scrub.text(scope?.version ?? '', tally)),
      ];
      // Not stored but counted, as the collector does.
      scrub.attributes(scope?.attributes ?? [], tally);
      scrub.text(scopeUrl, tally);
      return { cells, spans };
    });
    const serviceName = cell.text(resourceAttributes.get(ATTR_SERVICE_NAME) ?? '');
    const resourceCell = cell.map(stampTenant(tally.writeTo(resourceAttributes), caller));
    for (const { cells, spans } of scopes) {
      for (const span of spans)
        rows.push([
          ...identity(span, scrub, tally),
          serviceName,
          resourceCell,
          ...cells,
          ...content(span, scrub, tally),
        ]);
    }
  }
  return [{ table: 'otel_traces', columns: COLUMNS, rows }];
}

function identity(span: Span, scrub: Scrubber, tally: Tally): string[] {
  return [
    cell.nanoseconds(span.startTimeUnixNano),
    cell.text(idText(span.traceId)),
    cell.text(idText(span.spanId)),
    cell.text(idText(span.parentSpanId)),
    cell.text(scrub.text(span.traceState, tally)),
    cell.text(scrub.text(span.name, tally)),
    cell.text(KINDS[span.kind] ?? ''),
  ];
}

/** Attributes are written last, because they include the counts of what was redacted from the other fields. */
function content(span: Span, scrub: Scrubber, tally: Tally): string[] {
  const { events, links, status } = span;
  const statusCells = [
    cell.text(STATUS_CODES[status?.code ?? 0] ?? ''),
    cell.text(scrub.text(status?.message ?? '', tally)),
  ];
  const eventsAndLinks = [
    cell.array(events, (event) => cell.nanoseconds(event.timeUnixNano)),
    cell.array(events, (event) => cell.text(scrub.text(event.name, tally))),
    cell.array(events, (event) => cell.map(scrub.attributes(event.attributes, tally))),
    cell.array(links, (link) => cell.text(idText(link.traceId))),
    cell.array(links, (link) => cell.text(idText(link.spanId))),
    cell.array(links, (link) => cell.text(scrub.text(link.traceState, tally))),
    cell.array(links, (link) => cell.map(scrub.attributes(link.attributes, tally))),
  ];
  const attributes = tally.writeTo(scrub.attributes(span.attributes, tally));
  return [
    cell.map(attributes),
    cell.integer(cell.nanosecondsBetween(span.startTimeUnixNano, span.endTimeUnixNano)),
    ...statusCells,
    ...eventsAndLinks,
  ];
}
