import { nextTurn, type ModelApi, type Turn } from './model-api.js';

/** OpenAI's Responses API (`POST /responses`, streamed), as Codex uses it. */
export const openaiApi: ModelApi =
  (script) =>
  ({ path, body, text }) => {
    if (!path.endsWith('/responses')) return { json: { object: 'list', data: [], models: [] } };
    const conversation = (body['input'] ?? []) as { type?: string }[];
    // A subagent receives its parent's history, then its task.
    const task = conversation.findLastIndex((item) => JSON.stringify(item).includes('NEW_TASK'));
    const own = task < 0 ? conversation : conversation.slice(task);
    const turn = nextTurn(
      script,
      task < 0 ? '' : own[0],
      own.filter(({ type = '' }) => type.endsWith('_call_output')).length,
    );
    const items = turn?.map((call) => toolCall(call, body, text)) ?? [
      {
        type: 'message',
        id: 'msg_1',
        role: 'assistant',
        status: 'completed',
        content: [{ type: 'output_text', text: 'done', annotations: [] }],
      },
    ];
    const usage = {
      input_tokens: 1,
      input_tokens_details: { cached_tokens: 0 },
      output_tokens: 1,
      output_tokens_details: { reasoning_tokens: 0 },
      total_tokens: 2,
    };
    return {
      events: [
        event('response.created', { response: { id: 'resp_1' } }),
        ...items.map((item, index) => event('response.output_item.done', { output_index: index, item })),
        event('response.completed', { response: { id: 'resp_1', usage } }),
      ],
    };
  };

function toolCall(call: Turn[number], body: Record<string, unknown>, text: string): object {
  const { id } = call;
  const { tool, namespace, input } =
    'command' in call ? { namespace: undefined, ...shellCall(call.command, body) } : call;
  if (typeof input === 'string')
    return { type: 'custom_tool_call', id: `ctc_${id}`, call_id: id, name: tool, input, status: 'completed' };
  // The running command in the model's input.
  const session = /session ID (\d+)/.exec(text)?.[1] ?? '0';
  const parameters = JSON.stringify(input).replace('"$SESSION"', session);
  return {
    type: 'function_call',
    id: `fc_${id}`,
    call_id: id,
    name: tool,
    ...(namespace === undefined ? {} : { namespace }),
    arguments: parameters,
    status: 'completed',
  };
}

/** The model is offered `exec_command` or, by another version, `shell`. */
function shellCall(command: string, body: Record<string, unknown>): { tool: string; input: Record<string, unknown> } {
  const offered = JSON.stringify(body['tools'] ?? []);
  if (offered.includes('"exec_command"')) return { tool: 'exec_command', input: { cmd: command } };
  if (offered.includes('"shell_command"')) return { tool: 'shell_command', input: { command } };
  return { tool: 'shell', input: { command: ['bash', '-lc', command] } };
}

function event(type: string, data: object): string {
  return `event: ${type}\ndata: ${JSON.stringify({ type, ...data })}\n\n`;
}
