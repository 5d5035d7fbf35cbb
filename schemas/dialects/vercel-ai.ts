import type { SpanDialect } from './dialect.js';

/** The Vercel AI SDK (`ai` 6, `experimental_telemetry`). Source: https://ai-sdk.dev/docs/ai-sdk-core/telemetry */
export const vercelAi: SpanDialect = {
  operation: 'ai.operationId',
  kinds: {
    'ai.generateText': 'turn',
    'ai.streamText': 'turn',
    'ai.generateObject': 'turn',
    'ai.streamObject': 'turn',
    'ai.generateText.doGenerate': 'model_call',
    'ai.streamText.doStream': 'model_call',
    'ai.generateObject.doGenerate': 'model_call',
    'ai.streamObject.doStream': 'model_call',
    'ai.embed.doEmbed': 'model_call',
    'ai.embedMany.doEmbed': 'model_call',
    'ai.toolCall': 'tool_call',
  },
  fields: {
    session_id: ['ai.telemetry.metadata.sessionId'],
    agent_name: ['ai.telemetry.functionId'],
    tool: ['ai.toolCall.name'],
    tool_call_id: ['ai.toolCall.id'],
    model: ['ai.response.model', 'ai.model.id'],
    input_tokens: ['ai.usage.inputTokens', 'ai.usage.promptTokens', 'ai.usage.tokens'],
    output_tokens: ['ai.usage.outputTokens', 'ai.usage.completionTokens'],
  },
  scopes: { ai: 'vercel-ai' },
  keys: ['ai.model.provider', 'ai.response.finishReason', 'ai.settings.maxRetries', 'ai.usage.totalTokens'],
  content: [
    'ai.prompt',
    'ai.prompt.*',
    'ai.response.text',
    'ai.response.object',
    'ai.response.toolCalls',
    'ai.toolCall.args',
    'ai.toolCall.result',
  ],
};
