import http from 'node:http';
import https from 'node:https';
import { ShieldwatchError } from '#schemas/errors.js';
import { HEADER_CONTENT, HEADER_ORG_ID, HEADER_REPOSITORY, HEADER_RETENTION_DAYS, HEADER_TOKEN_ID } from '#schemas/semconv.js';
import type { Caller } from '../auth/caller.js';
import { checkInflatedSize } from '../body/inflate.js';
import { RETRY_AFTER_SECONDS } from '../errors/from-store.js';
import { MAX_INFLATED_BYTES, type TelemetryAnswer, type TelemetryRequest, type TelemetrySink } from './sink.js';

/** Milliseconds the collector has; below the 10 s after which OTLP clients give up. */
const TIMEOUT_MS = 9_000;

/** Requests that are under way to the collector at once; more wait. */
const MAX_SOCKETS = 64;

/** A 4xx that is about the body; any other one means that gateway and collector do not fit together. */
const REFUSALS = new Set([400, 406, 411, 413, 414, 415, 422]);

export interface CollectorSettings {
  /** Base address of the collector's OTLP/HTTP receiver; `/v1/traces` and so on is added. */
  url: string;
  /** Secret shared with the collector: it listens to nobody else. */
  key: string;
}

/** Passes requests on, bytes untouched, with the tenant in headers that no client can set. */
export function createCollectorSink(settings: CollectorSettings): TelemetrySink {
  const send = createSend(settings.url);
  return {
    async deliver(request, caller) {
      await checkInflatedSize(request.body, request.encoding, MAX_INFLATED_BYTES);
      const response = await send(`/v1/${request.signal}`, headers(request, caller, settings.key), request.body);
      const { status } = response;
      if (status >= 200 && status < 300) return response.answer;
      if (REFUSALS.has(status)) {
        throw new ShieldwatchError('body_invalid', 'the collector could not read this as OTLP', {
          expected: `an OTLP export request for ${request.signal}`,
        });
      }
      throw unavailable(response.retryAfterSeconds);
    },
  };
}

function headers(request: TelemetryRequest, caller: Caller, key: string): Record<string, string> {
  return {
    authorization: `Bearer ${key}`,
    'content-type': request.type,
    ...(request.encoding === 'identity' ? {} : { 'content-encoding': request.encoding }),
    [HEADER_ORG_ID]: caller.orgId,
    [HEADER_TOKEN_ID]: caller.tokenId,
    [HEADER_RETENTION_DAYS]: String(caller.retentionDays),
    [HEADER_CONTENT]: caller.keepContent === true ? 'keep' : 'drop',
    ...(caller.repository === null ? {} : { [HEADER_REPOSITORY]: caller.repository }),
  };
}

interface CollectorResponse {
  status: number;
  answer: TelemetryAnswer;
  retryAfterSeconds: number | undefined;
}

/** `http.request` over connections that stay open: `fetch` costs several times the CPU of all else on this way. */
function createSend(base: string): (path: string, headers: Record<string, string>, body: Buffer) => Promise<CollectorResponse> {
  const url = new URL(base);
  const { request, Agent } = url.protocol === 'https:' ? https : http;
  const agent = new Agent({ keepAlive: true, maxSockets: MAX_SOCKETS, timeout: TIMEOUT_MS });
  const { hostname, port, pathname } = url;
  const prefix = pathname.replace(/\/+$/, '');
  return (path, headers, body) =>
    new Promise((resolve, reject) => {
      const fail = (cause: unknown): void => {
        const error = unavailable(undefined);
        error.cause = cause;
        reject(error);
      };
      const sent = request(
        { hostname, port, path: prefix + path, method: 'POST', agent, headers: { ...headers, 'content-length': body.length } },
        (response) => {
          const parts: Buffer[] = [];
          response.on('data', (part: Buffer) => parts.push(part));
          response.once('error', fail);
          response.once('close', () => {
            if (!response.complete) fail(new Error('the collector broke off its answer'));
          });
          response.once('end', () => {
            clearTimeout(timer);
            const retryAfter = Number(response.headers['retry-after'] ?? Number.NaN);
            resolve({
              status: response.statusCode ?? 0,
              answer: { type: response.headers['content-type'] ?? 'application/octet-stream', body: Buffer.concat(parts) },
              retryAfterSeconds: Number.isInteger(retryAfter) && retryAfter > 0 && retryAfter < 3_600 ? retryAfter : undefined,
            });
          });
        },
      );
      // Of the whole exchange; the socket's own timeout would begin anew with every byte.
      const timer = setTimeout(() => {
        sent.destroy(new Error('the collector took too long'));
      }, TIMEOUT_MS);
      sent.once('error', (cause) => {
        clearTimeout(timer);
        fail(cause);
      });
      sent.end(body);
    });
}

function unavailable(retryAfterSeconds: number | undefined): ShieldwatchError {
  return new ShieldwatchError('collector_unavailable', 'the collector does not take data just now; try again', {
    retryAfterSeconds: retryAfterSeconds ?? RETRY_AFTER_SECONDS,
  });
}
