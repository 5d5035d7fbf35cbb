import { createServer, type IncomingMessage, type OutgoingHttpHeaders, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';

/** What a request is answered with. */
export interface Reply {
  readonly status: number;
  readonly headers?: OutgoingHttpHeaders;
  readonly body: string;
}

/** A server on loopback that reads each request whole before it answers. */
export abstract class LocalServer {
  /** Base URL; keeps its value when the server has stopped. */
  url = '';
  readonly #server: Server = createServer((request, response) => {
    void textOf(request).then((text) => {
      const { status, headers, body } = this.answer(request, text);
      response.writeHead(status, { 'content-type': 'application/json', ...headers });
      response.end(body);
    });
  });

  protected abstract answer(request: IncomingMessage, text: string): Reply;

  protected async listen(port = 0): Promise<this> {
    await new Promise<void>((resolve) => this.#server.listen(port, '127.0.0.1', resolve));
    this.url = `http://127.0.0.1:${String((this.#server.address() as AddressInfo).port)}`;
    return this;
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}

async function textOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString('utf8');
}
