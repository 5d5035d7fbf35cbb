import { createInterface } from 'node:readline/promises';
import type { Command } from 'commander';
import { CommandError } from '#schemas/errors.js';
import { hookToken } from '../agent/hook-token.js';
import { POLICY_MODES } from '../hook/policy-mode.js';
import type { Plan } from '../install/install.js';
import { resolveUrl } from '../otlp/connection.js';
import { repositoryName } from '../repository/repository-name.js';
import { complain, say } from './output.js';
import { portOf } from './port.js';

interface TargetOptions {
  scope?: string;
  dir: string;
  yes?: true;
  dryRun?: true;
}

interface InstallOptions extends TargetOptions {
  http?: true;
  port?: string;
  onFailure: string;
  policyMode?: string;
  command?: string;
  telemetry?: true;
  url?: string;
}

const AGENTS = 'claude-code, codex or gemini-cli';

/** Adds `install`, `uninstall` and `status`. */
export function registerInstall(program: Command): void {
  withTarget(program.command('install'))
    .description("put the hook into an agent's settings: shows the change, keeps a backup, tries the hook out")
    .option('--http', 'Claude Code: ask a running `shieldwatch agent` over HTTP instead of starting a process a call')
    .option('--port <port>', 'of that agent (SHIELDWATCH_AGENT_PORT, default 4327)')
    .option('--on-failure <what>', 'Claude Code: block or continue when the hook itself fails', 'block')
    .option('--policy-mode <mode>', 'safe, mended or stock')
    .option('--command <command>', 'start the hook by this command, e.g. in settings that a team shares: "npx shieldwatch hook || { echo blocked >&2; exit 2; }"')
    .option('--telemetry', "set or print what sends the agent's own telemetry to the gateway as well")
    .option('--url <url>', 'gateway for --telemetry (SHIELDWATCH_URL, default http://127.0.0.1:4000)')
    .action(install);
  withTarget(program.command('uninstall')).description("take the hook out of an agent's settings").action(uninstall);
  program
    .command('status')
    .description('which agents call the hook, whether it judges as it should, and how the spool stands')
    .option('--dir <dir>', 'project folder', '.')
    .action(status);
}

function withTarget(command: Command): Command {
  return command
    .argument('<agent>', AGENTS)
    .option('--scope <scope>', 'project, local, user or managed (Claude Code); user (Codex); project, user (Gemini CLI). Default: the first')
    .option('--dir <dir>', 'project folder', '.')
    .option('--yes', 'do not ask')
    .option('--dry-run', 'show the change, make none');
}

async function install(name: string, options: InstallOptions): Promise<void> {
  const { clientNamed, placesHere, planInstall, scopeOf } = await import('../install/install.js');
  const { fixedValues, hookCommand, hookUrl, isOurs } = await import('../install/hook-command.js');
  const { probe } = await import('../install/probe.js');
  const client = clientNamed(name);
  const scope = scopeOf(client, options.scope);
  if (options.onFailure !== 'block' && options.onFailure !== 'continue') throw new CommandError('--on-failure is block or continue');
  if (options.policyMode !== undefined && !POLICY_MODES.some((mode) => mode === options.policyMode)) throw new CommandError(`--policy-mode is none of ${POLICY_MODES.join(', ')}`);
  if (options.command !== undefined && !isOurs(options.command)) throw new CommandError('--command does not hold `shieldwatch hook` or `shieldwatch-hook`, by which it would be found again');
  const hook = options.http
    ? ({ type: 'http', url: hookUrl(portOf(options.port, process.env)), token: hookToken(process.env) } as const)
    : ({ type: 'command', command: options.command ?? hookCommand({ mode: options.policyMode, onFailure: options.onFailure, fixed: fixedValues(process.env, scope === 'managed') }) } as const);
  const wanted = {
    hook,
    onFailure: options.onFailure,
    telemetryUrl: options.telemetry ? resolveUrl(options.url, process.env) : undefined,
    repository: repositoryName([options.dir], process.env),
  } as const;
  const plan = planInstall(client, scope, placesHere(options.dir, process.env), wanted);
  const isDone = await offer(plan, options, 'it is installed already');
  for (const note of client.notes(scope, wanted)) say(note);
  if (!isDone) return;
  if (hook.type === 'command') (await import('../install/code-cache.js')).writeCodeCache();
  const problem = await probe(hook, client.event);
  if (problem === undefined) say('tried out: it blocks what a policy forbids and lets the rest pass');
  else {
    complain(`the installed hook does not work: ${problem}`);
    process.exitCode = 1;
  }
}

async function uninstall(name: string, options: TargetOptions): Promise<void> {
  const { clientNamed, placesHere, planUninstall, scopeOf } = await import('../install/install.js');
  const client = clientNamed(name);
  const plan = planUninstall(client, scopeOf(client, options.scope), placesHere(options.dir, process.env));
  await offer(plan, options, 'there is no hook of ours in it');
}

/** Shows the change and makes it if that is wanted. True when the file is then as planned. */
async function offer(plan: Plan, { yes, dryRun }: TargetOptions, nothing: string): Promise<boolean> {
  const { carryOut } = await import('../install/install.js');
  if (plan.diff.length === 0) {
    say(`${plan.file}: ${nothing}`);
    return true;
  }
  say(`${plan.file}:`);
  for (const line of plan.diff) say(line);
  if (dryRun) return false;
  if (!yes && !(await confirmed())) {
    complain('nothing was changed');
    process.exitCode = 1;
    return false;
  }
  const backup = carryOut(plan);
  say(backup === undefined ? 'written' : `written; what was there before is in ${backup}`);
  return true;
}

async function confirmed(): Promise<boolean> {
  if (!process.stdin.isTTY) throw new CommandError('nothing was changed: there is no terminal to ask on; say --yes');
  const terminal = createInterface({ input: process.stdin, output: process.stdout });
  try {
    return /^y(es)?$/i.test((await terminal.question('Make this change? [y/N] ')).trim());
  } finally {
    terminal.close();
  }
}

/** Exit code 1 when a hook that is installed does not judge as it should. */
async function status({ dir }: { dir: string }): Promise<void> {
  const { hookStatus, placesHere } = await import('../install/install.js');
  const { spoolStatus } = await import('../ship/spool-status.js');
  const { spoolFolder } = await import('../spool/location.js');
  const hooks = (await hookStatus(placesHere(dir, process.env))).filter(({ hook }) => hook !== undefined);
  if (hooks.length === 0) say('no agent calls the hook: `shieldwatch install <agent>`');
  for (const { client, scope, file, hook, problem, obstacles } of hooks) {
    say(`${client} (${scope}, ${hook?.type ?? ''} hook): ${problem === undefined ? 'judges as it should' : `DOES NOT WORK: ${problem}`}; ${file}`);
    for (const obstacle of obstacles) say(`  but: ${obstacle}`);
    if (problem !== undefined) process.exitCode = 1;
  }
  const { segments, bytes, unsentBytes, lost } = await spoolStatus(spoolFolder(process.env));
  say(`spool: ${String(segments)} segments, ${String(bytes)} bytes, ${String(unsentBytes)} of them not sent yet${lost > 0 ? `; ${String(lost)} decisions could not be written` : ''}`);
}
