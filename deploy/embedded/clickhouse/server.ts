import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { identify, isFromBrowser } from './credentials.js';
import { ClickHouseError } from './errors.js';
import { handleQuery, type HandlerSettings } from './handler.js';

/** A listening server that can be drained. */
export interface HttpServer {
  readonly port: number;
  /** Takes no new requests, lets the running ones end (cut off after `graceMs`). */
  drain(graceMs: number): Promise<void>;
}

/** Only the path and the query of a request's URL matter. */
const BASE = 'http://localhost';

/** Listens with the ClickHouse HTTP interface. Rejects with Node's own error (`EADDRINUSE`). */
export async function listen(host: string, port: number, settings: HandlerSettings): Promise<HttpServer> {
  const server = createServer((request, response) => {
    route(settings, request, response);
  });
  // Queries have their own limit; a big insert may take longer to arrive than Node's 5 minutes.
  server.requestTimeout = 0;
  server.keepAliveTimeout = 10_000;
  server.listen(port, host);
  await once(server, 'listening');
  return { port: (server.address() as AddressInfo).port, drain: (graceMs) => drain(server, graceMs) };
}

function route(settings: HandlerSettings, request: IncomingMessage, response: ServerResponse): void {
  if (isFromBrowser(request)) {
    response.statusCode = 403;
    response.end('Requests of web pages are not answered\n');
    return;
  }
  const target = request.url ?? '/';
  if (!URL.canParse(target, BASE)) {
    response.statusCode = 400;
    response.end('Malformed URL\n');
    return;
  }
  const url = new URL(target, BASE);
  const isBare = request.method === 'GET' && !url.searchParams.has('query');
  if (url.pathname === '/ping' || url.pathname === '/replicas_status' || (url.pathname === '/' && isBare)) {
    response.setHeader('Content-Type', 'text/plain; charset=UTF-8');
    response.end('Ok.\n');
  } else if (request.method === 'HEAD' && url.pathname === '/') {
    response.end();
  } else if (request.method === 'GET' && url.pathname === '/processes') {
    void handleProcesses(settings, request, response, url);
  } else if (
    (request.method === 'GET' || request.method === 'POST') &&
    (url.pathname === '/' || url.pathname === '/query')
  ) {
    void handleQuery(settings, request, response, url);
  } else {
    response.statusCode = 404;
    response.end(
      `There is no handle ${url.pathname}\nUse / or /ping for health checks, and / with a query otherwise.\n`,
    );
  }
}

/** What runs now, as JSON: kinds and counts, no text of any statement. Never rejects. */
async function handleProcesses(
  settings: HandlerSettings,
  request: IncomingMessage,
  response: ServerResponse,
  url: URL,
): Promise<void> {
  try {
    const processes = await settings.processes.list(settings.engine, identify(request, url, settings.accounts));
    response.setHeader('Content-Type', 'application/json; charset=UTF-8');
    response.end(`${JSON.stringify({ processes })}\n`);
  } catch (error) {
    const failure = ClickHouseError.from(error);
    response.statusCode = failure.status;
    response.setHeader('X-ClickHouse-Exception-Code', failure.code);
    response.end(failure.toBody(settings.identity.version));
  }
}

async function drain(server: Server, graceMs: number): Promise<void> {
  const closed = once(server, 'close');
  server.close();
  server.closeIdleConnections();
  const timer = setTimeout(() => {
    server.closeAllConnections();
  }, graceMs);
  await closed;
  clearTimeout(timer);
}
