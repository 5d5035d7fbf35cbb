import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { denial } from '../hook/answer.js';
import { decide } from '../hook/decide.js';
import type { PolicyMode } from '../hook/policy-mode.js';
import { record } from '../hook/record.js';
import { SessionProjects } from './session-projects.js';
import { isHookToken } from './hook-token.js';
import { isOwnPeer } from '../peer.js';
import { readBody } from '../read-body.js';

export interface HttpHookOptions {
  /** 0: any free port. */
  readonly port: number;
  readonly token: string;
  readonly mode: PolicyMode;
  readonly env: NodeJS.ProcessEnv;
}

/** The running hook. */
export interface HttpHook {
  /** `http://127.0.0.1:<port>/hook` */
  readonly url: string;
  close(): Promise<void>;
}

/** Same limit as the command hook: larger input is not judged. */
const MAX_BODY_BYTES = 64 * 1024 * 1024;

/**
 * Serves verdicts over HTTP on loopback, for Claude Code's hooks of type `http`: the same judgement as the command
 * hook's, without starting a process. A denied call is answered 200 with the denial, an allowed one 200 with `{}`.
 * Everything else has a status that Claude Code treats as a failed hook, and never an empty body, which it treats as
 * allow.
 */
export async function startHttpHook(options: HttpHookOptions): Promise<HttpHook> {
  const projects = new SessionProjects();
  const server = createServer((request, response) => {
    void handle(request, response, options, projects);
  });
  server.keepAliveTimeout = 60_000;
  await listen(server, options.port);
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${String(port)}/hook`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => {
          resolve();
        });
        server.closeAllConnections();
      }),
  };
}

async function handle(
  request: IncomingMessage,
  response: ServerResponse,
  options: HttpHookOptions,
  projects: SessionProjects,
): Promise<void> {
  const startedAt = performance.now();
  try {
    if (request.url === '/health') {
      respond(response, 200, { ok: true });
      return;
    }
    if (isFromBrowser(request)) {
      respond(response, 403, { error: 'web pages may not call the hook' });
      return;
    }
    if (!isHookToken(request.headers.authorization, options.token)) {
      respond(response, 401, { error: 'the hook token is missing or wrong' });
      return;
    }
    if (!(await isOwnPeer(request.socket))) {
      respond(response, 403, { error: 'the hook answers only the user who runs it' });
      return;
    }
    if (request.url?.split('?')[0] !== '/hook' || request.method !== 'POST') {
      respond(response, 404, { error: 'the only route is POST /hook' });
      return;
    }
    const text = await readBody(request, MAX_BODY_BYTES);
    if (text === undefined) {
      respond(response, 413, { error: 'the hook input is too large' });
      return;
    }
    judgeAndAnswer(text, response, options, projects, startedAt);
  } catch {
    respond(response, 500, { error: 'the guard failed' });
  }
}

function judgeAndAnswer(
  text: string,
  response: ServerResponse,
  { env, mode }: HttpHookOptions,
  projects: SessionProjects,
  startedAt: number,
): void {
  // Claude Code sends no variables, so the project is the folder of the session's first call.
  const projectDir = projects.of(text);
  const decision = decide(text, { mode, env, projectDir });
  const durationMs = performance.now() - startedAt;
  const isDenied = decision?.verdict.decision === 'block';
  respond(response, 200, isDenied ? denial(decision.event, decision.call.tool, decision.verdict.reason) : {});
  if (decision !== undefined) record(decision.call, decision.verdict, durationMs, { env, projectDir });
}

/** Names of this machine, with any port. */
const LOOPBACK_HOST = /^(?:127(?:\.\d{1,3}){3}|localhost|\[::1\])(?::\d+)?$/i;

/**
 * Returns whether a web page sent the request. Browsers add one of these headers; agents send none except the mode,
 * which Node's `fetch` sends. A page whose host name was rebound to 127.0.0.1 sends none with a GET, but its name as
 * the host.
 */
function isFromBrowser({ headers }: IncomingMessage): boolean {
  return (
    headers.origin !== undefined ||
    !LOOPBACK_HOST.test(headers.host ?? '') ||
    Object.keys(headers).some((name) => name.startsWith('sec-fetch-') && name !== 'sec-fetch-mode')
  );
}

function respond(response: ServerResponse, status: number, body: object): void {
  if (response.headersSent) return;
  const text = JSON.stringify(body);
  response.writeHead(status, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) });
  response.end(text);
}

/** Listens on loopback only: the verdicts are for agents on this machine. */
function listen(server: Server, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, '127.0.0.1', resolve);
  });
}
