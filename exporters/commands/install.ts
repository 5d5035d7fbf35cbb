import { createInterface } from 'node:readline/promises';
import { Option, type Command } from 'commander';
import { CommandError } from '#schemas/errors.js';
import { hookToken } from '../agent/hook-token.js';
import { namedPolicyMode, POLICY_MODES } from '../hook/policy-mode.js';
import type { Client, Places, Scope } from '../install/client.js';
import type { Plan } from '../install/install.js';
import { resolveUrl } from '../otlp/connection.js';
import { repositoryName } from '../repository/repository-name.js';
import { writeStderr, say } from './output.js';
import { portOf } from './port.js';
import { environment } from '../environment.js';

interface TargetOptions {
  scope?: string;
  dir: string;
  yes?: true;
  dryRun?: true;
  repair?: true;
  /** Former name of `repair`. */
  mend?: true;
}

interface InstallOptions extends TargetOptions {
  http?: true;
  acceptHttpRisk?: true;
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
    .option(
      '--accept-http-risk',
      'with --http: you accept that the agent cannot verify which process answers on that port',
    )
    .option('--port <port>', 'of that agent (SHIELDWATCH_AGENT_PORT, default 4327)')
    .option('--on-failure <what>', 'Claude Code: block or continue when the hook itself fails', 'block')
    .option('--policy-mode <mode>', 'strict, exact or compat')
    .option(
      '--command <command>',
      'start the hook by this command, e.g. in settings that a team shares: "npx shieldwatch hook || { echo blocked >&2; exit 2; }"',
    )
    .option('--telemetry', "set or print what sends the agent's own telemetry to the gateway as well")
    .option('--url <url>', 'gateway for --telemetry (SHIELDWATCH_URL, default http://127.0.0.1:4000)')
    .action(install);
  withTarget(program.command('uninstall')).description("take the hook out of an agent's settings").action(uninstall);
  program
    .command('status')
    .description('show which agents call the hook, whether it judges correctly, and the state of the spool')
    .option('--dir <dir>', 'project folder', '.')
    .action(status);
}

function withTarget(command: Command): Command {
  return command
    .argument('<agent>', AGENTS)
    .option(
      '--scope <scope>',
      'project, local, user or managed (Claude Code); user (Codex); project, user (Gemini CLI). Default: the first',
    )
    .option('--dir <dir>', 'project folder', '.')
    .option('--yes', 'do not ask')
    .option('--dry-run', 'show the change, make none')
    .option(
      '--repair',
      'rewrite a file that its agent does not read (comments, trailing commas, duplicate keys) as one that it reads',
    )
    .addOption(new Option('--mend', 'former name of --repair').hideHelp());
}

function isRepairing({ repair, mend }: TargetOptions): boolean {
  return repair ?? mend ?? false;
}

async function install(name: string, options: InstallOptions): Promise<void> {
  const { clientNamed, placesHere, planInstall, scopeOf } = await import('../install/install.js');
  const { fixedValues, hookCommand, hookUrl } = await import('../install/hook-command.js');
  const client = clientNamed(name);
  const scope = scopeOf(client, options.scope);
  if (options.onFailure !== 'block' && options.onFailure !== 'continue')
    throw new CommandError('--on-failure: expected block or continue');
  const mode = options.policyMode === undefined ? undefined : namedPolicyMode(options.policyMode);
  if (options.policyMode !== undefined && mode === undefined)
    throw new CommandError(`--policy-mode: expected ${POLICY_MODES.join(', ')}`);
  if (options.command !== undefined) checkCommand(options.command);
  if (options.http) await acceptHttp(options);
  const hook = options.http
    ? ({ type: 'http', url: hookUrl(portOf(options.port, environment)), token: hookToken(environment) } as const)
    : ({
        type: 'command',
        command:
          options.command ??
          hookCommand({
            mode,
            onFailure: options.onFailure,
            fixed: fixedValues(environment, scope === 'managed'),
          }),
      } as const);
  const wanted = {
    hook,
    onFailure: options.onFailure,
    telemetryUrl: options.telemetry ? resolveUrl(options.url, environment) : undefined,
    repository: repositoryName([options.dir], environment),
  } as const;
  const places = placesHere(options.dir, environment);
  const plan = planInstall(client, scope, places, wanted, { repair: isRepairing(options) });
  const isDone = await offerInstall(plan, options);
  for (const note of client.notes(scope, wanted)) say(note);
  if (!isDone) return;
  if (hook.type === 'command') (await import('../install/code-cache.js')).writeCodeCache();
  await verifyInstalled(client, scope, places);
}

/** Says what `status` would say of the hook that was just installed, and of our hooks in other scopes. */
async function verifyInstalled(client: Client, scope: Scope, places: Places): Promise<void> {
  const { AWAITS_APPROVAL } = await import('../install/switches.js');
  const { clientStatus } = await import('../install/status.js');
  const { hooks, files, notes } = await clientStatus(client, places);
  const installed = hooks.find((hook) => hook.scope === scope && hook.file === client.file(scope, places));
  for (const line of [...files, ...notes]) say(line);
  const problems = installed?.problems.filter((problem) => !AWAITS_APPROVAL.has(problem)) ?? ['it is not found again'];
  for (const problem of installed?.problems ?? []) if (AWAITS_APPROVAL.has(problem)) say(problem);
  if (problems.length === 0) say('tried out: it blocks what a policy forbids and lets the rest pass');
  for (const problem of problems) writeStderr(`the installed hook does not guard: ${problem}`);
  if (problems.length > 0) process.exitCode = 1;
}

