import type { LogDialect } from './dialect.js';

/** The log events of Claude Code 2.1.332. Source: https://code.claude.com/docs/en/monitoring-usage, and its own telemetry. */
export const claudeCode: LogDialect = {
  agent: 'claude-code',
  kinds: {
    user_prompt: 'turn',
    api_request: 'model_call',
    tool_decision: 'tool_decision',
    tool_result: 'tool_result',
    hook_execution_complete: 'hook_run',
    mcp_server_connection: 'mcp_connection',
    permission_mode_changed: 'mode_change',
    api_error: 'error',
    internal_error: 'error',
  },
};

/** The log events of Codex 0.171.0. Of the two `response.completed` of a response one has the tokens. */
export const codex: LogDialect = {
  agent: 'codex',
  kinds: {
    conversation_starts: 'session',
    user_prompt: 'turn',
    sse_event: { kind: 'model_call', having: 'input_token_count' },
    tool_decision: 'tool_decision',
    tool_result: 'tool_result',
  },
};

/** The log events of Gemini CLI 0.61.0. */
export const geminiCli: LogDialect = {
  agent: 'gemini-cli',
  kinds: {
    config: 'session',
    user_prompt: 'turn',
    api_response: 'model_call',
    tool_call: 'tool_result',
    hook_call: 'hook_run',
    approval_mode_switch: 'mode_change',
    api_error: 'error',
  },
};
