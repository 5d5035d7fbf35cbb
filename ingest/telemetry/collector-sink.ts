import { ShieldwatchError } from '#schemas/errors.js';
import { HEADER_CONTENT, HEADER_ORG_ID, HEADER_REPOSITORY, HEADER_RETENTION_DAYS, HEADER_TOKEN_ID } from '#schemas/semconv.js';
import type { Caller } from '../auth/caller.js';
import { checkInflatedSize } from '../body/inflate.js';
import { RETRY_AFTER_SECONDS } from '../errors/from-store.js';
import { MAX_INFLATED_BYTES, type TelemetryAnswer, type TelemetryRequest, type TelemetrySink } from './sink.js';

/** Milliseconds the collector has; below the 10 s after which OTLP clients give up. */
const TIMEOUT_MS = 9_000;

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
  const base = settings.url.replace(/\/+$/, '');
  return {
    async deliver(request, caller) {
      await checkInflatedSize(request.body, request.encoding, MAX_INFLATED_BYTES);
      const response = await send(`${base}/v1/${request.signal}`, headers(request, caller, settings.key), request.body);
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

async function send(url: string, headers: Record<string, string>, body: Buffer): Promise<CollectorResponse> {
  try {
    const response = await fetch(url, {
      method: 'POST',
      headers,
      body,
      redirect: 'manual',
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
    const retryAfter = Number(response.headers.get('retry-after') ?? Number.NaN);
    return {
      status: response.status,
      answer: {
        type: response.headers.get('content-type') ?? 'application/octet-stream',
        body: Buffer.from(await response.arrayBuffer()),
      },
      retryAfterSeconds: Number.isInteger(retryAfter) && retryAfter > 0 && retryAfter < 3_600 ? retryAfter : undefined,
    };
  } catch (cause) {
    const error = unavailable(undefined);
    error.cause = cause;
    throw error;
  }
}

function unavailable(retryAfterSeconds: number | undefined): ShieldwatchError {
  return new ShieldwatchError('collector_unavailable', 'the collector does not take data just now; try again', {
    retryAfterSeconds: retryAfterSeconds ?? RETRY_AFTER_SECONDS,
  });
}
