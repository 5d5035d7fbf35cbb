import { readFileSync } from 'node:fs';
import { beforeAll, describe, expect, it } from 'vitest';
import { isBroken, type Cell, type Situation } from './cell.js';
import { AGENT_PACKAGES, AGENTS_FOLDER, areInstalled, installAgents } from './install.js';
import { canRun, cellName, markdown, MATRIX_FILE, outcome, row, rowsOf, runMatrix } from './matrix.js';
import { SITUATIONS } from './situations.js';

installAgents();
const isThere = areInstalled();
const title = (name: string): string =>
  isThere ? name : `${name} (NOT RUN: the clients could not be installed from npm)`;

const text = readFileSync(MATRIX_FILE, 'utf8');
const committed = rowsOf(text);

/** The most informative cells. `npm run soak -- guard` runs the others. */
const TELLING = [
  'switches: claude-code: another hook that rewrites calls',
  'switches: claude-code: a mod of a plugin',
  'switches: claude-code: disableAllHooks in local settings',
  'switches: claude-code: allowManagedHooksOnly',
  'switches: claude-code: persisted trust is ignored',
  'switches: claude-code: --bare',
  'switches: claude-code: disableAllHooks in mid-session: written to ./.claude/settings.local.json by the edit tool',
  'switches: claude-code: disableAllHooks in mid-session: written to ./.claude/settings.local.json by the shell',
  'switches: claude-code: env.CLAUDE_CODE_SHELL_PREFIX: written to ./.claude/settings.local.json by the edit tool',
  'switches: claude-code: env.CLAUDE_CODE_SHELL_PREFIX: written to ./.claude/settings.local.json by the shell',
  'switches: claude-code: a mod of an installed plugin: allows what a hook denies',
  'switches: claude-code: a mod of an installed plugin: answers in the place of hooks',
  'switches: claude-code: a mod of an installed plugin: where managed settings say that mods overrule nothing',
  'switches: claude-code: --plugin-dir: a mod answers in the place of hooks',
  'switches: claude-code: --plugin-dir: a mod allows what a hook denies',
  'switches: claude-code: env.LD_PRELOAD: in the environment',
  'switches: gemini-cli: hooksConfig.disabled in project settings',
  'files: claude-code: a comment',
  'tools: claude-code: Bash: with a tab',
  'tools: codex: exec: Code Mode runs the command',
  'tools: codex: exec: Code Mode patches, a rule on Write',
  'tools: codex: spawn_agent: a subagent runs the command',
  'tools: codex: exec_command: in a folder elsewhere',
  'tools: codex: write_stdin: into a shell that was let run',
  'tools: gemini-cli: grep_search: a rule on Grep',
  'tools: gemini-cli: mcp_tickets_close: an MCP server',
  'tools: gemini-cli: run_shell_command: the plain case',
  'tools: gemini-cli: write_file: a rule on Edit',
  'events: claude-code: PreToolUse: another hook rewrites the call',
  'events: claude-code: PreToolUse: another hook says nothing',
  'events: claude-code: PreSkillShellCommand: a custom command, by the person',
  'events: claude-code: PreSkillShellCommand: a skill, by the model',
  'events: codex: PreToolUse: another hook rewrites the call',
  'events: gemini-cli: BeforeTool: another hook allows the call',
  'ends: claude-code: kill -9',
  'ends: gemini-cli: exit 1',
];
const CHOSEN = SITUATIONS.filter((situation) => TELLING.includes(cellName(situation)));
const RUN = CHOSEN.filter(canRun);

describe('the matrix of situations and agents', () => {
  it('has the cells that are run here', () => {
    const names = SITUATIONS.map(cellName);
    expect(TELLING.filter((name) => !names.includes(name) || !committed.has(name))).toEqual([]);
  });

  it('has a row for every cell', () => {
    expect(SITUATIONS.map(cellName).filter((name) => !committed.has(name))).toEqual([]);
  });

  it('is committed as generated, for the pinned versions and the existing cells', () => {
    const names = SITUATIONS.map(cellName);
    expect([...committed.keys()].filter((name) => !names.includes(name))).toEqual([]);
    expect(text).toBe(markdown(AGENT_PACKAGES, committed));
  });

  it('has no cell in which a denied call runs under a green status', () => {
    const faults = [...committed].filter(([, line]) => /\| \*\*[^|]*green/.test(line)).map(([name]) => name);
    expect(faults).toEqual([]);
  });
});

describe(title('the most telling cells'), () => {
  let cells = new Map<Situation, Cell>();
  beforeAll(async () => {
    if (isThere) cells = await runMatrix(RUN, AGENTS_FOLDER, () => undefined);
  }, 900_000);

  it.runIf(isThere).each(RUN.map((situation) => [cellName(situation), situation] as const))('%s', (name, situation) => {
    const cell = cells.get(situation);
    if (cell === undefined) throw new Error('was not run');
    expect(isBroken(situation, cell), cell.output).toBe(false);
    expect(outcome(row(situation, cell)), cell.output).toBe(outcome(committed.get(name) ?? ''));
  });

  it.runIf(RUN.length === CHOSEN.length)(
    RUN.length === CHOSEN.length
      ? 'include those with machine-wide settings and shared libraries'
      : 'with machine-wide settings or shared libraries (NOT RUN: this user may not mount anything, or there is no C compiler)',
    () => {
      expect(RUN).toHaveLength(CHOSEN.length);
    },
  );
});
