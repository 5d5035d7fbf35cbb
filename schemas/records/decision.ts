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

/** One decision of a PreToolUse guard. It never contains the tool's input, which stays on the machine where it ran. */
export const decisionRecord = z.strictObject({
  /** Created once at the source. Delivery may repeat; facts deduplicate by it. */
  eventId: z.string().min(1).max(128),
  /** Time of the decision, UTC, ISO 8601. */
  timestamp: z.iso.datetime(),
  /** Full name of the repository, `owner/name`. */
  repository: z.string().min(1).max(200),
  sessionId: z.string().max(200),
  /** Agent that made the call, such as `claude-code`, `codex`, `gemini-cli`; empty when unknown. */
  agent: z.string().max(100),
  /** Version of the agent, if it passes it to its hooks. */
  agentVersion: z.string().max(50).optional(),
  tool: z.string().min(1).max(200),
  toolCallId: z.string().max(200).optional(),
  decision,
  reason: z.string().max(2000).optional(),
  /** Name of the matching rule: its position in the policy and its tool, such as `deny[2]:Bash`. */
  ruleName: z.string().max(300).optional(),
  /** Id of that rule, derived from its tool and pattern: reordering the policy does not change it. */
  ruleId: z.string().max(64).optional(),
  ruleCategory: ruleCategory.optional(),
  /** State of the policy's rate limit for this tool; absent if there is none. */
  rateLimit: z.enum(['enforced', 'not-enforced']).optional(),
  /** The policy file changed since the session began under it; the stricter of both was applied. */
  policyChange: z.enum(['changed', 'removed']).optional(),
  /** Hook event, if it is not the one of every tool call. */
  hookEvent: z.string().max(64).optional(),
  /** Keyed hash of the user's name; absent unless the machine has a key for it. */
  actor: z.string().max(64).optional(),
  /** Duration of the decision in milliseconds. */
  durationMs: z.number().min(0).max(86_400_000),
  source: z.enum(['hook', 'rest', 'ndjson']),
});
export type DecisionRecord = z.infer<typeof decisionRecord>;

/** Verdict and action in the terms of the guardrail proposal. */
const GUARDRAIL = { allow: ['allow', 'allow'], block: ['deny', 'block'], ask: ['escalate', 'escalate'] } as const;

/** Returns the attributes of the `agentshield.pre_tool_use` span. The repository is a resource attribute. */
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
 * Derives the trace and span id of a record's span from its event id. A repeated record is the same span, so readers
 * that do not know event ids can deduplicate too.
 */
export function decisionSpanIds(eventId: string): { traceId: string; spanId: string } {
  const hex = sha256Hex(eventId);
  return { traceId: hex.slice(0, 32), spanId: hex.slice(32, 48) };
}
