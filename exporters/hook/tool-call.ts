import { agentName, agentVersion } from './agent-name.js';
import { withoutBom } from './without-bom.js';

/** One tool call for which an agent requests a verdict. */
export interface ToolCall {
  /**
   * Event name for the response: `PreToolUse`, Gemini's `BeforeTool`, or `PreSkillShellCommand` for a shell command in
   * a skill.
   */
  readonly event: string;
  readonly tool: string;
  /** The tool's input as JSON text, on which policy patterns are tested. Never recorded. */
  readonly input: string;
  readonly cwd: string;
  readonly sessionId: string;
  readonly toolCallId?: string;
  readonly agent: string;
  readonly agentVersion?: string;
}

/** The events of every tool call. Other events are recorded by name, e.g. `PreSkillShellCommand`. */
export const isToolEvent = (event: string): boolean => event === 'PreToolUse' || event === 'BeforeTool';

/** Parsed standard input. */
export type HookInput =
  | { readonly kind: 'call'; readonly call: ToolCall }
  /** An event that asks for no permission, e.g. `PostToolUse`: the hook is registered in the wrong place. */
  | { readonly kind: 'not-a-call' }
  | { readonly kind: 'unreadable'; readonly problem: string; readonly event: string };

/** Events that need no decision. Unknown events are judged like tool calls. */
function isOtherEvent(name: string): boolean {
  return [
    ...['SessionStart', 'SessionEnd', 'UserPromptSubmit', 'PostToolUse', 'PostToolUseFailure', 'PermissionRequest'],
    ...['PermissionDenied', 'Notification', 'Stop', 'SubagentStart', 'SubagentStop', 'PreCompact', 'PostCompact'],
    ...['AfterTool', 'BeforeAgent', 'AfterAgent', 'BeforeModel', 'AfterModel', 'BeforeToolSelection', 'PreCompress'],
  ].includes(name);
}

const DEFAULT_EVENT = 'PreToolUse';

/** Parses the JSON of Claude Code, Codex or Gemini. A call without a tool name cannot be judged. */
export function parseHookInput(text: string, env: NodeJS.ProcessEnv): HookInput {
  const parsed = parseObject(withoutBom(text));
  if (parsed === undefined)
    return { kind: 'unreadable', problem: 'the hook input is not a JSON object', event: DEFAULT_EVENT };
  const name = stringOf(parsed['hook_event_name']);
  if (name !== DEFAULT_EVENT && isOtherEvent(name)) return { kind: 'not-a-call' };
  const event = name === DEFAULT_EVENT || /^[A-Za-z]{1,64}$/.test(name) ? name : DEFAULT_EVENT;
  const tool = stringOf(parsed['tool_name']);
  if (tool.trim() === '') return { kind: 'unreadable', problem: 'the hook input names no tool', event };
  const toolCallId = stringOf(parsed['tool_use_id']);
  const agent = agentName(parsed, env);
  const version = agentVersion(agent, env);
  return {
    kind: 'call',
    call: {
      event,
      tool,
      input: parsed['tool_input'] === undefined ? '' : JSON.stringify(parsed['tool_input']),
      cwd: stringOf(parsed['cwd']) || process.cwd(),
      sessionId: stringOf(parsed['session_id']),
      ...(toolCallId === '' ? {} : { toolCallId }),
      agent,
      ...(version === undefined ? {} : { agentVersion: version }),
    },
  };
}

function parseObject(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    const isObject = typeof value === 'object' && value !== null && !Array.isArray(value);
    return isObject ? (value as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}

function stringOf(value: unknown): string {
  return typeof value === 'string' ? value : '';
}
