import { existsSync, realpathSync } from 'node:fs';
import { dirname, join, resolve, sep } from 'node:path';
import { customCommands, harmlessHooks, otherHooks } from './beside.js';
import { dotenvNames, harmfulNames } from './environment-names.js';
import { geminiHome } from './gemini-cli.js';
import { matcherSwitch } from './matcher-switch.js';
import type { SettingsFile } from './client.js';
import { isObject, jsonWithComments, valueAt } from './reading.js';
import type { Seen, Switch } from './switch.js';

/**
 * Found in Gemini CLI 0.61.0 (its documentation and its program) and tested: see the matrix of the real agents.
 * Precedence: system, project, user.
 */
const PRECEDENCE = ['managed', 'project', 'user'] as const;

type Read = SettingsFile & { readonly reading: { readonly kind: 'read' } };

function readFiles({ files }: Pick<Seen, 'files'>): Read[] {
  const read = files.filter((file): file is Read => file.reading.kind === 'read');
  const isDefault = ({ file }: SettingsFile): boolean => file.endsWith('system-defaults.json');
  return [
    ...PRECEDENCE.flatMap((scope) => read.filter((file) => file.scope === scope && !isDefault(file))),
    ...read.filter(isDefault),
  ];
}

function hooksOff(seen: Seen): string[] {
  const file = readFiles(seen).find(({ reading }) => valueAt(reading.settings, 'hooksConfig', 'enabled') !== undefined);
  if (file === undefined) return [];
  const enabled = valueAt(file.reading.settings, 'hooksConfig', 'enabled');
  // Gemini reads null as "not set", and 0 or "" as false.
  return enabled === null || enabled ? [] : [`hooksConfig.enabled is off in ${file.file}: no hook is called`];
}

/** A hook is identified by its name, else by its command; the lists of all files are merged. */
function hookDisabled(seen: Seen): string[] {
  const { entry } = seen.installed;
  const name = entry['name'] || entry['command'];
  return readFiles(seen).flatMap(({ file, reading }) => {
    const disabled = valueAt(reading.settings, 'hooksConfig', 'disabled');
    return Array.isArray(disabled) && disabled.includes(name)
      ? [`hooksConfig.disabled in ${file} names it: it is not called`]
      : [];
  });
}

/** The user's step for each folder. */
export const FOLDER_UNKNOWN =
  'Gemini CLI does not know whether to trust this folder: until it is trusted no hook is called in it';

/** Gemini calls no hook of any settings in an untrusted folder. */
export function folderTrust(seen: Pick<Seen, 'places' | 'files' | 'textOf'>): string[] {
  const { env, project } = seen.places;
  const home = geminiHome(seen.places);
  if (env['GEMINI_RESTRICTED_MODE'] === 'true' || env['GEMINI_CLI_TRUST_WORKSPACE'] === 'false')
    return ['this environment says that no folder is trusted: Gemini CLI calls no hook'];
  if (env['GEMINI_CLI_TRUST_WORKSPACE'] === 'true') return [];
  // A project's own settings cannot mark it as trusted.
  const said = readFiles(seen)
    .filter(({ scope }) => scope !== 'project')
    .map(({ reading }) => valueAt(reading.settings, 'security', 'folderTrust', 'enabled'))
    .find((value) => value !== undefined);
  if (said === false) return [];
  const file = env['GEMINI_CLI_TRUSTED_FOLDERS_PATH'] || join(home, '.gemini', 'trustedFolders.json');
  const text = seen.textOf(file);
  const parsed = text.kind === 'text' ? jsonWithComments(text.text) : { value: {} };
  const rules = 'value' in parsed && isObject(parsed.value) ? parsed.value : {};
  const isTrusted = trustOf(rules, project);
  if (isTrusted === true) return [];
  return [isTrusted === false ? `the folder is not trusted (${file}): Gemini CLI calls no hook in it` : FOLDER_UNKNOWN];
}

/** Returns the rule of the longest folder around the project; undefined without one. */
function trustOf(rules: Readonly<Record<string, unknown>>, project: string): boolean | undefined {
  const here = real(resolve(project));
  let [longest, trusted] = [-1, undefined as boolean | undefined];
  for (const [folder, level] of Object.entries(rules)) {
    const around = real(level === 'TRUST_PARENT' ? dirname(folder) : folder);
    if ((here === around || here.startsWith(around.endsWith(sep) ? around : around + sep)) && around.length > longest) {
      longest = around.length;
      trusted =
        level === 'TRUST_FOLDER' || level === 'TRUST_PARENT' ? true : level === 'DO_NOT_TRUST' ? false : undefined;
    }
  }
  return trusted;
}

function real(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    return path;
  }
}

