import { setTimeout as sleep } from 'node:timers/promises';
import { OTLPLogExporter } from '@opentelemetry/exporter-logs-otlp-http';
import { OTLPMetricExporter } from '@opentelemetry/exporter-metrics-otlp-http';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http';
import type { OTLPExporterNodeConfigBase } from '@opentelemetry/otlp-exporter-base';
import { createAgents, createClient, type Attempt } from './attempt.js';
import { authorization, signalUrl, type Connection } from './connection.js';
import { isRetryable, sendFailure } from './failure.js';
import { readableLogRecords, type LogRecord } from './log-record.js';
import { resourceMetrics, type Metric } from './metric.js';
import { observeAnswers } from './observer.js';
import { readableSpans, type Span } from './span.js';
import { withoutEnvHeaders } from './without-env-headers.js';
import { environment } from '../environment.js';

/** Items per request: about 1 MB of JSON with the longest records. */
export const BATCH_SIZE = 500;

/** Time limit of one request in milliseconds, retries and Retry-After included. */
const DEFAULT_DEADLINE_MS = 60_000;

/** Time limit of one attempt; a server that hangs is retried. */
const ATTEMPT_MS = 10_000;

/**
 * Delays between attempts: doubling, each reduced at random by up to half, so that senders do not retry simultaneously.
 */
const FIRST_WAIT_MS = 500;
const LONGEST_WAIT_MS = 16_000;

/** `ExportResultCode.SUCCESS` of the SDK. */
const EXPORT_SUCCESS = 0;

const JSON_HEADERS = { 'content-type': 'application/json', 'user-agent': 'shieldwatch' };

/** What the server rejected of an accepted request. */
export interface PartialSuccess {
  readonly rejected: number;
  readonly message: string;
}

/**
 * Sends one request after another and waits for each response: nothing is queued, so nothing can be dropped. A promise
 * resolves once the server acknowledged, and rejects with a SendError otherwise; 429, 502, 503, 504 and network errors
 * are retried first. Close it when done.
 */
export interface Sender {
  spans(spans: readonly Span[]): Promise<PartialSuccess>;
  logRecords(records: readonly LogRecord[]): Promise<PartialSuccess>;
  metrics(metrics: readonly Metric[]): Promise<PartialSuccess>;
  /**
   * Posts a JSON body to a path of the gateway; returns the response's text. Statuses of `accepted` count as success.
   */
  json(path: string, body: object, accepted?: readonly number[]): Promise<string>;
  close(): void;
}

/** The one method that the SDK's exporters of all signals share. */
interface Exporter<T> {
  export(items: T, done: (result: { code: number; error?: Error }) => void): void;
  shutdown(): Promise<void>;
}

/**
 * Creates a sender for one gateway. Sends only our own headers: `OTEL_EXPORTER_OTLP_HEADERS` may contain another
 * vendor's key.
 */
export function createSender(
  connection: Connection,
  deadlineMs: number = DEFAULT_DEADLINE_MS,
  signal?: AbortSignal,
): Sender {
  const url = (path: string): string => signalUrl(connection.url, path);
  const headers = authorization(connection.token);
  const { origin } = new URL(url(''));
  const agents = createAgents(environment);
  const client = createClient(agents);
  const observer = observeAnswers(agents);
  const settings = (path: string): OTLPExporterNodeConfigBase => ({
    url: url(path),
    headers,
    userAgent: 'shieldwatch',
    timeoutMillis: Math.min(ATTEMPT_MS, deadlineMs),
    httpAgentOptions: (protocol) => (protocol === 'https:' ? agents.secure : agents.plain),
  });
  const [traces, logs, metrics] = withoutEnvHeaders(() => [
    new OTLPTraceExporter(settings('v1/traces')),
    new OTLPLogExporter(settings('v1/logs')),
    new OTLPMetricExporter(settings('v1/metrics')),
  ]);

  /** Retries until an attempt succeeds, fails permanently, or the deadline is near. */
  const sendWithRetry = async (
    attemptOnce: (timeoutMs: number) => Promise<Attempt>,
    accepted: readonly number[] = [],
  ): Promise<string> => {
    const deadline = Date.now() + deadlineMs;
    for (let tries = 0; ; tries += 1) {
      const attempt = await attemptOnce(Math.min(ATTEMPT_MS, Math.max(1, deadline - Date.now())));
      if (attempt.kind === 'answered' && (isSuccess(attempt.status) || accepted.includes(attempt.status)))
        return attempt.text;
      const wait = waitBefore(attempt, tries);
      if (wait === undefined || Date.now() + wait >= deadline) throw sendFailure(attempt, origin);
      await sleep(wait, undefined, signal === undefined ? {} : { signal });
    }
  };
  const exportItems = <T>(exporter: Exporter<T>, items: T): Promise<string> =>
    sendWithRetry(async () => {
      const result = await new Promise<{ code: number; error?: Error }>((done) => {
        exporter.export(items, done);
      });
      const answered = await observer.take();
      // The SDK treats an incomplete 200 as success; sending again is harmless, losing data is not.
      if (answered !== undefined) return answered;
      if (result.code === EXPORT_SUCCESS) return { kind: 'answered', status: 200, statusText: '', text: '' };
      return { kind: 'unreachable', problem: result.error?.message ?? 'connection failed' };
    });

  return {
    spans: async (spans) => partialSuccess(await exportItems(traces, readableSpans(spans)), 'rejectedSpans'),
    logRecords: async (records) =>
      partialSuccess(await exportItems(logs, readableLogRecords(records)), 'rejectedLogRecords'),
    metrics: async (all) => {
      let [rejected, message] = [0, ''];
      for (const one of resourceMetrics(all)) {
        const part = partialSuccess(await exportItems(metrics, one), 'rejectedDataPoints');
        rejected += part.rejected;
        message ||= part.message;
      }
      return { rejected, message };
    },
    json: (path, body, accepted) =>
      sendWithRetry(
        (timeoutMs) =>
          client.post(url(path), { ...JSON_HEADERS, ...headers }, Buffer.from(JSON.stringify(body)), timeoutMs),
        accepted,
      ),
    close: () => {
      observer.close();
      agents.plain.destroy();
      agents.secure.destroy();
    },
  };
}

function isSuccess(status: number): boolean {
  return status >= 200 && status < 300;
}

/** Returns the milliseconds until the next attempt; undefined if none makes sense. */
function waitBefore(attempt: Attempt, tries: number): number | undefined {
  if (attempt.kind === 'answered' && !isRetryable(attempt.status)) return undefined;
  if (attempt.kind === 'answered' && attempt.retryAfterMs !== undefined) return attempt.retryAfterMs;
  return Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** tries) * (0.5 + Math.random() / 2);
}

/** A response that is not OTLP/JSON has no partial success. */
function partialSuccess(text: string, field: string): PartialSuccess {
  try {
    const { partialSuccess: part } = JSON.parse(text) as { partialSuccess?: Record<string, unknown> | null };
    // 64 bit integers are strings in OTLP/JSON.
    const rejected = Number(part?.[field] ?? 0);
    const message = part?.['errorMessage'];
    return { rejected: Number.isFinite(rejected) ? rejected : 0, message: typeof message === 'string' ? message : '' };
  } catch {
    return { rejected: 0, message: '' };
  }
}
