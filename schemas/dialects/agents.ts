import type { LogDialect, SpanDialect } from './dialect.js';

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
    subagent_completed: 'subagent',
    permission_mode_changed: 'mode_change',
    api_error: 'error',
    internal_error: 'error',
  },
  others: [
    'assistant_response',
    'hook_execution_start',
    'hook_registered',
    'managed_settings_resolved',
    'plugin_loaded',
    'tool',
  ],
};

/**
 * The log events of Codex 0.171.0. Of the two `response.completed` of a response one has the tokens. `exec` runs a script of Code
 * Mode, which hooks do not see: they judge each tool call that the script makes, which has a result of its own.
 */
export const codex: LogDialect = {
  agent: 'codex',
  kinds: {
    conversation_starts: 'session',
    user_prompt: 'turn',
    sse_event: { kind: 'model_call', having: 'input_token_count' },
    tool_decision: 'tool_decision',
    tool_result: { kind: 'tool_result', exceptTool: 'exec' },
  },
  others: ['api_request', 'startup_phase', 'turn_ttft'],
};

/** Span of a call of an MCP tool, and its attribute with the server's name. Hooks name the tool `mcp__<server>__<tool>`. */
export const CODEX_MCP_CALL = 'mcp.tools.call';
export const MCP_SERVER = 'mcp.server.name';

/**
 * The spans of Codex 0.171.0 that show that a call ran: a denied call has neither. Log records say the same of a call under the
 * same id. Edits (`apply_patch`) have no such span, and the spans of hooks (`codex.hooks.command`) name no call.
 */
export const codexSpans: SpanDialect = {
  kinds: {},
  names: { [CODEX_MCP_CALL]: 'tool_call', 'unified_exec.exec_command': 'tool_call' },
  agent: 'codex',
  fields: { session_id: ['conversation.id'], tool: ['tool.name'], tool_call_id: ['call_id', 'tool.call_id'] },
  scopes: {},
  keys: [MCP_SERVER],
  content: [],
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
  others: ['api_request', 'model_routing', 'plan.approval_mode_duration', 'ripgrep_fallback', 'startup_stats'],
};
