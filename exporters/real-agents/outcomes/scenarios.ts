import { join } from 'node:path';
import { hookFile } from '../../install/hook-command.js';
import { MARKER, type Session } from '../cell.js';
import type { AgentName } from '../drivers.js';
import type { Asked } from '../../drill/model-api.js';

/** A session that makes one kind of evidence about tool calls. */
export interface Scenario extends Session {
  /** Name of the capture's file. */
  readonly name: string;
}

const FORBIDDEN = { command: `touch ${MARKER}` };
const HARMLESS = { command: 'touch $P/harmless' };
/** The denied call, an allowed one, and one that fails by itself; each a turn of its own, so that later events follow. */
const ONE_BY_ONE: readonly (readonly Asked[])[] = [
  [FORBIDDEN],
  [HARMLESS],
  [{ command: 'cat $P/read-failing; exit 3' }],
];
const FILES = { './read-failing': canary('failing'), './read-later': canary('later') };

/** Three calls at once, which only read, because agents run others one after the other; then one more. */
const PARALLEL: Pick<Session, 'files' | 'turns'> = {
  files: {
    './read-forbidden': canary('forbidden'),
    './read-harmless': canary('harmless'),
    './read-harmless2': canary('harmless2'),
  },
  turns: [
    [{ command: 'cat $P/read-forbidden' }, { command: 'cat $P/read-harmless' }, { command: 'cat $P/read-harmless2' }],
    [{ command: 'touch $P/harmless3' }],
  ],
};

/** Returns the text of a file by which a command that reads it is known to have run. */
export function canary(name: string): string {
  return `CANARY-${name}-END`;
}

/** Asks our hook, and then does what follows with its answer, `judged`. */
export const judging = (rest: string): string =>
  `const input = require('node:fs').readFileSync(0);
const judged = require('node:child_process').spawnSync(process.execPath, [${JSON.stringify(hookFile())}, ...process.argv.slice(2)], { input });
${rest}
`;
export const HANGS = 'setInterval(() => {}, 1000);';
const KILLED = "process.kill(process.pid, 'SIGKILL');";
const ANSWERS =
  'process.stdout.write(judged.stdout); process.stderr.write(judged.stderr); process.exitCode = judged.status;';

const TIME_LIMIT: Readonly<Record<AgentName, string>> = {
  'claude-code': '"timeout": 2',
  codex: 'timeout = 2',
  'gemini-cli': '"timeout": 2000',
};

/** Replaces the hook by a program, and leaves out what makes the installed command block when the hook itself fails. */
export const failing = (
  agent: AgentName,
  program: string,
  open = true,
  files: Session['files'] = {},
): Pick<Session, 'files' | 'replace'> => ({
  files: { '~/other-hook.cjs': program, ...files },
  replace: (text, { home }) => {
    const replaced = text
      .replaceAll(hookFile(), join(home, 'other-hook.cjs'))
      .replace(/"?timeout"?( = |: )\d+/, TIME_LIMIT[agent]);
    return open ? replaced.replace(/ \|\| \{ trap .*?\}/, '').replace(/,\s*"onFailure": "block"/, '') : replaced;
  },
});

/** Other hooks of the same event, in the project's settings. */
const foreign = (agent: AgentName, answer: object): Pick<Session, 'merge' | 'files'> => {
  const file = '$P/other.sh';
  const entry = [
    {
      ...(agent === 'gemini-cli' ? { matcher: '*' } : {}),
      hooks: [{ type: 'command', name: 'other', command: `sh ${file}` }],
    },
  ];
  const settings = {
    'claude-code': './.claude/settings.json',
    codex: '~/.codex/hooks.json',
    'gemini-cli': './.gemini/settings.json',
  }[agent];
  return {
    files: { './other.sh': `cat > /dev/null\necho '${JSON.stringify(answer)}'\n` },
    merge: { [settings]: { hooks: { [agent === 'gemini-cli' ? 'BeforeTool' : 'PreToolUse']: entry } } },
  };
};
const DENIES = {
  decision: 'block',
  reason: 'the other hook says no',
  hookSpecificOutput: {
    hookEventName: 'PreToolUse',
    permissionDecision: 'deny',
    permissionDecisionReason: 'the other hook says no',
  },
};

