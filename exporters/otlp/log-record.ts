import { TraceFlags } from '@opentelemetry/api';
import type { SeverityNumber } from '@opentelemetry/api-logs';
import type { logs } from '@opentelemetry/sdk-node';
import { SCOPE, type Resource } from './resource.js';
import { hrTime } from './time.js';

export type ReadableLogRecord = logs.ReadableLogRecord;

/** What the log record of an event needs; time in milliseconds since the epoch. */
export interface LogRecordSettings {
  readonly eventName: string;
  readonly traceId: string;
  readonly spanId: string;
  readonly timeMs: number;
  readonly severityNumber: SeverityNumber;
  readonly severityText: string;
  readonly attributes: Record<string, string | number>;
  readonly resource: Resource;
}

/** An event as a log record within a span's trace. */
export function createLogRecord(settings: LogRecordSettings): ReadableLogRecord {
  const { eventName, traceId, spanId, timeMs, severityNumber, severityText, attributes, resource } = settings;
  return {
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
  };
}
