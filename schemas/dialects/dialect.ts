/**
 * What an event of an agent is, whichever agent sent it. `tool_call` is a call that ran, `tool_decision` what the agent
 * decided about one, `tool_result` how one ended, `subagent` a subagent that ended, `guardrail` what a guard of another product decided; `turn` is one request of a person and all that followed from it.
 * An event whose name has no kind is kept under its own name.
 */
export type EventKind =
  | 'session'
  | 'turn'
  | 'model_call'
  | 'tool_call'
  | 'tool_decision'
  | 'tool_result'
  | 'hook_run'
  | 'mcp_connection'
  | 'subagent'
  | 'mode_change'
  | 'guardrail'
  | 'error';

/** Columns of `agent_event` that a producer's attributes fill. */
export type EventField =
  | 'session_id'
  | 'agent_name'
  | 'tool'
  | 'tool_call_id'
  | 'model'
  | 'input_tokens'
  | 'output_tokens'
  | 'decision_raw'
  | 'error_type';

/** How one producer, or one convention, names what happens in an agent's spans. */
export interface SpanDialect {
  /** Attribute that says what a span is. A span that has it is an agent's. */
  readonly operation?: string;
  /** Value of {@link operation} to kind; other values are kept as the event's name and have no kind. */
  readonly kinds: Readonly<Record<string, EventKind>>;
  /** Values of {@link operation} that are known and have no kind; see `KNOWN_EVENTS`. */
  readonly others?: readonly string[];
  /** Names of spans that say by themselves what the span is, to kind; `''`: known, and without one. */
  readonly names?: Readonly<Record<string, EventKind | ''>>;
  /** Agent that sends the spans of {@link names}, whichever its instrumentation scope is. */
  readonly agent?: string;
  /** Attributes that hold a field, the preferred one first. */
  readonly fields: Readonly<Partial<Record<EventField, readonly string[]>>>;
  /** Instrumentation scope to the agent's name in `agent_event.agent`. A scope that no dialect lists is `gen-ai`. */
  readonly scopes: Readonly<Record<string, string>>;
  /** Further attributes that the store keeps. */
  readonly keys: readonly string[];
  /** Attributes that hold what people, models or tools said; see `CONTENT_KEYS`. */
  readonly content: readonly string[];
}

/** How one agent names what happens in its log records. */
export interface LogDialect {
  /** Value of `agent_event.agent`. */
  readonly agent: string;
  /**
   * Event name, without the agent's prefix, to kind; with `having`, only if the record has that attribute; with `exceptTool`, not
   * of that tool.
   */
  readonly kinds: Readonly<
    Record<string, EventKind | { readonly kind: EventKind; readonly having?: string; readonly exceptTool?: string }>
  >;
  /** Names of events that are known and have no kind; see `KNOWN_EVENTS`. */
  readonly others: readonly string[];
}
