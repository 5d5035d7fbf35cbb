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

/** How a model's API requests a script's calls, and then ends. The three files beside this one implement it. */
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

/** Returns a request's body as an object; an empty one for anything else. */
export function bodyOf(text: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
  } catch {
    return {};
  }
}
