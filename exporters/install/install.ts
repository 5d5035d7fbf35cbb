import { homedir } from 'node:os';
import { CommandError } from '#schemas/errors.js';
import { keepBackup, removeBackups } from './backups.js';
import { diff, replaceFile } from './change.js';
import { claudeCode } from './claude-code.js';
import type { Client, Places, Scope, Wanted } from './client.js';
import { codex } from './codex.js';
import { geminiCli } from './gemini-cli.js';
import { readFileText } from './reading.js';

/** Every agent there is a way to install for. */
export const CLIENTS: readonly Client[] = [claudeCode, codex, geminiCli];

/** The client of that name. */
export function clientNamed(name: string): Client {
  const client = CLIENTS.find((candidate) => candidate.name === name);
  if (client === undefined)
    throw new CommandError(`no agent ${name}; there are: ${CLIENTS.map((known) => known.name).join(', ')}`);
  return client;
}

/** The scope of that name, if the client has it; its first one when none is named. */
export function scopeOf(client: Client, name: string | undefined): Scope {
  const scope = name === undefined ? client.scopes[0] : client.scopes.find((candidate) => candidate === name);
  if (scope === undefined)
    throw new CommandError(`${client.name} has no ${name ?? ''} settings; there are: ${client.scopes.join(', ')}`);
  return scope;
}

export function placesHere(project: string, env: NodeJS.ProcessEnv): Places {
  return { project, home: env['HOME'] ?? homedir(), env, platform: process.platform };
}

/** A change of a settings file, not yet made. */
export interface Plan {
  readonly client: Client;
  readonly file: string;
  readonly before: string;
  readonly after: string;
  /** What changes, for a person; empty when nothing does. */
  readonly diff: readonly string[];
}

/** Plans the change. With `repair`, rewrites a file that its agent does not read as one that it reads. */
export function planInstall(
  client: Client,
  scope: Scope,
  places: Places,
  wanted: Wanted,
  { repair = false } = {},
): Plan {
  if (wanted.hook.type === 'http') {
    if (client.name !== 'claude-code') throw new CommandError(`${client.name} has no HTTP hooks`);
    if (scope === 'project')
      throw new CommandError(
        'an HTTP hook has a token in it, and project settings are shared: use --scope local or --scope user',
      );
  }
  const file = client.file(scope, places);
  const before = textOf(file);
  const planned = plan(client, file, before, client.install(file, repaired(client, before, repair), scope, wanted));
  // The proof by the strictest reading; `status` and `install` also ask the agent where it is there.
  const { kind, ...rest } = client.read({ kind: 'text', text: planned.after, encoding: 'utf-8' }, file);
  if (kind === 'read' && 'settings' in rest && client.find(rest.settings).length > 0) return planned;
  throw new CommandError(
    `${file}: ${'why' in rest ? rest.why : 'the hook is not found again'}; its agent would take nothing of the file, nothing was changed`,
  );
}

export function planUninstall(client: Client, scope: Scope, places: Places, { repair = false } = {}): Plan {
  const file = client.file(scope, places);
  const before = textOf(file);
  return plan(client, file, before, before === '' ? before : client.uninstall(file, repaired(client, before, repair)));
}

function repaired(client: Client, text: string, repair: boolean): string {
  return (repair ? client.repair(text) : undefined) ?? text;
}

function plan(client: Client, file: string, before: string, after: string): Plan {
  return { client, file, before, after, diff: before === after ? [] : diff(before, after) };
}

/** Text of a file that may be rewritten; empty when there is none. */
function textOf(file: string): string {
  const read = readFileText(file);
  if (read.kind === 'absent') return '';
  if (read.kind === 'unreadable') throw new CommandError(`${file} cannot be read: ${read.why}; nothing was changed`);
  if (read.encoding !== 'utf-8') throw new CommandError(`${file} is UTF-16: save it as UTF-8; nothing was changed`);
  return read.text;
}

/**
 * Makes the change, unless the file has changed meanwhile. What was there is kept in our own folder; the
 * backup's path, if there was something.
 */
export function applyPlan({ client, file, before, after }: Plan, env: NodeJS.ProcessEnv): string | undefined {
  if (textOf(file) !== before) throw new CommandError(`${file} was changed by another program just now; try again`);
  const backup = before === '' ? undefined : keepBackup(file, before, env);
  // Every user's agent reads managed settings.
  const isManaged =
    client.scopes.includes('managed') &&
    file === client.file('managed', { project: '', home: '', env, platform: process.platform });
  replaceFile(file, after, isManaged ? 0o644 : 0o600);
  return backup;
}

/** Takes the hook out, and with it the copies that were kept of the file; how many copies there were. */
export function applyUninstall(plan: Plan, env: NodeJS.ProcessEnv): number {
  if (plan.diff.length > 0) applyPlan(plan, env);
  return removeBackups(plan.file, env);
}
