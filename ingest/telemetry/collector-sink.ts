import type { Readable } from 'node:stream';
import { Pool, type Dispatcher } from 'undici';
import { ShieldwatchError } from '#schemas/errors.js';
import {
  HEADER_CONTENT,
  HEADER_IDENTITIES,
  HEADER_ORG_ID,
  HEADER_REPOSITORY,
  HEADER_RETENTION_DAYS,
  HEADER_TOKEN_ID,
} from '#schemas/semconv.js';
import type { Caller } from '../auth/caller.js';
import { RETRY_AFTER_SECONDS } from '../errors/with-store-errors.js';
import { protobufOf } from '../work/large-work.js';
import { readDecompressed } from './read-decompressed.js';
import { JSON_TYPE, PROTOBUF_TYPE } from '../request/content.js';
import { acceptedAll, type TelemetryAnswer, type TelemetryRequest, type TelemetrySink } from './sink.js';

/** Milliseconds in which the collector must answer, below the 10 s of OTLP clients. */
const TIMEOUT_MS = 9_000;

/** Maximum concurrent requests to the collector; others wait. */
const MAX_CONNECTIONS = 64;

const EMPTY = Buffer.alloc(0);

/**
 * Statuses that no retry of this body can change. The collector's receiver answers 500 when its pipeline rejects the
 * data permanently, and 503 for an outage. Any other 4xx means that gateway and collector are misconfigured.
 */
const REFUSALS = new Set([400, 406, 411, 413, 414, 415, 422, 500]);

export interface CollectorSettings {
  /** Base URL of the collector's OTLP/HTTP receiver; `/v1/traces` and so on is appended. */
  url: string;
  /** Secret shared with the collector, which accepts requests from the gateway only. */
  key: string;
}

/**
 * Creates a sink that forwards requests with the tenant in headers that no client can set. Protobuf is validated and
 * forwarded unchanged; JSON is converted to protobuf, because the collector's JSON parser differs from ours.
 */
export function createCollectorSink(settings: CollectorSettings): TelemetrySink {
  const send = createSend(settings.url);
  return {
    async deliver(request, caller) {
      const sent = await checked(request, caller.orgId);
      const response = await send(`/v1/${sent.signal}`, headers(sent, caller, settings.key), sent.body);
      const { status } = response;
      if (status >= 200 && status < 300) return request.type === JSON_TYPE ? acceptedAll(JSON_TYPE) : response.answer;
      if (REFUSALS.has(status)) {
        throw new ShieldwatchError('body_invalid', 'the collector could not read this as OTLP', {
          expected: `an OTLP export request for ${request.signal}`,
        });
      }
      throw unavailable(response.retryAfterSeconds);
    },
  };
}

/**
 * Validates or converts a request. A separate function, so that the decompressed bytes are released while the collector
 * works.
 */
async function checked(request: TelemetryRequest, orgId: string): Promise<TelemetryRequest> {
  const { signal, type, onEntries } = request;
  const protobuf = await protobufOf(
    { kind: 'protobuf', signal, type, body: await readDecompressed(request, orgId) },
    { orgId, onEntries },
  );
  return type === JSON_TYPE ? { signal, type: PROTOBUF_TYPE, encoding: 'identity', body: [protobuf] } : request;
}

function headers(request: TelemetryRequest, caller: Caller, key: string): Record<string, string> {
  return {
    authorization: `Bearer ${key}`,
    'content-type': PROTOBUF_TYPE,
    'content-length': String(request.body.reduce((sum, part) => sum + part.length, 0)),
    ...(request.encoding === 'identity' ? {} : { 'content-encoding': request.encoding }),
    [HEADER_ORG_ID]: caller.orgId,
    [HEADER_TOKEN_ID]: caller.tokenId,
    [HEADER_RETENTION_DAYS]: String(caller.retentionDays),
    [HEADER_CONTENT]: caller.keepContent === true ? 'keep' : 'drop',
    [HEADER_IDENTITIES]: caller.keepIdentities === true ? 'keep' : 'replace',
    ...(caller.repository === null ? {} : { [HEADER_REPOSITORY]: caller.repository }),
  };
}

interface CollectorResponse {
  status: number;
  answer: TelemetryAnswer;
  retryAfterSeconds: number | undefined;
}

/**
 * Sends by undici's dispatcher directly: `fetch` costs several times the CPU of everything else on this path,
 * `http.request` twice.
 */
function createSend(
  base: string,
): (path: string, headers: Record<string, string>, body: readonly Buffer[]) => Promise<CollectorResponse> {
  const { origin, pathname } = new URL(base);
  // undici's timeouts restart with every byte; ours covers the whole exchange, including the wait for a connection.
  const pool = new Pool(origin, { connections: MAX_CONNECTIONS, headersTimeout: 0, bodyTimeout: 0 });
  const prefix = pathname.replace(/\/+$/, '');
  return (path, headers, body) =>
    new Promise((resolve, reject) => {
      const [only, ...others] = body;
      let exchange: Dispatcher.DispatchController | undefined;
      let isLate = false;
      const response: CollectorResponse = {
        status: 0,
        answer: { type: 'application/octet-stream', body: EMPTY },
        retryAfterSeconds: undefined,
      };
      const parts: Buffer[] = [];
      const fail = (cause: unknown): void => {
        clearTimeout(timer);
        const error = unavailable(undefined);
        error.cause = cause;
        reject(error);
      };
      const timer = setTimeout(() => {
        isLate = true;
        const late = new Error('the collector took too long');
        exchange?.abort(late);
        fail(late);
      }, TIMEOUT_MS);
      pool.dispatch(
        {
          path: prefix + path,
          method: 'POST',
          headers,
          body: others.length === 0 ? (only ?? null) : (body as unknown as Readable),
        },
        {
          onRequestStart(controller) {
            exchange = controller;
            if (isLate) controller.abort(new Error('the collector was busy for too long'));
          },
          onResponseStart(_controller, status, received) {
            response.status = status;
            const { 'content-type': type, 'retry-after': wait } = received;
            if (typeof type === 'string') response.answer.type = type;
            const seconds = typeof wait === 'string' ? Number(wait) : Number.NaN;
            if (Number.isInteger(seconds) && seconds > 0 && seconds < 3_600) response.retryAfterSeconds = seconds;
          },
          onResponseData(_controller, part) {
            parts.push(part);
          },
          onResponseEnd() {
            clearTimeout(timer);
            response.answer.body = parts.length === 1 ? (parts[0] ?? EMPTY) : Buffer.concat(parts);
            resolve(response);
          },
          onResponseError(_controller, cause) {
            fail(cause);
          },
        },
      );
    });
}

function unavailable(retryAfterSeconds: number | undefined): ShieldwatchError {
  return new ShieldwatchError('collector_unavailable', 'the collector is temporarily unavailable; try again', {
    retryAfterSeconds: retryAfterSeconds ?? RETRY_AFTER_SECONDS,
  });
}
