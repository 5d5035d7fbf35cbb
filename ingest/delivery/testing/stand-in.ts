import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';

/** A request that a stand-in received. */
export interface Received {
  method: string;
  url: string;
  headers: IncomingHttpHeaders;
  body: string;
}

/** How a stand-in answers; the default is 200 `ok`. */
export type Answering = (request: Received, response: ServerResponse, count: number) => void | Promise<void>;

/** An HTTP server in place of a service outside. */
export interface StandIn {
  origin: string;
  received: Received[];
  /** Answers all further requests. */
  answer(how: Answering): void;
  close(): Promise<void>;
}

export async function startStandIn(how: Answering = (_request, response) => void response.end('ok')): Promise<StandIn> {
  const received: Received[] = [];
  let answering = how;
  const server: Server = createServer((request, response) => {
    void (async () => {
      const body = await text(request);
      const got = { method: request.method ?? '', url: request.url ?? '', headers: request.headers, body };
      received.push(got);
      await answering(got, response, received.length);
    })();
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    origin: `http://127.0.0.1:${String((server.address() as AddressInfo).port)}`,
    received,
    answer(next) {
      answering = next;
    },
    async close() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}
