import type { IncomingMessage } from 'node:http';
import { LocalServer, type Reply } from '../testing/local-server.js';

/**
 * A call that the model requests: a shell command, through any tool that runs one, or a call of a named tool. A text
 * input belongs to one of Codex's free-form tools.
 */
export type Asked =
  | { readonly command: string }
  | { readonly tool: string; readonly namespace?: string; readonly input: Readonly<Record<string, unknown>> | string };

/** The calls of one response, each with the model's id. */
export type Turn = readonly (Asked & { readonly id: string })[];

/** One request to a model's API. */
export interface ModelRequest {
  readonly path: string;
  readonly body: Record<string, unknown>;
  /** The whole body. */
  readonly text: string;
}

/** A response: server-sent events, or one JSON object. */
export type ModelAnswer = { readonly events: readonly string[] } | { readonly json: object; readonly status?: number };

/** Calls that the model requests, turn by turn; a subagent's model, whose task is `SUBAGENT`, requests others. */
export interface Script {
  readonly turns: readonly Turn[];
  readonly subagent?: readonly Turn[];
}

/** How a model's API requests a script's calls, and then ends. */
export type ModelApi = (script: Script) => (request: ModelRequest) => ModelAnswer;

/**
 * Returns the first turn of which the request lacks results; undefined if all were answered.
 *
 * @param first the beginning of the conversation
 */
export function nextTurn({ turns, subagent = [] }: Script, first: unknown, results: number): Turn | undefined {
  let asked = 0;
  return (JSON.stringify(first ?? '').includes('SUBAGENT') ? subagent : turns).find(
    (turn) => (asked += turn.length) > results,
  );
}

/** Starts a stand-in for a model's API. The three files beside this one implement the wire formats. */
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
