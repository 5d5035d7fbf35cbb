import { homedir } from 'node:os';
import { CommandError } from '#schemas/errors.js';
import { diff, readText, replaceFile } from './change.js';
import { claudeCode } from './claude-code.js';
import { SCOPES, type Client, type Places, type Scope, type Wanted } from './client.js';
import { codex } from './codex.js';
import { geminiCli } from './gemini-cli.js';
import type { InstalledHook } from './hook-command.js';
import { probe } from './probe.js';

/** Every agent there is a way to install for. */
export const CLIENTS: readonly Client[] = [claudeCode, codex, geminiCli];

/** The client of that name. */
export function clientNamed(name: string): Client {
  const client = CLIENTS.find((candidate) => candidate.name === name);
  if (client === undefined) throw new CommandError(`no agent ${name}; there are: ${CLIENTS.map((known) => known.name).join(', ')}`);
  return client;
}

/** The scope of that name, if the client has it; its first one when none is named. */
export function scopeOf(client: Client, name: string | undefined): Scope {
  const scope = name === undefined ? client.scopes[0] : client.scopes.find((candidate) => candidate === name);
  if (scope === undefined) throw new CommandError(`${client.name} has no ${name ?? ''} settings; there are: ${client.scopes.join(', ')}`);
  return scope;
}

export function placesHere(project: string, env: NodeJS.ProcessEnv): Places {
  return { project, home: env['HOME'] ?? homedir(), env, platform: process.platform };
}

/** A change of a settings file, not yet made. */
export interface Plan {
  readonly file: string;
  readonly before: string;
  readonly after: string;
  /** What changes, for a person; empty when nothing does. */
  readonly diff: readonly string[];
}

export function planInstall(client: Client, scope: Scope, places: Places, wanted: Wanted): Plan {
  if (wanted.hook.type === 'http') {
    if (client.name !== 'claude-code') throw new CommandError(`${client.name} has no HTTP hooks`);
    if (scope === 'project') throw new CommandError('an HTTP hook has a token in it, and project settings are shared: use --scope local or --scope user');
  }
  const file = client.file(scope, places);
  const before = readText(file);
  return plan(file, before, client.install(file, before, scope, wanted));
}

export function planUninstall(client: Client, scope: Scope, places: Places): Plan {
  const file = client.file(scope, places);
  const before = readText(file);
  return plan(file, before, before === '' || client.find(file, before) === undefined ? before : client.uninstall(file, before));
}

function plan(file: string, before: string, after: string): Plan {
  return { file, before, after, diff: before === after ? [] : diff(before, after) };
}

/** Makes the change, unless somebody else has changed the file meanwhile. The backup's path, if there is one. */
export function carryOut({ file, before, after }: Plan): string | undefined {
  if (readText(file) !== before) throw new CommandError(`${file} has just been changed by somebody else; try again`);
  return replaceFile(file, after);
}

/** How it stands with one settings file. */
export interface HookStatus {
  readonly client: string;
  readonly scope: Scope;
  readonly file: string;
  readonly hook: InstalledHook | undefined;
  /** Undefined when the installed hook gave both verdicts as it should. */
  readonly problem: string | undefined;
  /** Why the agent would not call it, as far as settings show. */
  readonly obstacles: readonly string[];
}

/** Every settings file that could hold a hook of ours, those that hold one tried out. */
export async function hookStatus(places: Places): Promise<HookStatus[]> {
  const found: HookStatus[] = [];
  for (const client of CLIENTS) {
    const texts = new Map(client.scopes.map((scope) => [scope, { file: client.file(scope, places), text: readText(client.file(scope, places)) }] as const));
    for (const [scope, { file, text }] of texts) {
      const hook = text === '' ? undefined : client.find(file, text);
      const problem = hook === undefined ? undefined : await probe(hook, client.event);
      found.push({ client: client.name, scope, file, hook, problem, obstacles: hook === undefined ? [] : client.obstacles(texts, scope) });
    }
  }
  return found.sort((a, b) => SCOPES.indexOf(a.scope) - SCOPES.indexOf(b.scope));
}
