import { nextTurn, type ModelApi } from './model-api.js';

/** Google's Gemini API (`:streamGenerateContent`), as Gemini CLI uses it. */
export const geminiApi: ModelApi =
  (script) =>
  ({ path, body, text }) => {
    if (path.includes(':countTokens')) return { json: { totalTokens: 10 } };
    // The client's own requests, such as for the next speaker, offer no tools.
    const turn =
      body['tools'] === undefined
        ? undefined
        : nextTurn(
            script,
            (body['contents'] as unknown[] | undefined)?.slice(0, 2),
            text.split('"functionResponse"').length - 1,
          );
    const parts = turn?.map((call) => ({
      functionCall:
        'command' in call
          ? { name: 'run_shell_command', args: { command: call.command } }
          : { name: call.tool, args: call.input },
    })) ?? [{ text: 'done' }];
    const answer = {
      candidates: [{ index: 0, content: { role: 'model', parts }, finishReason: 'STOP' }],
      usageMetadata: { promptTokenCount: 1, candidatesTokenCount: 1, totalTokenCount: 2 },
      modelVersion: 'stand-in',
    };
    return path.includes(':streamGenerateContent')
      ? { events: [`data: ${JSON.stringify(answer)}\n\n`] }
      : { json: answer };
  };
