import { z } from 'zod';
import {
  ATTR_DECISION,
  ATTR_DECISION_DURATION,
  ATTR_DECISION_REASON,
  ATTR_DECISION_TIMESTAMP,
  ATTR_EVENT_ID,
  ATTR_ENDUSER_PSEUDO_ID,
  ATTR_EVENT_SOURCE,
  ATTR_GEN_AI_AGENT_NAME,
  ATTR_GEN_AI_AGENT_VERSION,
  ATTR_GEN_AI_CONVERSATION_ID,
  ATTR_GEN_AI_OPERATION_NAME,
  ATTR_GEN_AI_TOOL_CALL_ID,
  ATTR_GEN_AI_TOOL_NAME,
  ATTR_GUARDRAIL_ACTION,
  ATTR_GUARDRAIL_VERDICT,
  ATTR_HOOK_EVENT,
  ATTR_POLICY_CHANGE,
  ATTR_RATE_LIMIT_STATUS,
  ATTR_SECURITY_RULE_CATEGORY,
  ATTR_SECURITY_RULE_NAME,
  ATTR_SECURITY_RULE_UUID,
  ATTR_SESSION_ID,
} from '../semconv.js';
import { sha256Hex } from '../hash.js';
import { decision, ruleCategory } from './enums.js';

/**
 * One decision of a PreToolUse guard. It never holds the tool's input: what was run stays on the
 * machine where it ran.
 */
export const decisionRecord = z.strictObject({
  /** Minted once at the source; delivery may repeat it, counting does not. */
  eventId: z.string().min(1).max(128),
  /** When the guard decided, UTC, ISO 8601. */
  timestamp: z.iso.datetime(),
  /** Full name of the repository, `owner/name`. */
  repository: z.string().min(1).max(200),
  sessionId: z.string().max(200),
  /** Agent that asked, e.g. `claude-code`, `codex`, `gemini-cli`; empty when unknown. */
  agent: z.string().max(100),
  /** Version of that agent, where it tells its hooks. */
  agentVersion: z.string().max(50).optional(),
  tool: z.string().min(1).max(200),
  toolCallId: z.string().max(200).optional(),
  decision,
  reason: z.string().max(2000).optional(),
  /** Name of the rule that matched: position in the policy and its tool, e.g. `deny[2]:Bash`. */
  ruleName: z.string().max(300).optional(),
  /** Identity of that rule, made from its tool and pattern: it stays when the policy is put in another order. */
  ruleId: z.string().max(64).optional(),
  ruleCategory: ruleCategory.optional(),
  /** What became of the policy's rate limit for this tool; absent when there is none. */
  rateLimit: z.enum(['enforced', 'not-enforced']).optional(),
  /** The policy file is not what it was when the session came under it; the stricter of both was applied. */
  policyChange: z.enum(['changed', 'removed']).optional(),
  /** Event of the hook, where it is not that of every tool call. */
  hookEvent: z.string().max(64).optional(),
  /** Keyed hash of the user's name; absent unless the machine was given a key for it. */
  actor: z.string().max(64).optional(),
  /** Milliseconds spent deciding. */
  durationMs: z.number().min(0).max(86_400_000),
  source: z.enum(['hook', 'rest', 'ndjson']),
});
export type DecisionRecord = z.infer<typeof decisionRecord>;

/** What the guardrail proposal calls a decision and what was done about it. */
const GUARDRAIL = { allow: ['allow', 'allow'], block: ['deny', 'block'], ask: ['escalate', 'escalate'] } as const;

/** Attributes of the `agentshield.pre_tool_use` span; the repository goes on the resource instead. */
export function decisionAttributes(record: DecisionRecord): Record<string, string | number> {
  const [verdict, action] = GUARDRAIL[record.decision];
  return {
    [ATTR_EVENT_ID]: record.eventId,
    [ATTR_EVENT_SOURCE]: record.source,
    [ATTR_SESSION_ID]: record.sessionId,
    [ATTR_GEN_AI_CONVERSATION_ID]: record.sessionId,
    [ATTR_GEN_AI_OPERATION_NAME]: 'execute_tool',
    [ATTR_GEN_AI_TOOL_NAME]: record.tool,
    ...(record.toolCallId === undefined ? {} : { [ATTR_GEN_AI_TOOL_CALL_ID]: record.toolCallId }),
    [ATTR_GEN_AI_AGENT_NAME]: record.agent,
    ...(record.agentVersion === undefined ? {} : { [ATTR_GEN_AI_AGENT_VERSION]: record.agentVersion }),
    [ATTR_DECISION]: record.decision,
    [ATTR_GUARDRAIL_VERDICT]: verdict,
    [ATTR_GUARDRAIL_ACTION]: action,
    [ATTR_DECISION_TIMESTAMP]: record.timestamp,
    [ATTR_DECISION_DURATION]: record.durationMs,
    ...(record.reason === undefined ? {} : { [ATTR_DECISION_REASON]: record.reason }),
    ...(record.ruleName === undefined ? {} : { [ATTR_SECURITY_RULE_NAME]: record.ruleName }),
    ...(record.ruleId === undefined ? {} : { [ATTR_SECURITY_RULE_UUID]: record.ruleId }),
    ...(record.ruleCategory === undefined ? {} : { [ATTR_SECURITY_RULE_CATEGORY]: record.ruleCategory }),
    ...(record.rateLimit === undefined ? {} : { [ATTR_RATE_LIMIT_STATUS]: record.rateLimit }),
    ...(record.policyChange === undefined ? {} : { [ATTR_POLICY_CHANGE]: record.policyChange }),
    ...(record.hookEvent === undefined ? {} : { [ATTR_HOOK_EVENT]: record.hookEvent }),
    ...(record.actor === undefined ? {} : { [ATTR_ENDUSER_PSEUDO_ID]: record.actor }),
  };
}

/**
 * Trace and span id of a record's span, derived from its event id: sending a record twice sends the
 * same span twice, so that even readers who know nothing of event ids can fold them.
 */
export function decisionSpanIds(eventId: string): { traceId: string; spanId: string } {
  const hex = sha256Hex(eventId);
  return { traceId: hex.slice(0, 32), spanId: hex.slice(32, 48) };
}
