import type { AskedCommand, ModelAnswer, ModelRequest } from './model-server.js';

/** Google's Gemini API (`:streamGenerateContent`), as Gemini CLI uses it. */
export function geminiApi(commands: readonly AskedCommand[]): (request: ModelRequest) => ModelAnswer {
  return ({ path, text }) => {
    if (path.includes(':countTokens')) return { json: { totalTokens: 10 } };
    const asks = text.includes('run_shell_command') && !text.includes('"functionResponse"');
    const parts = asks ? commands.map(({ command }) => ({ functionCall: { name: 'run_shell_command', args: { command } } })) : [{ text: 'done' }];
    const answer = {
      candidates: [{ index: 0, content: { role: 'model', parts }, finishReason: 'STOP' }],
      usageMetadata: { promptTokenCount: 1, candidatesTokenCount: 1, totalTokenCount: 2 },
      modelVersion: 'stand-in',
    };
    return path.includes(':streamGenerateContent') ? { events: [`data: ${JSON.stringify(answer)}\n\n`] } : { json: answer };
  };
}
