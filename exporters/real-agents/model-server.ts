import type { IncomingMessage } from 'node:http';
import { LocalServer, type Reply } from '../testdata/local-server.js';

/**
 * What the model asks for: a shell command, through whichever tool runs one there, or a call of a named tool. An input
 * that is text is one of Codex's free-form tools.
 */
export type Asked =
  | { readonly command: string }
  | { readonly tool: string; readonly namespace?: string; readonly input: Readonly<Record<string, unknown>> | string };

/** The calls of one answer, each with the id that the model gives it. */
export type Turn = readonly (Asked & { readonly id: string })[];

/** One request to a model's API. */
export interface ModelRequest {
  readonly path: string;
  readonly body: Record<string, unknown>;
  /** The whole body. */
  readonly text: string;
}

/** An answer: server-sent events, or one JSON object. */
export type ModelAnswer = { readonly events: readonly string[] } | { readonly json: object; readonly status?: number };

/** What the model asks for, turn after turn; a subagent's model, whose task is `SUBAGENT`, asks for something else. */
export interface Script {
  readonly turns: readonly Turn[];
  readonly subagent?: readonly Turn[];
}

/** How a model's API asks for a script's calls, and then says that it is done. */
export type ModelApi = (script: Script) => (request: ModelRequest) => ModelAnswer;

/**
 * The first turn whose results the request does not hold all; undefined when each was answered.
 *
 * @param first what the conversation began with
 */
export function nextTurn({ turns, subagent = [] }: Script, first: unknown, results: number): Turn | undefined {
  let asked = 0;
  return (JSON.stringify(first ?? '').includes('SUBAGENT') ? subagent : turns).find(
    (turn) => (asked += turn.length) > results,
  );
}

/** Stands in for the API of a model. How it reads on the wire is each API's own (see the three files beside this). */
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
