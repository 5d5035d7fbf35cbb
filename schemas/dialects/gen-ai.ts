import type { SpanDialect } from './dialect.js';

/**
 * OpenTelemetry's GenAI semantic conventions, as pydantic-ai, Google's ADK and other libraries emit them.
 * Source: https://opentelemetry.io/docs/specs/semconv/gen-ai/
 */
export const genAi: SpanDialect = {
  operation: 'gen_ai.operation.name',
  kinds: {
    chat: 'model_call',
    generate_content: 'model_call',
    text_completion: 'model_call',
    embeddings: 'model_call',
    execute_tool: 'tool_call',
    invoke_agent: 'turn',
    invoke_workflow: 'turn',
    run_guardrail: 'guardrail',
    apply_guardrail: 'guardrail',
  },
  fields: {
    session_id: ['gen_ai.conversation.id'],
    agent_name: ['gen_ai.agent.name'],
    tool: ['gen_ai.tool.name'],
    tool_call_id: ['gen_ai.tool.call.id'],
    model: ['gen_ai.response.model', 'gen_ai.request.model'],
    input_tokens: ['gen_ai.usage.input_tokens', 'gen_ai.usage.prompt_tokens'],
    output_tokens: ['gen_ai.usage.output_tokens', 'gen_ai.usage.completion_tokens'],
    error_type: ['error.type'],
  },
  others: ['create_agent'],
  scopes: {
    'pydantic-ai': 'pydantic-ai',
    'gcp.vertex.agent': 'google-adk',
    'strands.telemetry.tracer': 'strands-agents',
    shieldwatch: 'shieldwatch',
  },
  keys: ['gen_ai.agent.call.id', 'gen_ai.usage.total_tokens', 'gen_ai.workflow.name'],
  content: [
    'final_result',
    'model_request_parameters',
    'pydantic_ai.all_messages',
    'logfire.msg',
    'logfire.json_schema',
  ],
};
