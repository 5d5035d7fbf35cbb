import { randomBytes, timingSafeEqual } from 'node:crypto';
import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { isOwnPeer } from '../peer.js';
import { bodyOf, type ModelApi, type Script } from './model-api.js';
import { readBody } from '../read-body.js';

/** A model's request holds the client's system prompt and tools: about 300 KB. */
const MAX_BODY_BYTES = 16 * 1024 * 1024;

/** What the stand-in has seen. It keeps no request, no header and no text of either. */
export interface Seen {
  /** Requests that carried the drill's token. */
  requests: number;
  /** When it asked for the call, and when the call's result came back; milliseconds since the epoch. */
  askedAt?: number;
  answeredAt?: number;
  /** The result contained the reason of the denial. */
  isReported: boolean;
  /** A request carried another credential than the drill's, and was refused. */
  isForeign: boolean;
  /** Version of the client, from its User-Agent. */
  version?: string;
}

export interface StandIn {
  /** `http://127.0.0.1:<port>`: also stands in for a proxy, which it refuses to be. */
  readonly origin: string;
  /** Base URL of the model's API; contains the token. */
  readonly url: string;
  /** Sent by the client in place of an API key. */
  readonly token: string;
  readonly seen: Seen;
  close(): Promise<void>;
}

/**
 * Starts a model on loopback that asks for one call. It answers only this user's requests with its random token, in the
 * path and as the credential.
 *
 * @param marks the file name in the call, and the text in the reason of its denial.
 */
export async function startStandIn(
  api: ModelApi,
  script: Script,
  marks: { readonly call: string; readonly reason: string },
): Promise<StandIn> {
  const token = randomBytes(24).toString('hex');
  const seen: Seen = { requests: 0, isReported: false, isForeign: false };
  const model = api(script);
  const handle = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const path = request.url ?? '';
    // Arguments of a client, and with them the address, are public to other users of the machine.
    if (!path.startsWith(`/${token}/`) || !(await isOwnPeer(request.socket))) {
      respond(response, 403, '{}');
      return;
    }
    if (!credentialsOf(path, request.headers).every((value) => isEqual(value, token))) {
      seen.isForeign = true;
      respond(response, 401, '{}');
      return;
    }
    const text = await readBody(request, MAX_BODY_BYTES);
    if (text === undefined) {
      respond(response, 413, '{}');
      return;
    }
    seen.requests += 1;
    seen.version ??= /^[\w.-]+\/v?(\d+\.\d+\.\d+[\w.-]*)/.exec(request.headers['user-agent'] ?? '')?.[1];
    if (text.includes(marks.call)) seen.answeredAt ??= Date.now();
    if (text.includes(marks.reason)) seen.isReported = true;
    const answer = model({ path: path.slice(token.length + 1), body: bodyOf(text), text });
    const body = 'json' in answer ? JSON.stringify(answer.json) : answer.events.join('');
    if (body.includes(marks.call)) seen.askedAt ??= Date.now();
    if ('json' in answer) respond(response, answer.status ?? 200, body);
    else respond(response, 200, body, 'text/event-stream');
  };
  const server = createServer((request, response) => {
    handle(request, response).catch(() => {
      respond(response, 500, '{}');
    });
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', resolve);
  });
  const origin = `http://127.0.0.1:${String((server.address() as AddressInfo).port)}`;
  return {
    origin,
    url: `${origin}/${token}`,
    token,
    seen,
    close: () =>
      new Promise((resolve) => {
        server.close(() => {
          resolve();
        });
        server.closeAllConnections();
      }),
  };
}

/** Returns the credentials of a request, by the header of each client. */
function credentialsOf(path: string, headers: IncomingHttpHeaders): string[] {
  const bearer = headers.authorization?.replace(/^Bearer /i, '');
  const parameter = new URL(path, 'http://127.0.0.1').searchParams.get('key') ?? undefined;
  return [bearer, parameter, headers['x-api-key'], headers['x-goog-api-key'], headers.cookie].flatMap((value) =>
    value === undefined ? [] : [String(value)],
  );
}

function isEqual(given: string, token: string): boolean {
  const [a, b] = [Buffer.from(given), Buffer.from(token)];
  return a.length === b.length && timingSafeEqual(a, b);
}

function respond(response: ServerResponse, status: number, body: string, type = 'application/json'): void {
  if (response.headersSent) return;
  response.writeHead(status, { 'content-type': type, 'content-length': Buffer.byteLength(body) });
  response.end(body);
}
