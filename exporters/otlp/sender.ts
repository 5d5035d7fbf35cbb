import { OTLPLogExporter } from '@opentelemetry/exporter-logs-otlp-http';
import { OTLPMetricExporter } from '@opentelemetry/exporter-metrics-otlp-http';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http';
import { authorization, signalUrl, type Connection } from './connection.js';
import { sendFailure } from './failure.js';
import type { ReadableLogRecord } from './log-record.js';
import type { ResourceMetrics } from './metric.js';
import { listenForPartialSuccess, type PartialSuccess } from './partial-success.js';
import type { ReadableSpan } from './span.js';
import { withoutEnvHeaders } from './without-env-headers.js';

/** Items per request: about 1 MB of JSON at the longest records. */
export const BATCH_SIZE = 500;

/** How long one request may take, retries and the server's Retry-After included. */
const DEFAULT_DEADLINE_MS = 60_000;

/**
 * Sends OTLP requests one after the other and waits for each answer: nothing is queued, so nothing can be
 * dropped. A promise is kept when the server acknowledged and rejected with a CommandError otherwise; 429,
 * 502, 503, 504 and network errors are retried before that. Close it when done.
 */
export interface Sender {
  spans(spans: ReadableSpan[]): Promise<PartialSuccess>;
  logRecords(records: ReadableLogRecord[]): Promise<PartialSuccess>;
  metrics(metrics: ResourceMetrics): Promise<PartialSuccess>;
  close(): Promise<void>;
}

/** The one method the exporters of all signals share. */
interface Exporter<T> {
  export(items: T, done: (result: { code: number; error?: Error }) => void): void;
  shutdown(): Promise<void>;
}

/** A sender for one gateway. At most one may be open at a time in a process (see {@link listenForPartialSuccess}). */
export function createSender(connection: Connection, deadlineMs: number = DEFAULT_DEADLINE_MS): Sender {
  const settings = (path: string): { url: string; headers: Record<string, string>; timeoutMillis: number } => ({
    url: signalUrl(connection.url, path),
    headers: authorization(connection.token),
    timeoutMillis: deadlineMs,
  });
  const [traces, logs, metrics] = withoutEnvHeaders(() => [
    new OTLPTraceExporter(settings('v1/traces')),
    new OTLPLogExporter(settings('v1/logs')),
    new OTLPMetricExporter(settings('v1/metrics')),
  ]);
  const { origin } = new URL(connection.url);
  const listener = listenForPartialSuccess();
  const send = async <T>(exporter: Exporter<T>, items: T): Promise<PartialSuccess> => {
    const result = await new Promise<{ code: number; error?: Error }>((done) => {
      exporter.export(items, done);
    });
    if (result.code !== 0) throw sendFailure(result.error, origin);
    return listener.take();
  };
  return {
    spans: (spans) => send(traces, spans),
    logRecords: (records) => send(logs, records),
    metrics: (data) => send(metrics, data),
    close: async () => {
      listener.close();
      await Promise.all([traces.shutdown(), logs.shutdown(), metrics.shutdown()]);
    },
  };
}
