import { readFileSync } from 'node:fs';
import * as http from 'node:http';
import * as https from 'node:https';
import { CommandError } from '#schemas/errors.js';

/** Result of one request. */
export type Attempt =
  | {
      readonly kind: 'answered';
      readonly status: number;
      readonly statusText: string;
      readonly text: string;
      readonly retryAfterMs?: number;
    }
  | { readonly kind: 'unreachable'; readonly problem: string };

export interface Client {
  post(url: string, headers: Readonly<Record<string, string>>, body: Buffer, timeoutMs: number): Promise<Attempt>;
}

/** Longer responses are truncated. */
const MAX_ANSWER_BYTES = 256 * 1024;

/** Creates the keep-alive connections of one sender. */
export interface Agents {
  readonly plain: http.Agent;
  readonly secure: https.Agent;
}

/**
 * Certificates: Node's own, `NODE_EXTRA_CA_CERTS`, and the file of OpenTelemetry's `OTEL_EXPORTER_OTLP_CERTIFICATE`.
 */
export function createAgents(env: NodeJS.ProcessEnv): Agents {
  return {
    plain: new http.Agent({ keepAlive: true }),
    secure: new https.Agent({ keepAlive: true, ...certificates(env) }),
  };
}

/** Creates a client for bodies that are not OTLP. */
export function createClient({ plain, secure }: Agents): Client {
  return {
    post: (url, headers, body, timeoutMs) => {
      const [{ request }, agent] = url.startsWith('https:') ? [https, secure] : [http, plain];
      return new Promise((resolve) => {
        const outgoing = request(url, {
          method: 'POST',
          agent,
          headers: { ...headers, 'content-length': body.length },
        });
        // One time limit for name resolution, connecting, sending, waiting and reading.
        const timer = setTimeout(
          () => outgoing.destroy(new Error(`no answer within ${String(timeoutMs)} ms`)),
          timeoutMs,
        );
        const done = (attempt: Attempt): void => {
          clearTimeout(timer);
          resolve(attempt);
        };
        const fail = (error: NodeJS.ErrnoException): void => {
          done({ kind: 'unreachable', problem: error.message || (error.code ?? 'connection failed') });
        };
        outgoing.on('error', fail);
        outgoing.on('response', (response) => {
          void answerOf(response).then(done);
        });
        outgoing.end(body);
      });
    },
  };
}

/** Reads a copy of the response, which its caller also reads. Never rejects. */
export async function answerOf(response: http.IncomingMessage): Promise<Attempt> {
  const chunks: Buffer[] = [];
  let size = 0;
  response.on('data', (chunk: Buffer) => {
    size += chunk.length;
    if (size <= MAX_ANSWER_BYTES) chunks.push(chunk);
  });
  await new Promise<void>((resolve) => {
    response.on('error', () => undefined).once('close', resolve);
  });
  // An incomplete response counts as none.
  if (!response.complete) return { kind: 'unreachable', problem: 'the response was cut off' };
  const retryAfterMs = parseRetryAfter(response.headers['retry-after'], Date.now());
  return {
    kind: 'answered',
    status: response.statusCode ?? 0,
    statusText: response.statusMessage ?? '',
    text: Buffer.concat(chunks).toString('utf8'),
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
  };
}

/** Parses seconds or an HTTP date, in milliseconds from now. */
function parseRetryAfter(value: string | undefined, now: number): number | undefined {
  if (value === undefined) return undefined;
  if (/^\d+$/.test(value)) return Number(value) * 1000;
  const date = Date.parse(value);
  return Number.isNaN(date) ? undefined : Math.max(0, date - now);
}

function certificates(env: NodeJS.ProcessEnv): { ca?: Buffer } {
  const path = env['OTEL_EXPORTER_OTLP_CERTIFICATE'];
  if (path === undefined || path === '') return {};
  try {
    return { ca: readFileSync(path) };
  } catch {
    throw new CommandError(`the certificate file of OTEL_EXPORTER_OTLP_CERTIFICATE cannot be read`);
  }
}
