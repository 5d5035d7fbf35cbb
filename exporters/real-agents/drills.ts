import { readdirSync } from 'node:fs';
import { existsSync } from 'node:fs';
import type { DrillResult } from '#schemas/records/drill.js';
import { hookFile } from '../install/hook-command.js';
import { CLI, inSession, type Session } from './cell.js';
import { AGENTS, type AgentName } from './drivers.js';
import { failing, HANGS, judging } from './outcomes/scenarios.js';
import type { Workplace } from './workplace.js';

/** A person's machine in a state that `shieldwatch drill --live` has to name. */
export interface DrillScenario extends Omit<Session, 'turns'> {
  readonly name: string;
  readonly result: DrillResult;
}

/** What the command printed with `--json`. */
export interface DrillReport {
  readonly ok: boolean;
  readonly clients: readonly {
    readonly client: string;
    readonly result: string;
    readonly detail: string;
    readonly cure?: string;
    readonly version?: string;
  }[];
}

/** A wrapper that starts our hook in another folder: it finds no policy there. */
const ELSEWHERE = `const input = JSON.stringify({ ...JSON.parse(require('node:fs').readFileSync(0)), cwd: '/' });
const { CLAUDE_PROJECT_DIR, ...env } = process.env;
const judged = require('node:child_process').spawnSync(process.execPath, [${JSON.stringify(hookFile())}, ...process.argv.slice(2)], { input, env, cwd: '/' });
process.exitCode = judged.status;
`;

const TRUSTED = { '~/.claude.json': { projects: { $P: { hasTrustDialogAccepted: true } } } };

const OWN: Readonly<Record<AgentName, Readonly<Record<string, Omit<DrillScenario, 'agent' | 'name'>>>>> = {
  'claude-code': {
    'project scope, trusted': { scope: 'project', files: {}, merge: TRUSTED, result: 'proved' },
    'project scope, not trusted': { scope: 'project', result: 'client_failed' },
    'hooks disabled in the project': {
      merge: { ...TRUSTED, './.claude/settings.local.json': { disableAllHooks: true } },
      result: 'hook_failed',
    },
  },
  codex: { 'hook not approved': { isApproved: false, result: 'hook_failed' } },
  'gemini-cli': {
    'project scope': { scope: 'project', result: 'proved' },
    'folder not trusted': {
      merge: { '~/.gemini/trustedFolders.json': { $P: 'DO_NOT_TRUST' } },
      result: 'client_failed',
    },
  },
};

const common = (agent: AgentName): Readonly<Record<string, Omit<DrillScenario, 'agent' | 'name'>>> => ({
  proved: { result: 'proved' },
  'hook removed': { scope: 'none', result: 'no_hook' },
  'hook exits with 1': { ...failing(agent, 'process.exit(1);'), result: 'hook_failed' },
  'hook exits with 1, blocking': { ...failing(agent, 'process.exit(1);', false), result: 'hook_failed' },
  'hook hangs': { ...failing(agent, HANGS), result: 'hook_failed' },
  'hook prints text before the JSON': {
    ...failing(agent, judging("console.log('a line'); process.stdout.write(judged.stdout);")),
    result: 'failed_open',
  },
  'policy allows': { ...failing(agent, ELSEWHERE), result: 'policy_allowed' },
});

/** Every scenario of every agent. */
export const DRILL_SCENARIOS: readonly DrillScenario[] = AGENTS.flatMap((agent) =>
  Object.entries({ ...common(agent), ...OWN[agent] }).map(([name, rest]) => ({
    ...rest,
    agent,
    name: `${agent}: ${name}`,
  })),
);

/** Runs `shieldwatch drill --live` in a scenario, with the clients in `folder`, and calls `look` before it is removed. */
export function drillIn(
  scenario: Omit<DrillScenario, 'name' | 'result'>,
  folder: string,
  env: Readonly<Record<string, string>> = {},
  look: (workplace: Workplace, output: string) => void = () => undefined,
): Promise<DrillReport & { readonly code: number | null }> {
  return inSession(scenario, folder, async ({ workplace }) => {
    const args = [CLI, 'drill', '--live', '--json', '--client', scenario.agent, '--dir', workplace.project];
    const { code, stdout, output } = await workplace.run(process.execPath, args, env);
    look(workplace, output);
    return { ...(JSON.parse(stdout) as DrillReport), code };
  });
}

/** Returns what a drill left behind: plans, decisions of the hook, temporary folders. */
export function leftBehind(workplace: Workplace): string[] {
  const names = (path: string): string[] => (existsSync(path) ? readdirSync(path) : []);
  return [
    ...names(workplace.path('~/.shieldwatch/drills')),
    ...names(workplace.spool),
    ...names(workplace.path('~/tmp')).filter((name) => name.startsWith('shieldwatch-')),
  ];
}
