// Runs the Vercel AI SDK with its own test model and prints the spans it emits as OTLP/JSON. Two tool calls; the second fails.
import { generateText, jsonSchema, stepCountIs, tool } from 'ai';
import { MockLanguageModelV3 } from 'ai/test';
import { JsonTraceSerializer } from '@opentelemetry/otlp-transformer';
import { resourceFromAttributes } from '@opentelemetry/resources';
import { InMemorySpanExporter, NodeTracerProvider, SimpleSpanProcessor } from '@opentelemetry/sdk-trace-node';

const spans = new InMemorySpanExporter();
const provider = new NodeTracerProvider({
  resource: resourceFromAttributes({ 'service.name': 'triage-agent' }),
  spanProcessors: [new SimpleSpanProcessor(spans)],
});

const usage = {
  inputTokens: { total: 10, noCache: 10, cacheRead: 0, cacheWrite: 0 },
  outputTokens: { total: 5, text: 5, reasoning: 0 },
};
const call = (number, toolName, input) => ({
  finishReason: { unified: 'tool-calls' },
  content: [{ type: 'tool-call', toolCallId: `call_FAKE${number}`, toolName, input }],
});
const answers = [
  call(1, 'get_ticket', '{"id":1}'),
  call(2, 'delete_file', '{"path":"x"}'),
  { finishReason: { unified: 'stop' }, content: [{ type: 'text', text: 'done' }] },
];
const model = new MockLanguageModelV3({
  provider: 'fake',
  modelId: 'fake-1',
  doGenerate: async () => ({ usage, warnings: [], ...answers.shift() }),
});

const asTool = (execute) => tool({ description: 'A tool.', inputSchema: jsonSchema({ type: 'object' }), execute });
await generateText({
  model,
  prompt: 'do it',
  stopWhen: stepCountIs(5),
  tools: {
    get_ticket: asTool(async () => 'ticket'),
    delete_file: asTool(async () => {
      throw new Error('denied');
    }),
  },
  experimental_telemetry: {
    isEnabled: true,
    functionId: 'triage',
    metadata: { sessionId: 'session-1' },
    tracer: provider.getTracer('ai'),
  },
});
process.stdout.write(new TextDecoder().decode(JsonTraceSerializer.serializeRequest(spans.getFinishedSpans())));
