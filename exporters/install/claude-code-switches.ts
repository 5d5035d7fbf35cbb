import { harmlessHooks, mods, otherHooks, unlistedMods } from './beside.js';
import { harmfulNames } from './environment-names.js';
import { matcherSwitch } from './matcher-switch.js';
import type { SettingsFile } from './client.js';
import { isObject, valueAt } from './reading.js';
import type { Seen, Switch } from './switch.js';

/**
 * Found in Claude Code 2.1.332 (its documentation and its program) and tested: see the matrix of the real agents.
 * Precedence: managed, local, project, user.
 */
const PRECEDENCE = ['managed', 'local', 'project', 'user'] as const;

/** Values of a variable that Claude Code treats as true. */
const TRUE = /^(?:1|true|yes|on)$/i;

type Read = SettingsFile & { readonly reading: { readonly kind: 'read' } };

/** Files in force, highest precedence first; of managed ones the last by name. */
function readFiles({ files }: Seen): Read[] {
  const read = files.filter((file): file is Read => file.reading.kind === 'read');
  return PRECEDENCE.flatMap((scope) => read.filter((file) => file.scope === scope).reverse());
}

/** Returns the file whose value of a top-level key is in force. */
function deciding(seen: Seen, key: string): { readonly file: Read; readonly value: unknown } | undefined {
  const file = readFiles(seen).find(
    ({ reading }) => reading.settings[key] !== undefined && reading.settings[key] !== null,
  );
  return file === undefined ? undefined : { file, value: file.reading.settings[key] };
}

const managedFiles = (seen: Seen): Read[] => readFiles(seen).filter(({ scope }) => scope === 'managed');
const isManaged = ({ installed }: Seen): boolean => installed.scope === 'managed';

function disableAllHooks(seen: Seen): string[] {
  const set = deciding(seen, 'disableAllHooks');
  if (set?.value !== true || (isManaged(seen) && set.file.scope !== 'managed')) return [];
  return [`disableAllHooks is set in ${set.file.file}: no hook is called`];
}

/** Returns the last of the managed files that has a key: it is in force. */
function managedOnly(key: string, isOn: (value: unknown) => boolean): Switch['find'] {
  return (seen) => {
    if (isManaged(seen)) return [];
    const file = managedFiles(seen).find(({ reading }) => reading.settings[key] !== undefined);
    return file !== undefined && isOn(file.reading.settings[key])
      ? [`${key} is set in ${file.file}: hooks of other settings are not called`]
      : [];
  };
}

/** Variables that disable hooks, which Claude Code reads from user and managed settings only. */
function variable(name: string): Switch['find'] {
  return (seen) => {
    if (isManaged(seen)) return [];
    const inFiles = readFiles(seen).filter(
      ({ scope, reading }) =>
        (scope === 'user' || scope === 'managed') && TRUE.test(String(valueAt(reading.settings, 'env', name))),
    );
    return [
      ...inFiles.map(({ file }) => `env.${name} is set in ${file}: hooks are not called`),
      ...(TRUE.test(seen.places.env[name] ?? '')
        ? [`${name} is set in this environment: an agent started from it calls no hooks`]
        : []),
    ];
  };
}

/** Variables in any scope's `env` that run code other than the hook. */
function environment(seen: Seen): string[] {
  return readFiles(seen).flatMap(({ file, reading }) => {
    const env = reading.settings['env'];
    return isObject(env)
      ? harmfulNames(seen.installed.hook, Object.keys(env)).map(
          (name) => `env.${name} is set in ${file}: it changes what runs in the place of the hook`,
        )
      : [];
  });
}

function httpUrls(seen: Seen): string[] {
  const { hook } = seen.installed;
  if (hook.type !== 'http') return [];
  const lists = readFiles(seen).filter(({ reading }) => Array.isArray(reading.settings['allowedHttpHookUrls']));
  const patterns = lists.flatMap(({ reading }) => reading.settings['allowedHttpHookUrls'] as unknown[]);
  if (lists.length === 0 || patterns.some((pattern) => typeof pattern === 'string' && matchesUrl(pattern, hook.url)))
    return [];
  return [
    `allowedHttpHookUrls in ${lists.map(({ file }) => file).join(', ')} does not allow its URL: it is not called${seen.installed.entry['onFailure'] === 'block' ? ', and every call is blocked' : ''}`,
  ];
}

/** Each `*` matches any characters. */
function matchesUrl(pattern: string, url: string): boolean {
  return new RegExp(
    `^${pattern
      .split('*')
      .map((part) => part.replace(/[.+?^${}()|[\]\\]/g, '\\$&'))
      .join('.*')}$`,
  ).test(url);
}

