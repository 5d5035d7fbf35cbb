import { ATTR_SERVICE_NAME } from '#schemas/semconv.js';
import type { Caller } from '../../auth/caller.js';
import type { Batch } from '../batch.js';
import { cell, idText } from '../cells.js';
import type { LogRecord, LogsRequest } from '../otlp.js';
import { type Scrubber, Tally } from '../scrubber.js';
import { createScrubber, stampTenant, type LandingSettings } from '../tenant.js';

const COLUMNS = [
  'ServiceName',
  'ResourceSchemaUrl',
  'ResourceAttributes',
  'ScopeSchemaUrl',
  'ScopeName',
  'ScopeVersion',
  'ScopeAttributes',
  'Timestamp',
  'TraceId',
  'SpanId',
  'TraceFlags',
  'SeverityText',
  'SeverityNumber',
  'Body',
  'LogAttributes',
  'EventName',
];

/** Converts a request to rows of `otel_logs`. */
export function logRows(request: LogsRequest, caller: Caller, settings: LandingSettings): Batch[] {
  const scrub = createScrubber(caller, settings);
  const tally = new Tally();
  const rows: string[][] = [];
  for (const { resource, schemaUrl, scopeLogs } of request.resourceLogs) {
    const resourceAttributes = scrub.attributes(resource?.attributes ?? [], tally);
    const schemaCell = cell.text(scrub.text(schemaUrl, tally));
    const scopes = scopeLogs.map(({ scope, schemaUrl: scopeUrl, logRecords }) => ({
      cells: [
        cell.text(scrub.text(scopeUrl, tally)),
        cell.text(scrub.text(scope?.name ?? '', tally)),
        cell.text(scrub.text(scope?.version ?? '', tally)),
        cell.map(scrub.attributes(scope?.attributes ?? [], tally)),
      ],
      logRecords,
    }));
    const serviceName = cell.text(resourceAttributes.get(ATTR_SERVICE_NAME) ?? '');
    const resourceCells = [serviceName, schemaCell, cell.map(stampTenant(tally.writeTo(resourceAttributes), caller))];
    for (const { cells, logRecords } of scopes) {
      for (const record of logRecords) rows.push([...resourceCells, ...cells, ...recordCells(record, scrub, tally)]);
    }
  }
  return [{ table: 'otel_logs', columns: COLUMNS, rows }];
}

/** Attributes are written last, because they include the counts of what was redacted from the other fields. */
function recordCells(record: LogRecord, scrub: Scrubber, tally: Tally): string[] {
  const body = cell.text(scrub.body(record, tally));
  const severityText = cell.text(scrub.text(record.severityText, tally));
  const eventName = cell.text(scrub.text(record.eventName, tally));
  return [
    // Codex sends only the observed time.
    cell.nanoseconds(record.timeUnixNano === 0n ? record.observedTimeUnixNano : record.timeUnixNano),
    cell.text(idText(record.traceId)),
    cell.text(idText(record.spanId)),
    cell.integer(record.flags & 0xff),
    severityText,
    cell.integer(record.severityNumber & 0xff),
    body,
    cell.map(tally.writeTo(scrub.attributes(record.attributes, tally))),
    eventName,
  ];
}
