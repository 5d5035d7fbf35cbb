import type { AgentName } from './drivers.js';

/**
 * What each client has, enumerated from the versions that install.js pins: tools as it offers them to the model, events
 * as its program names them. A test holds both lists to the client; `npm run agents:newest` prints what a newer one adds.
 */
type Lists = Readonly<Record<AgentName, readonly string[]>>;

export const TOOLS: Lists = {
  'claude-code': [
    'Agent', 'Bash', 'CronCreate', 'CronDelete', 'CronList', 'Edit', 'EnterWorktree', 'ExitWorktree', 'Glob', 'Grep', 'ListAgents', 'Monitor',
    'NotebookEdit', 'PowerShell', 'Read', 'ReportFindings', 'ScheduleWakeup', 'SendMessage', 'Skill', 'StructuredOutput', 'TaskCreate', 'TaskGet',
    'TaskList', 'TaskStop', 'TaskUpdate', 'ToolSearch', 'WebFetch', 'WebSearch', 'Workflow', 'Write', 'mcp__tickets__close',
  ],
  codex: [
    'apply_patch', 'close_agent', 'create_goal', 'exec', 'exec_command', 'followup_task', 'get_goal', 'interrupt_agent', 'list_agents',
    'mcp__tickets__close', 'request_user_input', 'request_user_input_async', 'resume_agent', 'send_input', 'send_message', 'sleep', 'spawn_agent',
    'tool_search', 'update_goal', 'view_image', 'wait', 'wait_agent', 'web_search', 'write_stdin',
  ],
  'gemini-cli': [
    'activate_skill', 'enter_plan_mode', 'glob', 'google_web_search', 'grep_search', 'invoke_agent', 'list_background_processes', 'list_directory',
    'mcp_tickets_close', 'read_background_output', 'read_file', 'replace', 'run_shell_command', 'update_topic', 'web_fetch', 'write_file', 'write_todos',
  ],
};

export const EVENTS: Lists = {
  'claude-code': [
    'ConfigChange', 'CwdChanged', 'DirectoryAdded', 'Elicitation', 'ElicitationResult', 'FileChanged', 'InstructionsLoaded', 'MessageDisplay',
    'Notification', 'PermissionDenied', 'PermissionRequest', 'PostCompact', 'PostModelSwitch', 'PostToolBatch', 'PostToolUse', 'PostToolUseFailure',
    'PreCompact', 'PreModelSwitch', 'PreSkillShellCommand', 'PreToolUse', 'SessionEnd', 'SessionStart', 'Setup', 'Stop', 'StopFailure',
    'SubagentStart', 'SubagentStop', 'TaskCompleted', 'TaskCreated', 'TeammateIdle', 'UserPromptExpansion', 'UserPromptSubmit', 'WorktreeCreate',
    'WorktreeRemove',
  ],
  codex: [
    'Interrupt', 'PermissionRequest', 'PostCompact', 'PostModelRequest', 'PostToolUse', 'PreCompact', 'PreModelRequest', 'PreToolUse', 'SessionEnd',
    'SessionStart', 'Stop', 'SubagentStart', 'SubagentStop', 'UserPromptSubmit',
  ],
  'gemini-cli': [
    'AfterAgent', 'AfterModel', 'AfterTool', 'BeforeAgent', 'BeforeModel', 'BeforeTool', 'BeforeToolSelection', 'Notification', 'PreCompress',
    'SessionEnd', 'SessionStart',
  ],
};

/** How a hook's process can end: a program that Node runs in the place of the hook. The three last have none. */
export const ENDS: Readonly<Record<string, string>> = {
  'exit 0, silent': 'process.exit(0)',
  'exit 1': 'process.exit(1)',
  'exit 2, silent': 'process.exit(2)',
  'exit 3': 'process.exit(3)',
  'exit 127': 'process.exit(127)',
  'exit 139': 'process.exit(139)',
  'kill -9': "process.kill(process.pid, 'SIGKILL')",
  SIGTERM: "process.kill(process.pid, 'SIGTERM')",
  SIGSEGV: "process.kill(process.pid, 'SIGSEGV')",
  SIGPIPE: "process.kill(process.pid, 'SIGPIPE')",
  abort: 'process.abort()',
  'uncaught exception': "throw new Error('broken')",
  'unhandled rejection': "Promise.reject(new Error('broken'))",
  'syntax error': 'not (a program',
  'out of memory': "require('node:v8').setFlagsFromString('--max-old-space-size=16'); const kept = []; for (;;) kept.push(new Array(100_000).fill(kept.length))",
  'out of time': 'setInterval(() => {}, 1000)',
  'text on stdout, exit 0': "console.log('not JSON')",
  'text on stdout, exit 1': "console.log('not JSON'); process.exitCode = 1",
  'stdout closed (EPIPE)': "require('node:fs').closeSync(1); console.log('{}')",
  'stdin closed unread, exit 1': "require('node:fs').closeSync(0); process.exitCode = 1",
  'stderr closed, exit 2': "require('node:fs').closeSync(2); process.exitCode = 2",
  'the file is missing': '',
  'Node is missing': '',
  'Node may not be executed': '',
};
