import { ATTR_SERVICE_NAME } from '#schemas/semconv.js';
import type { Caller } from '../../auth/caller.js';
import type { Batch } from '../batch.js';
import { cell, idText } from '../cells.js';
import type { LogRecord, LogsRequest } from '../otlp.js';
import { Scrubber } from '../scrubber.js';
import { stampTenant } from '../tenant.js';

const COLUMNS = [
  'ServiceName', 'ResourceSchemaUrl', 'ResourceAttributes', 'ScopeSchemaUrl', 'ScopeName', 'ScopeVersion',
  'ScopeAttributes', 'Timestamp', 'TraceId', 'SpanId', 'TraceFlags', 'SeverityText', 'SeverityNumber', 'Body',
  'LogAttributes', 'EventName',
];

/** Rows of `otel_logs`. */
export function logRows(request: LogsRequest, caller: Caller): Batch[] {
  const scrub = new Scrubber();
  const rows: string[][] = [];
  for (const { resource, schemaUrl, scopeLogs } of request.resourceLogs) {
    const resourceAttributes = stampTenant(scrub.attributes(resource?.attributes ?? []), caller);
    const resourceCells = [
      cell.text(resourceAttributes.get(ATTR_SERVICE_NAME) ?? ''),
      cell.text(scrub.text(schemaUrl)),
      cell.map(resourceAttributes),
    ];
    for (const { scope, schemaUrl: scopeUrl, logRecords } of scopeLogs) {
      const scopeCells = [
        cell.text(scrub.text(scopeUrl)),
        cell.text(scrub.text(scope?.name ?? '')),
        cell.text(scrub.text(scope?.version ?? '')),
        cell.map(scrub.attributes(scope?.attributes ?? [])),
      ];
      for (const record of logRecords) rows.push([...resourceCells, ...scopeCells, ...recordCells(record, scrub)]);
    }
  }
  return [{ table: 'otel_logs', columns: COLUMNS, rows }];
}

function recordCells(record: LogRecord, scrub: Scrubber): string[] {
  return [
    // Codex sends no time of its own, only the time of observation.
    cell.nanoseconds(record.timeUnixNano === 0n ? record.observedTimeUnixNano : record.timeUnixNano),
    cell.text(idText(record.traceId)),
    cell.text(idText(record.spanId)),
    cell.integer(record.flags & 0xff),
    cell.text(scrub.text(record.severityText)),
    cell.integer(record.severityNumber & 0xff),
    cell.text(scrub.value(record.body)),
    cell.map(scrub.attributes(record.attributes)),
    cell.text(scrub.text(record.eventName)),
  ];
}
