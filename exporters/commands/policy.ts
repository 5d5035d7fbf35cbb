import { resolve } from 'node:path';
import { createInterface } from 'node:readline/promises';
import type { Command } from 'commander';
import { CommandError } from '#schemas/errors.js';
import { shieldwatchFolder } from '../spool/location.js';
import { say } from './output.js';
import { environment } from '../environment.js';

/** Variables that agents set for their child processes. */
const OF_AGENTS =
  /^(?:CLAUDECODE|CLAUDE_CODE_(?:SESSION_ID|CHILD_SESSION|ENTRYPOINT)|CLAUDE_PID|AI_AGENT|GEMINI_CLI|GEMINI_SESSION_ID|CODEX_(?:SANDBOX.*|THREAD_ID|CI))$/;

/** Registers `policy accept`. */
export function registerPolicy(program: Command): void {
  program
    .command('policy')
    .description('copies of the runtime policy that running sessions use')
    .command('accept')
    .description('apply the current policy files to running sessions; needs a person at a terminal')
    .option('--dir <dir>', 'project folder', '.')
    .action(accept);
}

async function accept({ dir }: { dir: string }): Promise<void> {
  refuseAgents(environment);
  const { changedSessions, acceptPolicies } = await import('../hook/session-accept.js');
  const folder = shieldwatchFolder(environment);
  const changes = changedSessions(folder, resolve(dir));
  if (changes.length === 0) {
    say('no session uses a policy other than the current files');
    return;
  }
  for (const { session, path, what } of changes) say(`session ${session}: ${path} ${what}`);
  const terminal = createInterface({ input: process.stdin, output: process.stdout });
  try {
    if (!/^y(es)?$/i.test((await terminal.question('Apply the current files to these sessions? [y/N]')).trim()))
      throw new CommandError('nothing was changed');
  } finally {
    terminal.close();
  }
  say(`the current files now apply to ${String(acceptPolicies(folder, resolve(dir)))} sessions`);
}

/** @throws CommandError unless a person can be asked. */
export function refuseAgents(env: NodeJS.ProcessEnv, isTerminal = process.stdin.isTTY && process.stdout.isTTY): void {
  const name = Object.keys(env).find((it) => OF_AGENTS.test(it));
  if (name !== undefined)
    throw new CommandError(
      `an agent started this command (${name} is set): only a person may accept a policy, in a terminal outside of the agent`,
    );
  if (!isTerminal) throw new CommandError('no terminal to ask on: only a person may accept a policy');
}
