import type { SpanDialect } from './dialect.js';

/**
 * The guardrail conventions that OpenTelemetry discusses, in both of their forms: what the guard's caller did comes
 * before what the guard said. Their spans have the operation `run_guardrail`, formerly `apply_guardrail`, of the GenAI
 * conventions. Source: https://github.com/open-telemetry/semantic-conventions-genai/pull/427
 */
export const guardrail: SpanDialect = {
  operation: 'gen_ai.guardrail.target.type',
  kinds: {},
  fields: {
    decision_raw: [
      'gen_ai.guardrail.action.type',
      'gen_ai.security.action.type',
      'gen_ai.guardrail.verdict.type',
      'gen_ai.security.verdict.type',
    ],
  },
  scopes: {},
  keys: [],
  content: [
    'gen_ai.guardrail.input',
    'gen_ai.guardrail.output',
    'gen_ai.guardrail.security.content.input.value',
    'gen_ai.guardrail.security.content.output.value',
  ],
};

/**
 * Detections on an agent's spans, such as Agent Threat Rules and Pipelock report. On a span that says by another
 * convention what it is, they add a decision.
 * Source: https://github.com/open-telemetry/semantic-conventions-genai/pull/165
 */
export const threatDetection: SpanDialect = {
  operation: 'agent.threat.detection.action',
  kinds: { allow: 'guardrail', block: 'guardrail', warn: 'guardrail', ask: 'guardrail' },
  fields: { decision_raw: ['agent.threat.detection.action'] },
  scopes: {},
  keys: [],
  content: [],
};

/**
 * Microsoft's Agent Governance Toolkit: the span `agt.policy.evaluate`, by its stage.
 * Source: https://github.com/microsoft/agent-governance-toolkit
 */
export const agentGovernanceToolkit: SpanDialect = {
  operation: 'agt.policy.stage',
  kinds: { pre_input: 'guardrail', pre_tool: 'guardrail', post_tool: 'guardrail', pre_output: 'guardrail' },
  fields: { agent_name: ['agt.agent.id'], tool: ['agt.tool.name'], decision_raw: ['agt.policy.action'] },
  scopes: {},
  keys: ['agt.policy.rule', 'agt.policy.name'],
  content: [],
};
