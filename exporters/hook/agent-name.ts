/**
 * Returns which agent calls, from the form of its hook input; empty if unknown. The input takes precedence over the
 * environment, because an agent started by another one inherits the other's variables.
 */
export function agentName(input: Readonly<Record<string, unknown>>, env: NodeJS.ProcessEnv): string {
  if (input['hook_event_name'] === 'BeforeTool') return 'gemini-cli';
  if (typeof input['turn_id'] === 'string') return 'codex';
  if (typeof input['prompt_id'] === 'string') return 'claude-code';
  const callId = input['tool_use_id'];
  if (typeof callId === 'string' && callId.startsWith('toolu_')) return 'claude-code';
  if (typeof callId === 'string' && callId.startsWith('call_')) return 'codex';
  if (env['GEMINI_SESSION_ID'] !== undefined) return 'gemini-cli';
  if (env['CLAUDECODE'] !== undefined || env['CLAUDE_CODE_SESSION_ID'] !== undefined) return 'claude-code';
  return '';
}

/**
 * Returns the calling agent's version. Only Claude Code passes it to hooks, in `AI_AGENT`
 * (`claude-code_2-1-330_agent`); undefined otherwise.
 */
export function agentVersion(agent: string, env: NodeJS.ProcessEnv): string | undefined {
  if (agent !== 'claude-code') return undefined;
  return /^claude-code[_/](\d+[.-]\d+[.-]\d+)/.exec(env['AI_AGENT'] ?? '')?.[1]?.replaceAll('-', '.');
}