/** Returns the one dotenv file that Gemini reads: the nearest from the project upward, then that of the home folder. */
function dotenv(seen: Seen): string[] {
  const { project } = seen.places;
  const home = geminiHome(seen.places);
  const folders: string[] = [];
  for (let folder = resolve(project); ; folder = dirname(folder)) {
    folders.push(folder);
    if (folder === dirname(folder)) break;
  }
  const file = [...folders, home]
    .flatMap((folder) => [join(folder, '.gemini', '.env'), join(folder, '.env')])
    .find((path) => existsSync(path));
  if (file === undefined) return [];
  const text = seen.textOf(file);
  if (text.kind !== 'text') return [];
  return harmfulNames(seen.installed.hook, dotenvNames(text.text)).map(
    (name) => `${name} is set in ${file}: it changes what runs in the place of the hook`,
  );
}

const PLAIN_KEYS = ['name', 'type', 'command', 'timeout', 'description', 'source'];

/** Minimum time limit in milliseconds. */
const SHORTEST_TIMEOUT_MS = 3000;

export const geminiCliSwitches: readonly Switch[] = [
  {
    name: 'another hook that rewrites calls',
    effect: 'not-obeyed',
    example: {
      in: 'settings',
      scope: 'project',
      value: {
        hooks: { BeforeTool: [{ hooks: [{ type: 'command', command: 'echo hookSpecificOutput tool_input' }] }] },
      },
    },
    find: otherHooks('BeforeTool'),
    note: harmlessHooks('BeforeTool'),
  },
  {
    name: 'a custom command with a shell command',
    effect: 'not-called',
    example: { in: 'file', path: './.gemini/commands/go.toml', text: 'prompt = "!{true}"\n' },
    find: customCommands,
  },
  {
    name: 'hooksConfig.enabled in project settings',
    effect: 'not-called',
    example: { in: 'settings', scope: 'project', value: { hooksConfig: { enabled: false } } },
    find: hooksOff,
  },
  {
    name: 'hooksConfig.enabled in user settings',
    effect: 'not-called',
    example: { in: 'settings', scope: 'user', value: { hooksConfig: { enabled: false } } },
    find: hooksOff,
  },
  {
    name: 'hooksConfig.disabled in project settings',
    effect: 'not-called',
    example: { in: 'settings', scope: 'project', value: { hooksConfig: { disabled: ['shieldwatch'] } } },
    find: hookDisabled,
  },
  {
    name: 'hooksConfig.disabled in user settings',
    effect: 'not-called',
    example: { in: 'settings', scope: 'user', value: { hooksConfig: { disabled: ['shieldwatch'] } } },
    find: hookDisabled,
  },
  {
    name: 'an untrusted folder',
    effect: 'not-called',
    example: { in: 'environment', value: { GEMINI_CLI_TRUST_WORKSPACE: 'false' } },
    find: folderTrust,
  },
  {
    name: 'BASH_ENV in .gemini/.env',
    effect: 'other-code',
    example: { in: 'file', path: './.gemini/.env', text: 'BASH_ENV=/nowhere\n' },
    find: dotenv,
  },
  {
    name: 'env of the hook',
    effect: 'other-code',
    example: { in: 'entry', value: { env: { BASH_ENV: '/nowhere' } } },
    find: ({ installed: { entry, file } }) =>
      entry['env'] === undefined
        ? []
        : [`"env" stands in its entry in ${file}: it changes what runs in the place of the hook`],
  },
  {
    name: 'an unknown key',
    effect: 'not-called',
    example: { in: 'entry', value: { shieldwatchUnknown: true } },
    find: ({ installed: { entry, file } }) =>
      Object.keys(entry)
        .filter((key) => key !== 'env' && !PLAIN_KEYS.includes(key))
        .map(
          (key) =>
            `${JSON.stringify(key.slice(0, 40))} stands in its entry in ${file}: it is not known what Gemini CLI makes of it`,
        ),
  },
  matcherSwitch('read_file'),
  {
    name: 'timeout',
    effect: 'not-obeyed',
    example: { in: 'entry', value: { timeout: 1 } },
    find: ({ installed: { entry, file } }) =>
      typeof entry['timeout'] === 'number' && entry['timeout'] < SHORTEST_TIMEOUT_MS
        ? [
            `its timeout in ${file} is shorter than ${String(SHORTEST_TIMEOUT_MS)} ms: it may be stopped before its verdict`,
          ]
        : [],
  },
  {
    name: 'GEMINI_CLI_SYSTEM_SETTINGS_PATH',
    effect: 'not-called',
    example: { in: 'environment', value: { GEMINI_CLI_SYSTEM_SETTINGS_PATH: '~/system.json' } },
    find: () => [],
    unseen: '`status` reads the system settings that its own environment names, which another start need not share',
  },
];