/** Keys that the hook's entry may have; any other makes Claude Code call it at other times or in another way. */
const PLAIN_KEYS = ['type', 'command', 'url', 'headers', 'timeout', 'onFailure', 'statusMessage'];

function entryKey(key: string, why: string): Switch['find'] {
  return ({ installed: { entry, file } }) =>
    entry[key] === undefined || entry[key] === false ? [] : [`"${key}" stands in its entry in ${file}: ${why}`];
}

function unknownKeys({ installed: { entry, file } }: Seen): string[] {
  const known = [...PLAIN_KEYS, 'async', 'asyncRewake', 'if', 'once', 'args', 'shell'];
  return Object.keys(entry)
    .filter((key) => !known.includes(key))
    .map(
      (key) =>
        `${JSON.stringify(key.slice(0, 40))} stands in its entry in ${file}: it is not known what Claude Code makes of it`,
    );
}

/** Minimum time limit in seconds; a verdict takes milliseconds. */
const SHORTEST_TIMEOUT_S = 3;

export const claudeCodeSwitches: readonly Switch[] = [
  {
    name: 'another hook that rewrites calls',
    effect: 'not-obeyed',
    example: {
      in: 'settings',
      scope: 'local',
      value: { hooks: { PreToolUse: [{ hooks: [{ type: 'command', command: 'echo updatedInput' }] }] } },
    },
    find: otherHooks('PreToolUse'),
    note: harmlessHooks('PreToolUse'),
  },
  {
    name: 'a mod of a plugin',
    effect: 'not-obeyed',
    example: {
      in: 'file',
      path: '~/.claude/plugins/cache/market/mod/1.0.0/hooks/hooks.json',
      text: '{"modules":["./mod.mjs"]}',
    },
    find: mods,
  },
  {
    name: 'disableAllHooks in user settings',
    effect: 'not-called',
    example: { in: 'settings', scope: 'user', value: { disableAllHooks: true } },
    find: disableAllHooks,
  },
  {
    name: 'disableAllHooks in project settings',
    effect: 'not-called',
    example: { in: 'settings', scope: 'project', value: { disableAllHooks: true } },
    find: disableAllHooks,
  },
  {
    name: 'disableAllHooks in local settings',
    effect: 'not-called',
    example: { in: 'settings', scope: 'local', value: { disableAllHooks: true } },
    find: disableAllHooks,
  },
  {
    name: 'disableAllHooks in managed settings',
    effect: 'not-called',
    example: { in: 'settings', scope: 'managed', value: { disableAllHooks: true } },
    find: disableAllHooks,
  },
  {
    name: 'disableAllHooks in managed-settings.d',
    effect: 'not-called',
    example: { in: 'file', path: '/etc/claude-code/managed-settings.d/50-test.json', text: '{"disableAllHooks":true}' },
    find: disableAllHooks,
  },
  {
    name: 'allowManagedHooksOnly',
    effect: 'not-called',
    example: { in: 'settings', scope: 'managed', value: { allowManagedHooksOnly: true } },
    find: managedOnly('allowManagedHooksOnly', (value) => value === true),
  },
  {
    name: 'strictPluginOnlyCustomization',
    effect: 'not-called',
    example: { in: 'settings', scope: 'managed', value: { strictPluginOnlyCustomization: ['hooks'] } },
    find: managedOnly(
      'strictPluginOnlyCustomization',
      (value) => value === true || (Array.isArray(value) && value.includes('hooks')),
    ),
  },
  {
    name: 'bare mode in user settings',
    effect: 'not-called',
    example: { in: 'settings', scope: 'user', value: { env: { CLAUDE_CODE_SIMPLE: '1' } } },
    find: variable('CLAUDE_CODE_SIMPLE'),
  },
  {
    name: 'bare mode in the environment',
    effect: 'not-called',
    example: { in: 'environment', value: { CLAUDE_CODE_SIMPLE: '1' } },
    find: variable('CLAUDE_CODE_SIMPLE'),
  },
  {
    name: 'safe mode in user settings',
    effect: 'not-called',
    example: { in: 'settings', scope: 'user', value: { env: { CLAUDE_CODE_SAFE_MODE: '1' } } },
    find: variable('CLAUDE_CODE_SAFE_MODE'),
  },
  {
    name: 'safe mode in the environment',
    effect: 'not-called',
    example: { in: 'environment', value: { CLAUDE_CODE_SAFE_MODE: '1' } },
    find: variable('CLAUDE_CODE_SAFE_MODE'),
  },
  {
    name: 'persisted trust is ignored',
    effect: 'not-called',
    example: { in: 'environment', value: { CLAUDE_CODE_IGNORE_PERSISTED_TRUST: '1' } },
    hookScope: 'project',
    find: (seen) =>
      isManaged(seen) ||
      !TRUE.test(seen.places.env['CLAUDE_CODE_IGNORE_PERSISTED_TRUST'] ?? '') ||
      seen.installed.scope === 'user'
        ? []
        : [
            'CLAUDE_CODE_IGNORE_PERSISTED_TRUST is set in this environment: an agent started from it calls no hooks of a project',
          ],
  },
  {
    name: 'a shell prefix',
    effect: 'other-code',
    example: { in: 'settings', scope: 'local', value: { env: { CLAUDE_CODE_SHELL_PREFIX: '/bin/true' } } },
    find: environment,
  },
  {
    name: 'LD_PRELOAD',
    effect: 'other-code',
    example: { in: 'settings', scope: 'local', value: { env: { LD_PRELOAD: '/nowhere.so' } } },
    find: environment,
  },
  {
    name: 'BASH_ENV',
    effect: 'other-code',
    example: { in: 'settings', scope: 'local', value: { env: { BASH_ENV: '/nowhere' } } },
    find: environment,
  },
  {
    name: 'allowedHttpHookUrls',
    effect: 'all-blocked',
    example: { in: 'settings', scope: 'local', value: { allowedHttpHookUrls: [] } },
    find: httpUrls,
  },
  {
    name: 'async',
    effect: 'not-obeyed',
    example: { in: 'entry', value: { async: true } },
    find: entryKey('async', 'calls do not wait for its verdict'),
  },
  {
    name: 'asyncRewake',
    effect: 'not-obeyed',
    example: { in: 'entry', value: { asyncRewake: true } },
    find: entryKey('asyncRewake', 'calls do not wait for its verdict'),
  },
  {
    name: 'if',
    effect: 'not-called',
    example: { in: 'entry', value: { if: 'Bash(git *)' } },
    find: entryKey('if', 'it is called for matching calls only'),
  },
  {
    name: 'once',
    effect: 'not-called',
    example: { in: 'entry', value: { once: true } },
    find: entryKey('once', 'it is called once and no more'),
  },
  {
    name: 'args',
    effect: 'all-blocked',
    example: { in: 'entry', value: { args: [] } },
    find: entryKey('args', 'it is not started by a shell'),
  },
  {
    name: 'shell',
    effect: 'all-blocked',
    example: { in: 'entry', value: { shell: 'powershell' } },
    find: entryKey('shell', 'another shell starts it'),
  },
  {
    name: 'an unknown key',
    effect: 'not-called',
    example: { in: 'entry', value: { shieldwatchUnknown: true } },
    find: unknownKeys,
  },
  matcherSwitch('Read'),
  {
    name: 'timeout',
    effect: 'not-obeyed',
    example: { in: 'entry', value: { timeout: 0.001 } },
    find: ({ installed: { entry, file } }) =>
      typeof entry['timeout'] === 'number' && entry['timeout'] < SHORTEST_TIMEOUT_S
        ? [
            `its timeout in ${file} is shorter than ${String(SHORTEST_TIMEOUT_S)} s: it may be stopped before its verdict`,
          ]
        : [],
  },
  {
    name: '--plugin-dir',
    effect: 'not-obeyed',
    example: { in: 'arguments', value: ['--plugin-dir', '/nowhere'] },
    find: () => [],
    note: unlistedMods,
    unseen: 'arguments of a start leave no trace in any file',
  },
  {
    name: '--bare',
    effect: 'not-called',
    example: { in: 'arguments', value: ['--bare'] },
    find: () => [],
    unseen: 'arguments of a start leave no trace in any file',
  },
  {
    name: '--safe-mode',
    effect: 'not-called',
    example: { in: 'arguments', value: ['--safe-mode'] },
    find: () => [],
    unseen: 'arguments of a start leave no trace in any file',
  },
  {
    name: '--setting-sources',
    effect: 'not-called',
    example: { in: 'arguments', value: ['--setting-sources', ''] },
    find: () => [],
    unseen: 'arguments of a start leave no trace in any file',
  },
  {
    name: '--settings',
    effect: 'not-called',
    example: { in: 'arguments', value: ['--settings', '{"disableAllHooks":true}'] },
    find: () => [],
    unseen: 'arguments of a start leave no trace in any file',
  },
  {
    name: 'CLAUDE_CONFIG_DIR',
    effect: 'not-called',
    example: { in: 'environment', value: { CLAUDE_CONFIG_DIR: '/nowhere' } },
    find: () => [],
    unseen: '`status` looks where CLAUDE_CONFIG_DIR of its own environment points, which another start need not share',
  },
];
