import type { IncomingMessage } from 'node:http';
import { bodyOf, type ModelAnswer, type ModelRequest } from '../drill/model-api.js';
import { LocalServer, type Reply } from '../testing/local-server.js';

/** Starts a stand-in for a model's API that keeps every request. `../drill` implements the wire formats. */
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
    const received = { path: url, body: bodyOf(text), text };
    this.requests.push(received);
    const answered = this.#model(received);
    if ('json' in answered) return { status: answered.status ?? 200, body: JSON.stringify(answered.json) };
    return { status: 200, headers: { 'content-type': 'text/event-stream' }, body: answered.events.join('') };
  }
}
