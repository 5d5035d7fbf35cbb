import { statSync } from 'node:fs';
import { resolve } from 'node:path';
import { repositoryName } from '../repository/repository-name.js';
import { spoolFolder } from '../spool/location.js';
import { askClient, type Answer } from './ask-client.js';
import type { Client, InstalledEntry, Places } from './client.js';
import { UNTRUSTED } from './codex-switches.js';
import { harmfulHere } from './environment-names.js';
import { lastOf, lastToolUse, overruledCalls, recordedCalls, type RecordedCall } from './evidence.js';
import { isOurs, type InstalledHook } from './hook-command.js';
import { CLIENTS } from './install.js';
import { probe } from './probe.js';
import type { SettingsFile } from './client.js';
import { readFileText } from './reading.js';
import { SWITCHES } from './switches.js';

/** Status of our hook in one settings file. */
export interface HookStatus {
  readonly scope: InstalledEntry['scope'];
  readonly file: string;
  readonly hook: InstalledHook;
  /** Why calls run unjudged; empty if no reason is known. */
  readonly problems: readonly string[];
}

/** Status of one agent. */
export interface ClientStatus {
  readonly client: Client['name'];
  readonly hooks: readonly HookStatus[];
  /** Files that the agent does not read as written, and the consequence. */
  readonly files: readonly string[];
  /** When the hook was last called for this repository: ISO 8601. */
  readonly lastCall: string | undefined;
  readonly notes: readonly string[];
}

/** Returns for every agent whether our hook is in its settings, is called, judges, and was called. */
export async function clientStatuses(places: Places): Promise<ClientStatus[]> {
  const statuses: ClientStatus[] = [];
  for (const client of CLIENTS) statuses.push(await clientStatus(client, places));
  return statuses;
}

export async function clientStatus(client: Client, places: Places): Promise<ClientStatus> {
  const texts = client.files(places).map(({ scope, file }) => ({ scope, file, text: readFileText(file) }));
  const files: SettingsFile[] = texts.map(({ scope, file, text }) => ({
    scope,
    file,
    reading: client.read(text, file),
  }));
  const installed = files.flatMap(({ scope, file, reading }) =>
    reading.kind === 'read' ? client.find(reading.settings).map((found) => ({ ...found, scope, file })) : [],
  );
  const holds = (file: string): boolean =>
    texts.some((other) => other.file === file && other.text.kind === 'text' && isOurs(other.text.text));
  const lost = files.flatMap(({ file, reading }) => problemOf(client, file, reading, holds(file)));
  const isUsed = installed.length > 0 || files.some(({ file }) => holds(file));
  const answer: Answer = isUsed ? await askClient(client.name, places) : { kind: 'silent' };
  const byFile = new Map<string, InstalledEntry[]>();
  for (const entry of installed) byFile.set(entry.file, [...(byFile.get(entry.file) ?? []), entry]);
  const calls = isUsed
    ? recordedCalls(spoolOf(installed, places.env)).filter(({ agent }) => agent === client.name)
    : [];
  const repository = fixedValue(installed, '--repository') ?? repositoryName([places.project], places.env);
  const lastCall = lastOf(calls.filter((call) => call.repository === repository));
  const hooks: HookStatus[] = [];
  for (const entries of byFile.values()) {
    const status = await hookStatus(client, entries, { places, files, answer });
    const unseen = status.problems.length > 0 ? [] : notCalledSince(client, status.file, lastCall, calls, places);
    hooks.push({
      ...status,
      problems: [...status.problems, ...unseen, ...overruled(client, status.file, calls, places)],
    });
  }
  return {
    client: client.name,
    hooks,
    files: lost,
    lastCall,
    notes: isUsed ? notesOf(client, installed, { places, files, answer }) : [],
  };
}

function problemOf(client: Client, file: string, reading: SettingsFile['reading'], holdsHook: boolean): string[] {
  if (reading.kind === 'absent' || reading.kind === 'read') return [];
  if (reading.kind === 'unreadable') return [`${file} cannot be read: ${reading.why}; what it says is not known`];
  const what =
    reading.kind === 'refused'
      ? `${client.name} does not start with it`
      : `${client.name} drops the whole file in silence`;
  return [`${file}: ${reading.why}; ${what}${holdsHook ? ', and our hook in it' : ''}`];
}

interface Known {
  readonly places: Places;
  readonly files: readonly SettingsFile[];
  readonly answer: Answer;
}

