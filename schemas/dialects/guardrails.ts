import type { SpanDialect } from './dialect.js';

/**
 * The guardrail conventions that OpenTelemetry discusses, in both of their forms: what the guard's caller did comes
 * before what the guard said. Their spans have the operation `run_guardrail`, formerly `apply_guardrail`, of the GenAI
 * conventions. No released library emits them, so they were never captured: our own `wrapTool` and `ship` alone do.
 * Source: https://github.com/open-telemetry/semantic-conventions-genai/pull/427
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
 * Guardrails of Traceloop's SDK, which have names of their own beside those above. `guardrail.run` is a whole guardrail, `guard`
 * one of its checks. Source: https://www.traceloop.com/docs/guardrails
 */
export const traceloopGuardrails: SpanDialect = {
  operation: 'gen_ai.operation.name',
  kinds: { 'guardrail.run': 'guardrail' },
  others: ['guard'],
  fields: { decision_raw: ['gen_ai.guardrail.status'] },
  scopes: { 'traceloop.tracer': 'traceloop' },
  keys: [],
  content: ['gen_ai.guardrail.error.message'],
};

/**
 * Detections on an agent's spans, such as Agent Threat Rules and Pipelock report. On a span that says by another
 * convention what it is, they add a decision. Never captured: neither `pyatr` nor `adk-atr-guardrail` emits telemetry, and
 * Pipelock, which sends log records, is in no registry.
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
 * Microsoft's Agent Governance Toolkit (`agent-governance-toolkit-core` 5): a policy's evaluation, by its stage, and a person's
 * approval. Its other tracer names the action that was asked for, and no verdict.
 * Source: https://github.com/microsoft/agent-governance-toolkit
 */
export const agentGovernanceToolkit: SpanDialect = {
  operation: 'agt.policy.stage',
  kinds: { pre_input: 'guardrail', pre_tool: 'guardrail', post_tool: 'guardrail', pre_output: 'guardrail' },
  names: { 'agt.policy.evaluate': 'guardrail', 'agt.approval.request': 'guardrail', 'agt.trust.verify': '' },
  fields: {
    agent_name: ['agt.agent.id', 'agt.agent_id'],
    tool: ['agt.tool.name'],
    decision_raw: ['agt.policy.action', 'agt.approval.outcome'],
  },
  scopes: { 'agentmesh.governance': 'agent-governance-toolkit', agentmesh: 'agent-governance-toolkit' },
  keys: ['agt.policy.rule', 'agt.policy.name', 'agt.trust.score', 'agt.trust.tier'],
  content: [],
};
