/** Kinds of action that several tools perform. */
export type Action =
  | 'shell'
  | 'read'
  | 'search-files'
  | 'find-files'
  | 'write'
  | 'edit'
  | 'patch'
  | 'move'
  | 'fetch'
  | 'search-web'
  | 'agent';

/**
 * The agents' names of one action, so that one policy covers all of them: Claude Code's names, which policies use,
 * Gemini's and Codex's. In lower case: an agent may use another case.
 */
const ACTIONS: Readonly<Record<string, Action>> = {
  bash: 'shell',
  powershell: 'shell',
  monitor: 'shell',
  run_shell_command: 'shell',
  shell: 'shell',
  shell_command: 'shell',
  exec_command: 'shell',
  local_shell: 'shell',
  unified_exec: 'shell',
  'container.exec': 'shell',
  read: 'read',
  notebookread: 'read',
  read_file: 'read',
  read_many_files: 'read',
  view_image: 'read',
  grep: 'search-files',
  search_file_content: 'search-files',
  grep_search: 'search-files',
  grep_files: 'search-files',
  glob: 'find-files',
  ls: 'find-files',
  list_directory: 'find-files',
  list_dir: 'find-files',
  write: 'write',
  write_file: 'write',
  edit: 'edit',
  multiedit: 'edit',
  notebookedit: 'edit',
  replace: 'edit',
  apply_patch: 'patch',
  webfetch: 'fetch',
  web_fetch: 'fetch',
  websearch: 'search-web',
  google_web_search: 'search-web',
  web_search: 'search-web',
  agent: 'agent',
  task: 'agent',
};

/** Tools of the common MCP servers for files and shells, for any server name. */
const MCP_ACTIONS: Readonly<Record<string, Action>> = {
  run_command: 'shell',
  execute_command: 'shell',
  run_shell_command: 'shell',
  shell: 'shell',
  bash: 'shell',
  exec: 'shell',
  exec_command: 'shell',
  run_in_terminal: 'shell',
  read_file: 'read',
  read_text_file: 'read',
  read_media_file: 'read',
  read_multiple_files: 'read',
  get_file_contents: 'read',
  search_files: 'find-files',
  find_files: 'find-files',
  list_directory: 'find-files',
  directory_tree: 'find-files',
  write_file: 'write',
  create_file: 'write',
  create_or_update_file: 'write',
  append_file: 'write',
  edit_file: 'edit',
  replace_in_file: 'edit',
  str_replace: 'edit',
  insert: 'edit',
  apply_patch: 'patch',
  apply_diff: 'patch',
  move_file: 'move',
  rename_file: 'move',
  copy_file: 'move',
  delete_file: 'move',
  remove_file: 'move',
};

/** Names of rules that also cover an action. */
const POLICY_NAMES: Readonly<Record<Action, readonly string[]>> = {
  shell: ['Bash'],
  read: ['Read'],
  'search-files': ['Grep'],
  'find-files': ['Glob'],
  write: ['Write'],
  edit: ['Edit'],
  patch: ['Write', 'Edit'],
  move: ['Write', 'Edit'],
  fetch: ['WebFetch'],
  'search-web': ['WebSearch'],
  agent: ['Agent', 'Task'],
};

/** Returns what a tool does; undefined if its name does not show it. */
export function actionOf(tool: string): Action | undefined {
  const name = tool.toLowerCase();
  if (Object.hasOwn(ACTIONS, name)) return ACTIONS[name];
  return name.includes('_') ? mcpAction(name) : undefined;
}

/** Parses `mcp__<server>__<tool>`, and Gemini's `<server>__<tool>` and `mcp_<server>_<tool>`. */
function mcpAction(tool: string): Action | undefined {
  const at = tool.lastIndexOf('__');
  if (at > 0) return Object.hasOwn(MCP_ACTIONS, tool.slice(at + 2)) ? MCP_ACTIONS[tool.slice(at + 2)] : undefined;
  return tool.startsWith('mcp_')
    ? Object.entries(MCP_ACTIONS).find(([name]) => tool.endsWith(`_${name}`))?.[1]
    : undefined;
}

/**
 * Returns the names under which a tool is looked up in a policy: its own, and Claude Code's for the same action or the
 * same tool of an MCP server.
 */
export function policyNames(tool: string, action: Action | undefined): readonly string[] {
  const names = tool.includes('_') ? [tool, ...mcpNames(tool)] : [tool];
  return action === undefined ? names : [...names, ...POLICY_NAMES[action].filter((name) => name !== tool)];
}

/** Underscores at which the name of a server may end. */
const MAX_SPLITS = 50;

/** Returns other agents' names of an MCP server's tool. In Gemini's `mcp_a_b_c` the server may be `a` or `a_b`. */
function mcpNames(tool: string): string[] {
  if (/^mcp__/i.test(tool)) return [`mcp_${tool.slice(5).replace('__', '_')}`];
  if (!/^mcp_/i.test(tool)) return tool.includes('__') ? [`mcp__${tool}`] : [];
  const parts = tool.slice(4).split('_');
  return parts
    .slice(1, MAX_SPLITS)
    .map((_, index) => `mcp__${parts.slice(0, index + 1).join('_')}__${parts.slice(index + 1).join('_')}`);
}

/**
 * Returns other tools that act on files as this one does: a rule with a pattern on one of them covers this call too if
 * the pattern matches a path of the call.
 */
export function fellowNames(action: Action | undefined): readonly string[] {
  if (action === 'read' || action === 'search-files' || action === 'find-files')
    return ['Read', 'NotebookRead', 'read_file', 'read_many_files'];
  return isWriting(action)
    ? ['Write', 'Edit', 'MultiEdit', 'NotebookEdit', 'write_file', 'replace', 'apply_patch']
    : [];
}

export function isWriting(action: Action | undefined): boolean {
  return action === 'write' || action === 'edit' || action === 'patch' || action === 'move';
}
