import { producerResource, SCOPE } from './resource.js';
import { byRepository, keyValues, unixNano, type Attributes } from './values.js';

/** An event as a log record within a span's trace; time in milliseconds since the epoch. */
export interface LogRecord {
  readonly repository: string;
  readonly eventName: string;
  readonly traceId: string;
  readonly spanId: string;
  readonly timeMs: number;
  readonly severityNumber: number;
  readonly severityText: string;
  readonly attributes: Attributes;
}

const FLAG_SAMPLED = 1;

/** Body of a request to `/v1/logs`. */
export function logsBody(records: readonly LogRecord[]): object {
  return {
    resourceLogs: byRepository(records).map(([repository, group]) => ({
      resource: producerResource(repository),
      scopeLogs: [{ scope: SCOPE, logRecords: group.map(encodeRecord) }],
    })),
  };
}

function encodeRecord({ eventName, traceId, spanId, timeMs, severityNumber, severityText, attributes }: LogRecord): object {
  const time = unixNano(timeMs);
  return { timeUnixNano: time, observedTimeUnixNano: time, eventName, severityNumber, severityText, attributes: keyValues(attributes), traceId, spanId, flags: FLAG_SAMPLED };
}
