/**
 * Gemini's names for tools that policies call by Claude Code's names, so that one policy guards both
 * (Codex already says `Bash` to its hooks).
 */
const CLAUDE_CODE_NAMES: Readonly<Record<string, string>> = {
  run_shell_command: 'Bash',
  read_file: 'Read',
  read_many_files: 'Read',
  write_file: 'Write',
  replace: 'Edit',
  web_fetch: 'WebFetch',
  google_web_search: 'WebSearch',
};

/** The names under which a tool is looked up in a policy: its own, and Claude Code's for the same thing. */
export function policyNames(tool: string): readonly string[] {
  const alias = Object.hasOwn(CLAUDE_CODE_NAMES, tool) ? CLAUDE_CODE_NAMES[tool] : undefined;
  return alias === undefined ? [tool] : [tool, alias];
}
