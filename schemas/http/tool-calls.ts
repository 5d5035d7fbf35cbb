import { z } from 'zod';
import { count, historyFrom, moment, nextCursor, paging } from './atoms.js';

/** What became of a tool call; exclusive and exhaustive. */
export const OUTCOMES = [
  'enforced',
  'presumed',
  'allowed',
  'bypassed',
  'failed_open',
  'overruled',
  'unjudged',
  'denied_elsewhere',
  'unknown',
] as const;
export const outcome = z.enum(OUTCOMES).meta({
  description:
    '`enforced`: denied by a guard and never ran. `presumed`: denied, and the client leaves no record of a denied call; later events of the session will confirm it. `allowed`: judged and ran. `bypassed`: denied and ran. `failed_open`: the guard answered too late, crashed, or answered what the client ignores, and the call ran. `overruled`: another hook, a mod or the user decided otherwise. `unjudged`: ran, and no guard was asked. `denied_elsewhere`: denied, but not by a guard of Shieldwatch. `unknown`: evidence is missing.',
});
export type Outcome = z.infer<typeof outcome>;

/** Value of an exact-match filter. */
const filter = z.string().min(1).max(600);

/** `from` is included, `to` is not. */
const range = { from: moment.optional(), to: moment.optional() };

/** Query of `GET /v1/tool-calls`. Default: the last 7 days. */
export const toolCallsQuery = z.object({
  /** Id or full name. */
  repository: filter.optional(),
  session: filter.optional(),
  agent: filter.optional(),
  tool: filter.optional(),
  outcome: outcome.optional(),
  cause: filter.optional(),
  ...range,
  ...paging,
});

/** Repository of a call or session, and how it is known. */
const attribution = {
  /** Null if neither the hook nor the telemetry names one. */
  repository: z.string().nullable(),
  /**
   * `hook`: named by the hook that judged the call. `session`: named by the hook for other calls of the session.
   * `telemetry`: claimed by the telemetry alone.
   */
  repositorySource: z.enum(['hook', 'session', 'telemetry']).nullable(),
  /**
   * A claim of the telemetry's resource that contradicts `repository`; null if there is none. For a token that is bound to a
   * repository `another repository`, without its name.
   */
  repositoryClaimed: z.string().nullable(),
};

/** One tool call with everything that is known about it. */
export const toolCall = z.object({
  /** The client's id, or a derived one if `isInferred`. */
  toolCallId: z.string(),
  /** The evidence was joined by session, tool and order, because the client reports no id. */
  isInferred: z.boolean(),
  sessionId: z.string().nullable(),
  ...attribution,
  agent: z.string(),
  agentName: z.string(),
  tool: z.string(),
  outcome,
  /** Why the outcome is not `enforced` or `allowed`; null if unknown or not applicable. */
  cause: z.string().nullable(),
  /** Halves of the evidence that are missing, if the outcome is `unknown`. */
  missing: z.array(z.string()),
  /** Time of the earliest evidence. */
  occurredAt: z.string(),
  askedAt: z.string().nullable(),
  judgedAt: z.string().nullable(),
  decidedAt: z.string().nullable(),
  ranAt: z.string().nullable(),
  resultAt: z.string().nullable(),
  /** The strictest judgement by guards of Shieldwatch; null if none judged the call. */
  judgement: z
    .object({
      decision: z.string(),
      /** Sources of all judgements of the call. */
      by: z.array(z.string()),
      ruleId: z.string().nullable(),
      ruleName: z.string().nullable(),
      ruleCategory: z.string().nullable(),
      reason: z.string().nullable(),
      durationMs: z.number().nullable(),
    })
    .nullable(),
  /** The agent's own decision; null if its telemetry has none. */
  agentDecision: z.object({ decision: z.string(), source: z.string().nullable() }).nullable(),
  permissionMode: z.string().nullable(),
  /** Null if the telemetry reports no result. */
  result: z
    .object({
      success: z.boolean().nullable(),
      errorType: z.string().nullable(),
      durationMs: z.int().min(0).nullable(),
    })
    .nullable(),
  /** Event ids of the facts behind the row: decisions of guards, and records of the agent's telemetry. */
  evidence: z.object({ judgements: z.array(z.string()), agentEvents: z.array(z.string()) }),
});
export type ToolCall = z.infer<typeof toolCall>;

