import { once } from 'node:events';
import { createServer, request, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

/**
 * What the proxy does with an insert: passes it on; passes it on late; answers a status without passing it on; passes
 * it on and then tells nobody (`lost-answer`); cuts the connection before; or never answers (`silent`).
 */
export type Fault = 'pass' | 'slow' | 'reset' | 'lost-answer' | 'silent' | number;

/** A store as it should not be, between the collector and the real one. */
export interface FaultProxy {
  /** As the collector is given it, with user and password. */
  readonly url: string;
  /** Decides about each insert, by its body. Everything else passes. */
  fault: (body: Buffer) => Fault;
  /** How often each fault has happened. */
  readonly happened: Map<Fault, number>;
  close(): Promise<void>;
}

const SLOW_MS = 3_000;

/** @param target the real store, as `http://user:password@host:port`. */
export async function startFaultProxy(target: string): Promise<FaultProxy> {
  const store = new URL(target);
  const happened = new Map<Fault, number>();
  const proxy: { fault: (body: Buffer) => Fault } = { fault: () => 'pass' };
  const server = createServer((incoming, outgoing) => {
    void answer(incoming, outgoing).catch(() => outgoing.destroy());
  });

  async function answer(incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of incoming as AsyncIterable<Buffer>) chunks.push(chunk);
    const body = Buffer.concat(chunks);
    const isInsert = (incoming.url ?? '').includes('INSERT') || body.subarray(0, 200).includes('INSERT');
    const fault = isInsert ? proxy.fault(body) : 'pass';
    happened.set(fault, (happened.get(fault) ?? 0) + 1);
    if (fault === 'silent') return;
    if (fault === 'reset') return void incoming.socket.destroy();
    if (typeof fault === 'number') {
      outgoing.writeHead(fault, { 'content-type': 'text/plain' }).end('made up by the test');
      return;
    }
    if (fault === 'slow') await sleep(SLOW_MS);
    const passed = request({
      host: store.hostname,
      port: store.port,
      path: incoming.url,
      method: incoming.method,
      headers: incoming.headers,
    });
    passed.end(body);
    const [response] = (await once(passed, 'response')) as [IncomingMessage];
    if (fault === 'lost-answer') {
      response.resume();
      await once(response, 'end');
      return void incoming.socket.destroy();
    }
    outgoing.writeHead(response.statusCode ?? 502, response.headers);
    response.pipe(outgoing);
  }

  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const url = new URL(target);
  url.port = String((server.address() as AddressInfo).port);
  return {
    url: url.href.replace(/\/$/, ''),
    happened,
    get fault() {
      return proxy.fault;
    },
    set fault(decide) {
      proxy.fault = decide;
    },
    async close() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}
