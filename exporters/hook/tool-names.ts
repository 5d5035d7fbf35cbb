/** Kinds of action that several tools do. */
export type Action = 'shell' | 'read' | 'search-files' | 'write' | 'edit' | 'patch' | 'move' | 'fetch' | 'search-web' | 'agent';

/**
 * What agents call one and the same action, so that one policy guards all of them: Claude Code's names, which policies
 * are written in, Gemini's and Codex's.
 */
const ACTIONS: Readonly<Record<string, Action>> = {
  Bash: 'shell', PowerShell: 'shell', Monitor: 'shell', run_shell_command: 'shell', shell: 'shell', shell_command: 'shell',
  exec_command: 'shell', local_shell: 'shell', unified_exec: 'shell', 'container.exec': 'shell',
  Read: 'read', NotebookRead: 'read', read_file: 'read', read_many_files: 'read', view_image: 'read',
  Grep: 'search-files', search_file_content: 'search-files', grep_search: 'search-files',
  Write: 'write', write_file: 'write',
  Edit: 'edit', MultiEdit: 'edit', NotebookEdit: 'edit', replace: 'edit',
  apply_patch: 'patch',
  WebFetch: 'fetch', web_fetch: 'fetch',
  WebSearch: 'search-web', google_web_search: 'search-web', web_search: 'search-web',
  Agent: 'agent', Task: 'agent',
};

/** Tools of the common MCP servers for files and shells, whatever the server is called. */
const MCP_ACTIONS: Readonly<Record<string, Action>> = {
  run_command: 'shell', execute_command: 'shell', run_shell_command: 'shell', shell: 'shell', bash: 'shell', exec: 'shell',
  exec_command: 'shell', run_in_terminal: 'shell',
  read_file: 'read', read_text_file: 'read', read_media_file: 'read', read_multiple_files: 'read', get_file_contents: 'read',
  write_file: 'write', create_file: 'write', create_or_update_file: 'write', append_file: 'write',
  edit_file: 'edit', replace_in_file: 'edit', str_replace: 'edit', insert: 'edit',
  apply_patch: 'patch', apply_diff: 'patch',
  move_file: 'move', rename_file: 'move', copy_file: 'move', delete_file: 'move', remove_file: 'move',
};

/** Names under which a rule of a policy also covers an action. A search of files is covered by its paths alone, as {@link fellowNames} has it. */
const POLICY_NAMES: Readonly<Record<Action, readonly string[]>> = {
  shell: ['Bash'], read: ['Read'], 'search-files': [], write: ['Write'], edit: ['Edit'], patch: ['Write', 'Edit'], move: ['Write', 'Edit'],
  fetch: ['WebFetch'], 'search-web': ['WebSearch'], agent: ['Agent', 'Task'],
};

/** What a tool does; undefined when its name does not tell. */
export function actionOf(tool: string): Action | undefined {
  if (Object.hasOwn(ACTIONS, tool)) return ACTIONS[tool];
  return tool.includes('_') ? mcpAction(tool) : undefined;
}

/** `mcp__<server>__<tool>`, and Gemini's `<server>__<tool>` and `mcp_<server>_<tool>`. */
function mcpAction(tool: string): Action | undefined {
  const at = tool.lastIndexOf('__');
  if (at > 0) return Object.hasOwn(MCP_ACTIONS, tool.slice(at + 2)) ? MCP_ACTIONS[tool.slice(at + 2)] : undefined;
  return tool.startsWith('mcp_') ? Object.entries(MCP_ACTIONS).find(([name]) => tool.endsWith(`_${name}`))?.[1] : undefined;
}

/** The names under which a tool is looked up in a policy: its own, and Claude Code's for the same action. */
export function policyNames(tool: string, action: Action | undefined): readonly string[] {
  return action === undefined ? [tool] : [tool, ...POLICY_NAMES[action].filter((name) => name !== tool)];
}

/**
 * Other tools that act on files as this one does: a rule on one of them that has a pattern covers this call too where
 * the pattern matches a path of it.
 */
export function fellowNames(action: Action | undefined): readonly string[] {
  if (action === 'read' || action === 'search-files') return ['Read', 'NotebookRead', 'read_file', 'read_many_files'];
  return isWriting(action) ? ['Write', 'Edit', 'MultiEdit', 'NotebookEdit', 'write_file', 'replace', 'apply_patch'] : [];
}

export function isWriting(action: Action | undefined): boolean {
  return action === 'write' || action === 'edit' || action === 'patch' || action === 'move';
}