/** Tool calls, newest first. */
export const toolCallList = z.object({
  toolCalls: z.array(toolCall),
  from: z.string(),
  to: z.string(),
  historyFrom,
  nextCursor,
});

/** Query of `GET /v1/sessions`. Lists sessions that were active in the range. Default: the last 7 days. */
export const sessionsQuery = z.object({
  /** Id or full name. */
  repository: filter.optional(),
  agent: filter.optional(),
  ...range,
  ...paging,
});

/** A session of an agent. */
export const agentSession = z.object({
  sessionId: z.string(),
  ...attribution,
  agent: z.string(),
  agentName: z.string(),
  agentVersion: z.string(),
  startedAt: z.string(),
  lastAt: z.string(),
  permissionModes: z.array(z.string()),
  models: z.array(z.string()),
  toolCalls: count,
  /** Number of tool calls by outcome; outcomes that did not occur are absent. */
  outcomes: z.partialRecord(outcome, count),
  /** Subagents that ended, as far as the agent reports them. */
  subagents: z.int().min(0),
  /** Failed requests and model calls. */
  errors: z.int().min(0),
  /** Values that redaction masked in the agent's telemetry of the session. */
  maskedValues: z.int().min(0),
  /** Tokens and US dollars of the model calls that the agent reported. */
  inputTokens: z.int().min(0),
  outputTokens: z.int().min(0),
  costUsd: z.number(),
});
export type AgentSession = z.infer<typeof agentSession>;

/** Sessions, the one that started last first. */
export const sessionList = z.object({
  sessions: z.array(agentSession),
  from: z.string(),
  to: z.string(),
  historyFrom,
  nextCursor,
});

/** Query of `GET /v1/sessions/{sessionId}`: pages through the calls. */
export const sessionQuery = z.object(paging);

/** A session with its tool calls, oldest first. */
export const sessionDetail = agentSession.extend({ calls: z.array(toolCall), historyFrom, nextCursor });

/** What a row of a session's timeline is. */
export const TIMELINE_ENTRIES = [
  'judgement',
  'session',
  'turn',
  'model_call',
  'tool_call',
  'tool_decision',
  'tool_result',
  'hook_run',
  'mcp_connection',
  'subagent',
  'mode_change',
  'guardrail',
  'error',
  'event',
  'drift',
  'gap',
] as const;

/** One row of a session's timeline. What its kind does not have is null. */
export const timelineEntry = z.object({
  kind: z.enum(TIMELINE_ENTRIES).meta({
    description:
      '`judgement`: what a guard of Shieldwatch decided. `gap`: events that the agent sent and that never arrived, by its own numbers. `drift`: a drift of the repository while the session ran. `event`: any other event in which a value was masked.',
  }),
  occurredAt: z.string(),
  /** Number that the agent gave the event; null if it gives none. */
  sequence: z.int().min(0).nullable(),
  eventId: z.string(),
  repository: z.string().nullable(),
  agent: z.string().nullable(),
  eventName: z.string().nullable(),
  tool: z.string().nullable(),
  toolCallId: z.string().nullable(),
  decision: z.string().nullable(),
  decisionSource: z.string().nullable(),
  ruleName: z.string().nullable(),
  reason: z.string().nullable(),
  outcome: outcome.nullable(),
  cause: z.string().nullable(),
  permissionMode: z.string().nullable(),
  model: z.string().nullable(),
  inputTokens: z.int().min(0).nullable(),
  outputTokens: z.int().min(0).nullable(),
  costUsd: z.number().nullable(),
  success: z.boolean().nullable(),
  errorType: z.string().nullable(),
  durationMs: z.int().min(0).nullable(),
  maskedValues: z.int().min(0),
  /** Of a gap: how many events never arrived. */
  lostEvents: z.int().min(0).nullable(),
  /** Of a drift: score before and after. */
  scorePrevious: z.int().min(0).nullable(),
  scoreCurrent: z.int().min(0).nullable(),
});
export type TimelineEntry = z.infer<typeof timelineEntry>;

/** A session's timeline, oldest first. */
export const sessionTimelineList = z.object({ entries: z.array(timelineEntry), historyFrom, nextCursor });