/** Returns the status of the entries of one file. */
async function hookStatus(
  client: Client,
  entries: readonly InstalledEntry[],
  { places, files, answer }: Known,
): Promise<HookStatus> {
  const [first] = entries;
  if (first === undefined) throw new Error('a file without a hook has no status');
  const problems = new Set<string>();
  for (const installed of entries) {
    for (const { find } of SWITCHES[client.name])
      for (const line of find({ places, files, installed, textOf: readFileText })) problems.add(line);
    for (const name of harmfulHere(installed.hook, places.env))
      problems.add(`${name} is set in this environment: it changes what runs in the place of the hook`);
    for (const line of saidByClient(installed, answer)) problems.add(line);
  }
  for (const event of client.events) {
    if (!entries.some((entry) => entry.event === event))
      problems.add(
        `no Shieldwatch hook under ${event} in ${first.file}: run \`shieldwatch install ${client.name} --scope ${first.scope}\` again`,
      );
  }
  const problem = await probe(first.hook, first.event);
  if (problem !== undefined) problems.add(problem);
  return { scope: first.scope, file: first.file, hook: first.hook, problems: [...problems] };
}

function saidByClient({ file, hook }: InstalledEntry, answer: Answer): string[] {
  if (answer.kind === 'claude-code')
    return answer.invalid
      .filter((invalid) => resolve(invalid.file) === resolve(file))
      .map(({ problem }) => `Claude Code ${answer.version} says of ${file}: ${problem}`);
  if (answer.kind !== 'codex') return [];
  if (answer.errors.length > 0) return answer.errors.map((error) => `Codex says: ${error}`);
  const listed = answer.hooks.find(
    ({ command, sourcePath }) => hook.type === 'command' && command === hook.command && sourcePath === file,
  );
  if (listed === undefined) return ['Codex does not list it among its hooks: it is not called'];
  if (!listed.enabled) return ['Codex says that it is disabled: it is not called'];
  return listed.isManaged || listed.trustStatus === 'trusted' ? [] : [UNTRUSTED];
}

const changedAt = (file: string): string => statSync(file, { throwIfNoEntry: false })?.mtime.toISOString() ?? '';

function notCalledSince(
  client: Client,
  file: string,
  lastCall: string | undefined,
  calls: readonly RecordedCall[],
  places: Places,
): string[] {
  const since = [lastCall ?? '', changedAt(file)].sort().at(-1) ?? '';
  const used = lastToolUse(client.name, places, since, calls);
  return used === undefined
    ? []
    : [`it was not called since ${lastCall ?? 'it was installed'}, and ${client.name} used a tool here at ${used}`];
}

function overruled(client: Client, file: string, calls: readonly RecordedCall[], places: Places): string[] {
  const times = overruledCalls(client.name, places, changedAt(file), calls).sort();
  const last = times.at(-1);
  return last === undefined
    ? []
    : [
        `it denied ${String(times.length)} of the newest calls that ${client.name} ran all the same, the last at ${last}: something overruled it, such as a mod of a plugin; managed settings keep mods from that`,
      ];
}

function notesOf(client: Client, installed: readonly InstalledEntry[], { places, files, answer }: Known): string[] {
  const commands = new Set(installed.map(({ hook }) => (hook.type === 'command' ? hook.command : hook.url)));
  const scopes = [...new Set(installed.map(({ file }) => file))];
  const isOld = answer.kind === 'claude-code' && isBefore(answer.version, [2, 1, 332]);
  const beside = installed.flatMap((entry) =>
    SWITCHES[client.name].flatMap(
      ({ note }) => note?.({ places, files, installed: entry, textOf: readFileText }) ?? [],
    ),
  );
  return [
    ...new Set(beside),
    ...(commands.size > 1
      ? [`different Shieldwatch hooks are in ${scopes.join(' and ')}: each call is judged by each of them`]
      : []),
    ...(installed.some(({ hook }) => hook.type === 'http')
      ? [
          'nobody proves to the agent who answers an HTTP hook: while `shieldwatch agent` is down any user of this machine may take its port, read the calls and the token, and let everything run',
        ]
      : []),
    ...(answer.kind === 'claude-code' && !isOld ? [] : client.blindSpots),
    ...(answer.kind === 'silent' && client.name !== 'gemini-cli'
      ? [`${client.name} is not on PATH, or too old to ask: its settings were read as its current version reads them`]
      : []),
  ];
}

function isBefore(version: string, than: readonly number[]): boolean {
  const parts = version.split('.').map(Number);
  const at = than.findIndex((part, index) => part !== parts[index]);
  return at >= 0 && (parts[at] ?? 0) < (than[at] ?? 0);
}

/** Returns the spool that the installed command fixes, else that of this environment. */
function spoolOf(installed: readonly InstalledEntry[], env: NodeJS.ProcessEnv): string {
  const home = fixedValue(installed, '--home');
  return (
    fixedValue(installed, '--spool') ??
    (home === undefined ? spoolFolder(env) : spoolFolder({ SHIELDWATCH_HOME: home }))
  );
}

/** Returns the value of an option in an installed command. */
export function fixedValue(installed: readonly Pick<InstalledEntry, 'hook'>[], option: string): string | undefined {
  const values = installed.map(({ hook }) =>
    hook.type === 'command' ? new RegExp(` ${option} "((?:[^"\\\\]|\\\\.)*)"`).exec(hook.command)?.[1] : undefined,
  );
  return values.find((value) => value !== undefined)?.replace(/\\(.)/g, '$1');
}
