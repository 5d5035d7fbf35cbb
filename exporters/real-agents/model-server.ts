import type { IncomingMessage } from 'node:http';
import { LocalServer, type Reply } from '../testdata/local-server.js';

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
export class ModelServer extends LocalServer {
  readonly requests: ModelRequest[] = [];
  readonly #model: (request: ModelRequest) => ModelAnswer;

  private constructor(model: (request: ModelRequest) => ModelAnswer) {
    super();
    this.#model = model;
  }

  static start(model: (request: ModelRequest) => ModelAnswer): Promise<ModelServer> {
    return new ModelServer(model).listen();
  }

  protected answer({ url = '' }: IncomingMessage, text: string): Reply {
    const received = { path: url, body: parse(text), text };
    this.requests.push(received);
    const answered = this.#model(received);
    if ('json' in answered) return { status: answered.status ?? 200, body: JSON.stringify(answered.json) };
    return { status: 200, headers: { 'content-type': 'text/event-stream' }, body: answered.events.join('') };
  }
}

function parse(text: string): Record<string, unknown> {
  try {
    return JSON.parse(text) as Record<string, unknown>;
  } catch {
    return {};
  }
}
