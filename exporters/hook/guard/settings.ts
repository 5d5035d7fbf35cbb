import { claudeCode } from '../../install/claude-code.js';
import type { Client, InstalledEntry, Places, Scope } from '../../install/client.js';
import { codex } from '../../install/codex.js';
import { changesCode, dotenvNames } from '../../install/environment-names.js';
import { geminiCli } from '../../install/gemini-cli.js';
import type { SettingsFile } from '../../install/client.js';
import { isObject, jsonWithComments, readFileText, valueAt, type FileText } from '../../install/reading.js';
import { isOurs } from '../../install/hook-command.js';
import { SWITCHES } from '../../install/switches.js';
import { lowerPath, type GuardedKind, type GuardPlaces } from './guarded.js';

type Settings = Readonly<Record<string, unknown>>;

const CLIENTS: readonly Client[] = [claudeCode, codex, geminiCli];

/**
 * Values that do not disable a hook by themselves and that only a person may change: approvals, permissions of mods,
 * what an HTTP hook receives, and switches of other versions of the clients.
 */
const DECIDED_BY_PERSONS = [
  'hooks.state',
  'pluginConfigs.cc-plugin-sec-default@builtin',
  'httpHookAllowedEnvVars',
  'tools.enableHooks',
  'hooks.enabled',
  'hooks.disabled',
];

/**
 * Returns why a settings file would protect less after a change: its entry lost or changed, one of {@link SWITCHES}
 * set, a variable that runs other code, a file that the agent could not parse. Undefined if it would not. `undefined`
 * as a text means no file.
 */
export function settingsHarm(
  kind: GuardedKind,
  path: string,
  before: string | undefined,
  after: string | undefined,
  { env, projects }: GuardPlaces,
): string | undefined {
  // The file's own folder, whichever project that is, and those that the session may be in.
  const own = path.replace(/[\\/](?:\.(?:claude|codex|gemini)[\\/])?[^\\/]*$/i, '') || '/';
  // The path of a dotenv file does not show which agent reads it.
  const clients = kind === 'dotenv' ? CLIENTS : CLIENTS.filter(({ name }) => name === kind);
  for (const client of clients) {
    for (const project of new Set([own, ...projects])) {
      const places: Places = { project, home: env['HOME'] ?? '', env, platform: process.platform };
      const harm = harmFor(client, new Version(client, path, before, places), new Version(client, path, after, places));
      if (harm !== undefined) return harm;
    }
  }
  return kind === 'dotenv' ? harmfulVariable(dotenv(before ?? ''), dotenv(after ?? '')) : undefined;
}

function harmFor(client: Client, old: Version, next: Version): string | undefined {
  if (next.isLost) return 'the agent could not parse the settings and would ignore the whole file';
  const entries = new Set(ourEntries(next.settings));
  if (ourEntries(old.settings).some((entry) => !entries.has(entry)))
    return "the settings would lose or change the guard's entry";
  const decided = DECIDED_BY_PERSONS.find(
    (path) =>
      at(next.settings, path) !== undefined &&
      JSON.stringify(at(next.settings, path)) !== JSON.stringify(at(old.settings, path)),
  );
  if (decided !== undefined) return `only a person may change ${decided}`;
  const variable = harmfulVariable(variables(old.settings), variables(next.settings));
  if (variable !== undefined) return variable;
  const known = new Set(problems(client, old));
  return problems(client, next).find((problem) => !known.has(problem));
}

/** Returns the agent's settings with one file as it is, or would be. */
class Version {
  readonly places: Places;
  readonly files: readonly SettingsFile[];
  /** Of the one file; empty if it has none. */
  readonly settings: Settings;
  /** Returns whether the agent ignores the whole file. */
  readonly isLost: boolean;
  readonly textOf: (file: string) => FileText;

