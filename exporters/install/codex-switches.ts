import { join } from 'node:path';
import { harmlessHooks, otherHooks } from './beside.js';
import { dotenvNames, harmfulNames } from './environment-names.js';
import { matcherSwitch } from './matcher-switch.js';
import type { SettingsFile } from './client.js';
import { valueAt } from './reading.js';
import type { Seen, Switch } from './switch.js';

/** Found in Codex 0.171.0 (its documentation and its program) and tested: see the matrix of the real agents. */
type Read = SettingsFile & { readonly reading: { readonly kind: 'read' } };

const readFiles = ({ files }: Seen): Read[] => files.filter((file): file is Read => file.reading.kind === 'read');

/** `codex_hooks` is the former name. A project's file counts if the user's file trusts the project. */
function featureOff(seen: Seen): string[] {
  const trusts = readFiles(seen).some(
    ({ scope, reading }) =>
      scope === 'user' && valueAt(reading.settings, 'projects', seen.places.project, 'trust_level') === 'trusted',
  );
  return readFiles(seen).flatMap(({ scope, file, reading }) => {
    if (scope === 'project' && !trusts) return [];
    const name = ['hooks', 'codex_hooks'].find((key) => valueAt(reading.settings, 'features', key) === false);
    return name === undefined ? [] : [`features.${name} is off in ${file}: no hook is called`];
  });
}

function requirements(seen: Seen): string[] {
  if (seen.installed.scope === 'managed') return [];
  return readFiles(seen)
    .filter(
      ({ file, reading }) =>
        file.endsWith('requirements.toml') && reading.settings['allow_managed_hooks_only'] === true,
    )
    .map(({ file }) => `allow_managed_hooks_only is set in ${file}: the hook is not called`);
}

/** State that Codex keeps about each hook, by its file, event and index. */
function stateOf({ files, installed }: Seen): unknown[] {
  return files
    .flatMap(({ reading }) =>
      reading.kind === 'read'
        ? [valueAt(reading.settings, 'hooks', 'state', `${installed.file}:pre_tool_use:${installed.place.join(':')}`)]
        : [],
    )
    .filter((state) => state !== undefined);
}

function dotenv(seen: Seen): string[] {
  const file = join(seen.places.env['CODEX_HOME'] || join(seen.places.home, '.codex'), '.env');
  const text = seen.textOf(file);
  if (text.kind !== 'text') return [];
  return harmfulNames(seen.installed.hook, dotenvNames(text.text)).map(
    (name) => `${name} is set in ${file}: it changes what runs in the place of the hook`,
  );
}

/** The user's step after each change of the hook. */
export const UNTRUSTED = 'Codex does not trust it and skips it in silence: start `codex` once and approve it';

const PLAIN_KEYS = ['type', 'command', 'timeout', 'statusMessage'];
const SHORTEST_TIMEOUT_S = 3;

export const codexSwitches: readonly Switch[] = [
  {
    name: 'another hook that rewrites calls',
    effect: 'not-obeyed',
    example: {
      in: 'file',
      path: '~/.codex/hooks.json',
      text: '{"hooks":{"PreToolUse":[{"hooks":[{"type":"command","command":"echo updatedInput"}]}]}}',
    },
    find: otherHooks('PreToolUse'),
    note: harmlessHooks('PreToolUse'),
  },
  {
    name: 'features.hooks',
    effect: 'not-called',
    example: { in: 'settings', scope: 'user', value: '[features]\nhooks = false\n' },
    find: featureOff,
  },
  {
    name: 'features.codex_hooks',
    effect: 'not-called',
    example: { in: 'settings', scope: 'user', value: '[features]\ncodex_hooks = false\n' },
    find: featureOff,
  },
  {
    name: 'features.hooks of a trusted project',
    effect: 'not-called',
    example: { in: 'settings', scope: 'project', value: '[features]\nhooks = false\n' },
    find: featureOff,
  },
  {
    name: 'allow_managed_hooks_only',
    effect: 'not-called',
    example: { in: 'file', path: '/etc/codex/requirements.toml', text: 'allow_managed_hooks_only = true\n' },
    find: requirements,
  },
  {
    name: 'the hook is disabled',
    effect: 'not-called',
    example: { in: 'settings', scope: 'user', value: '[hooks.state."@FILE@:pre_tool_use:0:0"]\nenabled = false\n' },
    find: (seen) =>
      stateOf(seen).some((state) => valueAt(state, 'enabled') === false)
        ? ['hooks.state says that it is disabled: it is not called']
        : [],
  },
  {
    name: 'the hook is not trusted',
    effect: 'not-called',
    example: { in: 'nothing' },
    find: (seen) =>
      stateOf(seen).some((state) => typeof valueAt(state, 'trusted_hash') === 'string') ||
      seen.installed.scope === 'managed'
        ? []
        : [UNTRUSTED],
  },
  {
    name: 'BASH_ENV in .codex/.env',
    effect: 'other-code',
    example: { in: 'file', path: '~/.codex/.env', text: 'BASH_ENV=/nowhere\n' },
    find: dotenv,
  },
  {
    name: 'async',
    effect: 'not-obeyed',
    example: { in: 'entry', value: { async: true } },
    find: ({ installed: { entry, file } }) =>
      entry['async'] === undefined || entry['async'] === false
        ? []
        : [`"async" stands in its entry in ${file}: calls do not wait for its verdict`],
  },
  {
    name: 'an unknown key',
    effect: 'not-called',
    example: { in: 'entry', value: { shieldwatch_unknown: true } },
    find: ({ installed: { entry, file } }) =>
      Object.keys(entry)
        .filter((key) => key !== 'async' && !PLAIN_KEYS.includes(key))
        .map(
          (key) =>
            `${JSON.stringify(key.slice(0, 40))} stands in its entry in ${file}: it is not known what Codex makes of it`,
        ),
  },
  matcherSwitch('Read'),
  {
    name: 'timeout',
    effect: 'not-obeyed',
    example: { in: 'entry', value: { timeout: 1 } },
    find: ({ installed: { entry, file } }) =>
      Number(entry['timeout']) < SHORTEST_TIMEOUT_S
        ? [
            `its timeout in ${file} is shorter than ${String(SHORTEST_TIMEOUT_S)} s: it may be stopped before its verdict`,
          ]
        : [],
  },
  {
    name: '--disable hooks',
    effect: 'not-called',
    example: { in: 'arguments', value: ['--disable', 'hooks'] },
    find: () => [],
    unseen: 'arguments of a start leave no trace in any file',
  },
  {
    name: 'CODEX_HOME',
    effect: 'not-called',
    example: { in: 'environment', value: { CODEX_HOME: '~/elsewhere' } },
    find: () => [],
    unseen: '`status` looks where CODEX_HOME of its own environment points, which another start need not share',
  },
];
