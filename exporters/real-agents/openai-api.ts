import type { AskedCommand, ModelAnswer, ModelRequest } from './model-server.js';

/** OpenAI's Responses API (`POST /responses`, streamed), as Codex uses it. */
export function openaiApi(commands: readonly AskedCommand[]): (request: ModelRequest) => ModelAnswer {
  return ({ path, body, text }) => {
    if (!path.endsWith('/responses')) return { json: { object: 'list', data: [], models: [] } };
    const asks = !text.includes('function_call_output');
    const items = asks
      ? commands.map(({ id, command }) => functionCall(id, command, body))
      : [{ type: 'message', id: 'msg_1', role: 'assistant', status: 'completed', content: [{ type: 'output_text', text: 'done', annotations: [] }] }];
    const usage = { input_tokens: 1, input_tokens_details: { cached_tokens: 0 }, output_tokens: 1, output_tokens_details: { reasoning_tokens: 0 }, total_tokens: 2 };
    return {
      events: [
        event('response.created', { response: { id: 'resp_1' } }),
        ...items.map((item, index) => event('response.output_item.done', { output_index: index, item })),
        event('response.completed', { response: { id: 'resp_1', usage } }),
      ],
    };
  };
}

/** The model is offered `exec_command` or, by another version, `shell`. */
function functionCall(id: string, command: string, body: Record<string, unknown>): object {
  const offered = JSON.stringify(body['tools'] ?? []);
  const [name, parameters] = offered.includes('"exec_command"')
    ? ['exec_command', { cmd: command }]
    : offered.includes('"shell_command"')
      ? ['shell_command', { command }]
      : ['shell', { command: ['bash', '-lc', command] }];
  return { type: 'function_call', id: `fc_${id}`, call_id: id, name, arguments: JSON.stringify(parameters), status: 'completed' };
}

function event(type: string, data: object): string {
  return `event: ${type}\ndata: ${JSON.stringify({ type, ...data })}\n\n`;
}
