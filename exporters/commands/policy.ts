import { resolve } from 'node:path';
import { createInterface } from 'node:readline/promises';
import type { Command } from 'commander';
import { CommandError } from '#schemas/errors.js';
import { shieldwatchFolder } from '../spool/location.js';
import { say } from './output.js';

/** Variables that agents set for what they start. */
const OF_AGENTS =
  /^(?:CLAUDECODE|CLAUDE_CODE_(?:SESSION_ID|CHILD_SESSION|ENTRYPOINT)|CLAUDE_PID|AI_AGENT|GEMINI_CLI|GEMINI_SESSION_ID|CODEX_(?:SANDBOX.*|THREAD_ID|CI))$/;

/** Adds `policy accept`. */
export function registerPolicy(program: Command): void {
  program
    .command('policy')
    .description('the copies of the runtime policy that running sessions are held to')
    .command('accept')
    .description('hold running sessions to the policy as it is now: a person says so, in a terminal')
    .option('--dir <dir>', 'project folder', '.')
    .action(accept);
}

async function accept({ dir }: { dir: string }): Promise<void> {
  refuseAgents(process.env);
  const { changedSessions, acceptPolicies } = await import('../hook/session-accept.js');
  const folder = shieldwatchFolder(process.env);
  const changes = changedSessions(folder, resolve(dir));
  if (changes.length === 0) {
    say('no session is held to another policy than the files have');
    return;
  }
  for (const { session, path, what } of changes) say(`session ${session}: ${path} ${what}`);
  const terminal = createInterface({ input: process.stdin, output: process.stdout });
  try {
    if (!/^y(es)?$/i.test((await terminal.question('Hold these sessions to the files as they are now? [y/N] ')).trim()))
      throw new CommandError('nothing was changed');
  } finally {
    terminal.close();
  }
  say(`${String(acceptPolicies(folder, resolve(dir)))} sessions are held to the files as they are now`);
}

/** @throws CommandError unless a person can be asked. */
export function refuseAgents(env: NodeJS.ProcessEnv, isTerminal = process.stdin.isTTY && process.stdout.isTTY): void {
  const name = Object.keys(env).find((it) => OF_AGENTS.test(it));
  if (name !== undefined)
    throw new CommandError(
      `this was started by an agent (${name} is set): only a person lifts a policy, in a terminal of their own`,
    );
  if (!isTerminal) throw new CommandError('there is no terminal to ask on: only a person lifts a policy');
}
