import type { SpanDialect } from './dialect.js';

/** OpenInference. Source: https://github.com/Arize-ai/openinference/blob/main/spec/semantic_conventions.md */
export const openInference: SpanDialect = {
  operation: 'openinference.span.kind',
  kinds: { LLM: 'model_call', EMBEDDING: 'model_call', TOOL: 'tool_call', AGENT: 'turn', GUARDRAIL: 'guardrail' },
  fields: {
    session_id: ['session.id'],
    agent_name: ['agent.name'],
    tool: ['tool.name'],
    tool_call_id: ['tool_call.id', 'tool.id'],
    model: ['llm.model_name', 'embedding.model_name'],
    input_tokens: ['llm.token_count.prompt'],
    output_tokens: ['llm.token_count.completion'],
  },
  others: ['CHAIN', 'RETRIEVER', 'RERANKER', 'EVALUATOR', 'PROMPT', 'UNKNOWN'],
  scopes: {
    'openinference.instrumentation.langchain': 'langchain',
    'openinference.instrumentation.openai_agents': 'openai-agents',
    'openinference.instrumentation.crewai': 'crewai',
    'openinference.instrumentation.llama_index': 'llama-index',
    'openinference.instrumentation.autogen_agentchat': 'autogen',
    'openinference.instrumentation.smolagents': 'smolagents',
  },
  keys: ['graph.node.id', 'llm.provider', 'llm.system', 'llm.token_count.total'],
  content: [
    'input.value',
    'output.value',
    'llm.input_messages.*',
    'llm.output_messages.*',
    'llm.prompts.*',
    'llm.completions.*',
    'llm.prompt_template.*',
    'llm.function_call',
    'llm.invocation_parameters',
    'llm.tools.*',
    'retrieval.documents.*',
    'tool.description',
    'tool.parameters',
  ],
};