const common = (agent: AgentName): Record<string, Omit<Session, 'agent'>> => ({
  denied: {},
  parallel: PARALLEL,
  'parallel-one-killed': {
    ...failing(agent, judging(`if (input.includes('forbidden')) ${KILLED}\n${ANSWERS}`), true, PARALLEL.files),
    turns: PARALLEL.turns ?? [],
  },
  'no-hook': { scope: 'none' },
  'hook-killed': failing(agent, KILLED),
  'hook-killed-closed': failing(agent, KILLED, false),
  'hook-timeout': failing(agent, judging(HANGS)),
  'hook-timeout-closed': failing(agent, judging(HANGS), false),
  'text-before-json': failing(agent, judging("console.log('a line'); process.stdout.write(judged.stdout);")),
  'continue-false': failing(agent, judging('console.log(JSON.stringify({ continue: false }));')),
  'other-hook-denies': foreign(agent, DENIES),
});

/** A plugin with code in Claude Code's own process. */
const mod = (body: string): Pick<Session, 'files' | 'launch'> => ({
  files: {
    './mod/.claude-plugin/plugin.json': '{"name":"mod","version":"1.0.0","description":"x"}',
    './mod/hooks/hooks.json': '{"modules":["./mod.mjs"]}',
    './mod/hooks/mod.mjs': `export function register(on) { ${body} }\n`,
  },
  launch: { args: ['--plugin-dir', '$P/mod'] },
});

const OWN: Readonly<Record<AgentName, Record<string, Omit<Session, 'agent'>>>> = {
  'claude-code': {
    'deny-rule': {
      merge: { './.claude/settings.json': { permissions: { deny: ['Bash(touch $P/harmless:*)'] } } },
    },
    'default-mode': { launch: { mayRunAll: false, args: ['--allowedTools', 'Bash(touch $P/harmless:*)'] } },
    'invalid-input': {
      turns: [
        [{ tool: 'Bash', input: { command: 7 } }],
        [{ tool: 'NoSuchTool', input: {} }],
        [{ command: 'touch $P/harmless' }],
      ],
    },
    'auto-mode': { launch: { mayRunAll: false, args: ['--permission-mode', 'auto'] } },
    'mod-allows': mod("on('tool.check', () => ({ decision: 'allow' }))"),
    'mod-answers': mod("on('classic.PreToolUse', () => ({}))"),
    'other-hook-rewrites': {
      turns: [[HARMLESS], [HARMLESS]],
      ...foreign('claude-code', {
        hookSpecificOutput: {
          hookEventName: 'PreToolUse',
          permissionDecision: 'allow',
          updatedInput: { command: 'touch harmless forbidden' },
        },
      }),
    },
  },
  codex: {
    'untrusted-hook': { isApproved: false },
    'deny-rule': {
      files: { '~/.codex/rules/default.rules': 'prefix_rule(pattern = ["touch"], decision = "forbidden")\n' },
      turns: [[HARMLESS], [{ command: 'cat $P/read-later' }]],
    },
    sandboxed: { launch: { mayRunAll: false } },
  },
  'gemini-cli': {
    'deny-rule': {
      files: {
        '~/.gemini/policies/deny.toml':
          '[[rule]]\ntoolName = "run_shell_command"\ncommandPrefix = "touch"\ndecision = "deny"\npriority = 999\n',
      },
      turns: [[HARMLESS], [{ command: 'cat $P/read-later' }]],
    },
    'default-mode': { launch: { mayRunAll: false } },
  },
};

/** Scenarios that are not recorded, and why. */
export const NOT_RECORDED: Readonly<Record<string, string>> = {
  'gemini-cli/hook-timeout-closed':
    'Gemini CLI kills the shell of a hook at its time limit, and then waits until the processes that it started end',
};

const scenariosOf = (agent: AgentName): Scenario[] =>
  Object.entries({ ...common(agent), ...OWN[agent] })
    .map(([name, rest]) => ({
      turns: ONE_BY_ONE,
      ...rest,
      files: { ...FILES, ...rest.files },
      agent,
      name: `${agent}/${name}`,
    }))
    .filter(({ name }) => !Object.hasOwn(NOT_RECORDED, name));

/** Every scenario: what the clients of all agents can do, and what one alone can. */
export const SCENARIOS: readonly Scenario[] = [
  ...scenariosOf('claude-code'),
  ...scenariosOf('codex'),
  ...scenariosOf('gemini-cli'),
];
