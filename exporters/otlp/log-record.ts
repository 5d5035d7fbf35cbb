import { TraceFlags } from '@opentelemetry/api';
import type { SeverityNumber } from '@opentelemetry/api-logs';
import type { logs } from '@opentelemetry/sdk-node';
import { producerResource, SCOPE } from './resource.js';
import { byRepository, hrTime, type Attributes } from './values.js';

/** An event as a log record within a span's trace; time in milliseconds since the epoch. */
export interface LogRecord {
  readonly repository: string;
  readonly eventName: string;
  readonly traceId: string;
  readonly spanId: string;
  readonly timeMs: number;
  readonly severityNumber: SeverityNumber;
  readonly severityText: string;
  readonly attributes: Attributes;
}

/** Returns log records for the SDK's exporter, those of one repository under one resource. */
export function readableLogRecords(records: readonly LogRecord[]): logs.ReadableLogRecord[] {
  return byRepository(records).flatMap(([repository, group]) => {
    const resource = producerResource(repository);
    return group.map(({ eventName, traceId, spanId, timeMs, severityNumber, severityText, attributes }) => ({
      eventName,
      hrTime: hrTime(timeMs),
      hrTimeObserved: hrTime(timeMs),
      spanContext: { traceId, spanId, traceFlags: TraceFlags.SAMPLED },
      severityNumber,
      severityText,
      attributes,
      resource,
      instrumentationScope: SCOPE,
      droppedAttributesCount: 0,
    }));
  });
}
