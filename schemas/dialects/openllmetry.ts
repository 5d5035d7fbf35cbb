import type { SpanDialect } from './dialect.js';

/** OpenLLMetry (Traceloop), beside the GenAI names that its newer spans have. Source: https://www.traceloop.com/docs/openllmetry */
export const openLlmetry: SpanDialect = {
  operation: 'traceloop.span.kind',
  kinds: { tool: 'tool_call', agent: 'turn', workflow: 'turn' },
  fields: {
    session_id: ['traceloop.association.properties.session_id', 'traceloop.association.properties.thread_id'],
    agent_name: ['traceloop.workflow.name'],
  },
  others: ['task', 'unknown', 'execute_task'],
  scopes: {
    'opentelemetry.instrumentation.langchain': 'langchain',
    'opentelemetry.instrumentation.openai_agents': 'openai-agents',
    'opentelemetry.instrumentation.crewai': 'crewai',
    'opentelemetry.instrumentation.llamaindex': 'llama-index',
  },
  keys: ['traceloop.entity.name', 'gen_ai.task.name', 'gen_ai.task.status'],
  content: ['traceloop.entity.input', 'traceloop.entity.output', 'gen_ai.task.input', 'gen_ai.task.output'],
};
