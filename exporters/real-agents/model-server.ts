import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** A shell command that the model asks for. */
export interface AskedCommand {
  readonly id: string;
  readonly command: string;
}

/** One request to a model's API. */
export interface ModelRequest {
  readonly path: string;
  readonly body: Record<string, unknown>;
  /** The whole body. */
  readonly text: string;
}

/** An answer: server-sent events, or one JSON object. */
export type ModelAnswer = { readonly events: readonly string[] } | { readonly json: object; readonly status?: number };

/**
 * Stands in for the API of a model: asks for the given commands once, then says it is done. How that reads
 * on the wire is each API's own (see the three files beside this).
 */
export class ModelServer {
  readonly requests: ModelRequest[] = [];
  url = '';
  readonly #server: Server;

  private constructor(answer: (request: ModelRequest) => ModelAnswer) {
    this.#server = createServer((request, response) => void this.#serve(request, response, answer));
  }

  static async start(answer: (request: ModelRequest) => ModelAnswer): Promise<ModelServer> {
    const server = new ModelServer(answer);
    await new Promise<void>((resolve) => server.#server.listen(0, '127.0.0.1', resolve));
    server.url = `http://127.0.0.1:${String((server.#server.address() as AddressInfo).port)}`;
    return server;
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  async #serve(request: IncomingMessage, response: ServerResponse, answer: (request: ModelRequest) => ModelAnswer): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const text = Buffer.concat(chunks).toString('utf8');
    const received = { path: request.url ?? '', body: parse(text), text };
    this.requests.push(received);
    const answered = answer(received);
    if ('json' in answered) {
      response.writeHead(answered.status ?? 200, { 'content-type': 'application/json' });
      response.end(JSON.stringify(answered.json));
    } else {
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      response.end(answered.events.join(''));
    }
  }
}

function parse(text: string): Record<string, unknown> {
  try {
    return JSON.parse(text) as Record<string, unknown>;
  } catch {
    return {};
  }
}
