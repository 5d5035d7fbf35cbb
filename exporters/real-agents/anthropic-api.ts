import type { AskedCommand, ModelAnswer, ModelRequest } from './model-server.js';

/** The Anthropic Messages API (`POST /v1/messages`, streamed), as Claude Code uses it. */
export function anthropicApi(commands: readonly AskedCommand[]): (request: ModelRequest) => ModelAnswer {
  return ({ path, body, text }) => {
    if (!path.startsWith('/v1/messages')) return { status: 404, json: { type: 'error', error: { type: 'not_found_error', message: 'not here' } } };
    if (path.includes('count_tokens')) return { json: { input_tokens: 10 } };
    const tools = Array.isArray(body['tools']) ? (body['tools'] as { name?: unknown }[]) : [];
    const asks = tools.some(({ name }) => name === 'Bash') && !text.includes('"tool_result"');
    const blocks = asks ? commands.map(({ id, command }) => ({ type: 'tool_use', id, name: 'Bash', input: { command } })) : [{ type: 'text', text: 'done' }];
    const message = { id: 'msg_01', type: 'message', role: 'assistant', model: body['model'], stop_sequence: null, usage: { input_tokens: 1, output_tokens: 1 } };
    const stop = asks ? 'tool_use' : 'end_turn';
    if (body['stream'] !== true) return { json: { ...message, content: blocks, stop_reason: stop } };
    return {
      events: [
        event('message_start', { message: { ...message, content: [], stop_reason: null } }),
        ...blocks.flatMap((block, index) => [
          event('content_block_start', { index, content_block: 'input' in block ? { ...block, input: {} } : { type: 'text', text: '' } }),
          event('content_block_delta', { index, delta: 'input' in block ? { type: 'input_json_delta', partial_json: JSON.stringify(block.input) } : { type: 'text_delta', text: block.text } }),
          event('content_block_stop', { index }),
        ]),
        event('message_delta', { delta: { stop_reason: stop, stop_sequence: null }, usage: { output_tokens: 5 } }),
        event('message_stop', {}),
      ],
    };
  };
}

function event(type: string, data: object): string {
  return `event: ${type}\ndata: ${JSON.stringify({ type, ...data })}\n\n`;
}