/** A command is found again by our mark, and starts what its full paths name. */
function checkCommand(command: string): void {
  if (!/shieldwatch[- ]hook\b/.test(command))
    throw new CommandError(
      '--command does not hold `shieldwatch hook` or `shieldwatch-hook`, by which it would be found again',
    );
  const program = command.replace(/^(?:\w+=\S*\s+)*(?:exec\s+)?/, '');
  if (!/^["']?(?:\/|[A-Za-z]:[\\/])/.test(program))
    throw new CommandError(
      '--command does not begin with a full path: a name is looked up in PATH, or by npx in node_modules of the project, where the agent may put a program of its own',
    );
}

async function acceptHttp({ acceptHttpRisk, dryRun }: InstallOptions): Promise<void> {
  if (acceptHttpRisk || dryRun) return;
  const risk =
    'Nobody proves to the agent who answers an HTTP hook: while `shieldwatch agent` is down any user of this machine may take its port, read the calls and the token, and let everything run.';
  if (!process.stdin.isTTY)
    throw new CommandError(`${risk} Say --accept-http-risk if that is wanted; nothing was changed`);
  say(risk);
  if (!(await confirmed('Install the HTTP hook all the same?'))) throw new CommandError('nothing was changed');
}

async function uninstall(name: string, options: TargetOptions): Promise<void> {
  const { applyUninstall, clientNamed, placesHere, planUninstall, scopeOf } = await import('../install/install.js');
  const client = clientNamed(name);
  const plan = planUninstall(client, scopeOf(client, options.scope), placesHere(options.dir, environment), {
    repair: isRepairing(options),
  });
  if (!(await confirmChange(plan, options, 'no Shieldwatch hook in it'))) return;
  const backups = applyUninstall(plan, environment);
  if (plan.diff.length > 0) say('written');
  if (backups > 0) say(`${String(backups)} copies of the file, kept since it was first changed, are removed`);
}

/** Shows the change and makes it if that is wanted. True when the file is then as planned. */
async function offerInstall(plan: Plan, options: TargetOptions): Promise<boolean> {
  if (!(await confirmChange(plan, options, 'it is installed already'))) return false;
  if (plan.diff.length === 0) return true;
  const { applyPlan } = await import('../install/install.js');
  const backup = applyPlan(plan, environment);
  say(backup === undefined ? 'written' : `written; what was there before is in ${backup}, until uninstall`);
  return true;
}

/** Shows the change and asks for consent. */
async function confirmChange(plan: Plan, { yes, dryRun }: TargetOptions, nothing: string): Promise<boolean> {
  if (plan.diff.length === 0) {
    say(`${plan.file}: ${nothing}`);
    return !dryRun;
  }
  say(`${plan.file}:`);
  for (const line of plan.diff) say(line);
  if (dryRun) return false;
  if (yes || (await confirmed('Make this change?'))) return true;
  writeStderr('nothing was changed');
  process.exitCode = 1;
  return false;
}

async function confirmed(question: string): Promise<boolean> {
  if (!process.stdin.isTTY) throw new CommandError('nothing was changed: there is no terminal to ask on; say --yes');
  const terminal = createInterface({ input: process.stdin, output: process.stdout });
  try {
    return /^y(es)?$/i.test((await terminal.question(`${question} [y/N] `)).trim());
  } finally {
    terminal.close();
  }
}

/** Exit code 1 when calls run that an installed hook should have judged, or a file that may say so cannot be read. */
async function status({ dir }: { dir: string }): Promise<void> {
  const { placesHere } = await import('../install/install.js');
  const { clientStatuses } = await import('../install/status.js');
  const { spoolStatus } = await import('../ship/spool-status.js');
  const { spoolFolder } = await import('../spool/location.js');
  const statuses = await clientStatuses(placesHere(dir, environment));
  if (statuses.every(({ hooks }) => hooks.length === 0)) say('no agent calls the hook: `shieldwatch install <agent>`');
  for (const { client, hooks, files, lastCall, notes } of statuses) {
    for (const { scope, file, hook, problems } of hooks) {
      say(
        `${client} (${scope}, ${hook.type} hook): ${problems.length === 0 ? 'judges as it should' : 'DOES NOT GUARD'}; ${file}`,
      );
      for (const problem of problems) say(`  but: ${problem}`);
    }
    for (const line of files) say(`${client}: ${line}`);
    if (hooks.length > 0) say(`${client}: last called here ${lastCall ?? 'never, as far as the spool goes back'}`);
    for (const note of notes) say(`${client}: ${note}`);
    if (files.length > 0 || hooks.some(({ problems }) => problems.length > 0)) process.exitCode = 1;
  }
  const { segments, bytes, unsentBytes, lost } = await spoolStatus(spoolFolder(environment));
  say(
    `spool: ${String(segments)} segments, ${String(bytes)} bytes, ${String(unsentBytes)} of them not sent yet${lost > 0 ? `; ${String(lost)} decisions could not be written` : ''}`,
  );
}
