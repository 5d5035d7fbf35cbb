import { nextTurn, type ModelApi, type Turn } from './model-api.js';

/** The Anthropic Messages API (`POST /v1/messages`, streamed), as Claude Code uses it. */
export const anthropicApi: ModelApi =
  (script) =>
  ({ path, body, text }) => {
    if (!path.startsWith('/v1/messages'))
      return { status: 404, json: { type: 'error', error: { type: 'not_found_error', message: 'not here' } } };
    if (path.includes('count_tokens')) return { json: { input_tokens: 10 } };
    const { tools, messages } = body as { tools?: { name?: unknown }[]; messages?: { content?: unknown }[] };
    const results = (messages ?? [])
      .flatMap(({ content }) => (Array.isArray(content) ? (content as { type?: unknown }[]) : []))
      .filter(({ type }) => type === 'tool_result').length;
    // The client's own requests, such as for a title, offer no tools.
    const turn = (tools ?? []).some(({ name }) => typeof name === 'string')
      ? nextTurn(script, messages?.[0], results)
      : undefined;
    const blocks = turn === undefined ? [{ type: 'text', text: 'done' }] : turn.map((call) => toolUse(call, text));
    const message = {
      id: 'msg_01',
      type: 'message',
      role: 'assistant',
      model: body['model'],
      stop_sequence: null,
      usage: { input_tokens: 1, output_tokens: 1 },
    };
    const stop = turn === undefined ? 'end_turn' : 'tool_use';
    if (body['stream'] !== true) return { json: { ...message, content: blocks, stop_reason: stop } };
    return {
      events: [
        event('message_start', { message: { ...message, content: [], stop_reason: null } }),
        ...blocks.flatMap((block, index) => [
          event('content_block_start', {
            index,
            content_block: 'input' in block ? { ...block, input: {} } : { type: 'text', text: '' },
          }),
          event('content_block_delta', {
            index,
            delta:
              'input' in block
                ? { type: 'input_json_delta', partial_json: JSON.stringify(block.input) }
                : { type: 'text_delta', text: block.text },
          }),
          event('content_block_stop', { index }),
        ]),
        event('message_delta', { delta: { stop_reason: stop, stop_sequence: null }, usage: { output_tokens: 5 } }),
        event('message_stop', {}),
      ],
    };
  };

function toolUse(call: Turn[number], text: string): { type: 'tool_use'; id: string; name: string; input: unknown } {
  const { name, input } =
    'command' in call ? { name: 'Bash', input: { command: call.command } } : { name: call.tool, input: call.input };
  // The id of the scheduled task or running command in the text that the model received.
  const taskId = /(?:one-shot task|in background with ID:) (\w+)/.exec(text)?.[1] ?? 'x';
  return {
    type: 'tool_use',
    id: call.id,
    name,
    input: JSON.parse(JSON.stringify(input).replace('"$ID"', JSON.stringify(taskId))),
  };
}

function event(type: string, data: object): string {
  return `event: ${type}\ndata: ${JSON.stringify({ type, ...data })}\n\n`;
}