  constructor(client: Client, path: string, text: string | undefined, places: Places) {
    const isIt = (file: string): boolean => lowerPath(file) === lowerPath(path);
    this.places = places;
    this.textOf = (file) =>
      isIt(file)
        ? text === undefined
          ? { kind: 'absent' }
          : { kind: 'text', text, encoding: 'utf-8' }
        : readFileText(file);
    const files = client
      .files(this.places)
      .map(({ scope, file }) => ({ scope, file, reading: client.read(this.textOf(file), file) }));
    const isOther = /hooks\.json$|\.env$/i.test(path);
    const own =
      files.find(({ file }) => isIt(file)) ??
      (isOther ? undefined : { scope: scopeOf(path), file: path, reading: client.read(this.textOf(path), path) });
    this.files = own === undefined || files.includes(own) ? files : [...files, own];
    const parsed =
      own === undefined && text !== undefined && !/\.env$/i.test(path) ? jsonWithComments(text) : undefined;
    const value =
      parsed !== undefined && 'value' in parsed
        ? parsed.value
        : own?.reading.kind === 'read'
          ? own.reading.settings
          : {};
    this.settings = isObject(value) ? value : {};
    this.isLost =
      own === undefined
        ? parsed !== undefined && 'error' in parsed
        : own.reading.kind !== 'read' && own.reading.kind !== 'absent';
  }
}

function scopeOf(path: string): Scope {
  if (/managed-settings|^\/etc\//i.test(path)) return 'managed';
  return /settings\.local\.json$/i.test(path) ? 'local' : 'project';
}

/** Returns what `status` would report about our hooks, and about one in the user's settings if there is none. */
function problems(client: Client, { places, files, textOf }: Version): string[] {
  const found = files.flatMap(({ scope, file, reading }): InstalledEntry[] =>
    reading.kind === 'read' ? client.find(reading.settings).map((entry) => ({ ...entry, scope, file })) : [],
  );
  const [event = ''] = client.events;
  const some: InstalledEntry = {
    scope: 'user',
    file: '',
    event,
    hook: { type: 'command', command: 'shieldwatch-hook' },
    entry: { name: 'shieldwatch' },
    group: {},
    place: [0, 0],
  };
  const installed = found.length > 0 ? found : [some];
  return installed.flatMap((entry) =>
    SWITCHES[client.name].flatMap(({ find, note }) => [
      ...find({ places, files, installed: entry, textOf }),
      ...(note?.({ places, files, installed: entry, textOf }) ?? []),
    ]),
  );
}

/** Returns each of our hooks with the file's settings for it and for its group. */
function ourEntries(settings: Settings): string[] {
  const hooks = settings['hooks'];
  if (!isObject(hooks)) return [];
  return Object.entries(hooks).flatMap(([event, groups]) =>
    list(groups).flatMap((group) =>
      list(group['hooks'])
        .filter((hook) => [hook['command'], hook['url']].some((value) => typeof value === 'string' && isOurs(value)))
        .map((hook) => JSON.stringify([event, { ...group, hooks: undefined }, hook])),
    ),
  );
}

const list = (value: unknown): Settings[] => (Array.isArray(value) ? (value as unknown[]).filter(isObject) : []);

/** Returns the variables that settings set for child processes of the agent. */
function variables(settings: Settings): Settings {
  const policy = at(settings, 'shell_environment_policy.set');
  return { ...(isObject(settings['env']) ? settings['env'] : {}), ...(isObject(policy) ? policy : {}) };
}

function dotenv(text: string): Settings {
  const lines = text.split('\n');
  return Object.fromEntries(dotenvNames(text).map((name) => [name, lines.filter((line) => line.includes(name))]));
}

function harmfulVariable(before: Settings, after: Settings): string | undefined {
  const name = Object.keys(after).find(
    (it) => changesCode(it) && JSON.stringify(after[it]) !== JSON.stringify(before[it]),
  );
  return name === undefined ? undefined : `${name} changes which code runs instead of the guard`;
}

const at = (settings: Settings, path: string): unknown => valueAt(settings, ...path.split('.'));
