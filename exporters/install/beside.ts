import { readdirSync, statSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { isOurs } from './hook-command.js';
import { isObject, jsonWithComments, readFileText, valueAt, type FileText } from './reading.js';
import type { Seen, Switch } from './switch.js';

/** Maximum number of folders and files that are searched. */
const MAX_ENTRIES = 5_000;

/** What another hook may do, by its text, once every hook was asked and none denied the call. */
type Power = 'rewrites' | 'unknown' | 'none';

interface OtherHook {
  readonly file: string;
  readonly power: Power;
}

/**
 * Returns other hooks at the event that may change what runs. All three agents pass every hook the original call. A
 * denial stands, and no other hook lifts it, but the input that one returns (`updatedInput`, in Gemini CLI
 * `tool_input`) runs without being judged.
 */
export function otherHooks(event: string): Switch['find'] {
  return (seen) =>
    hooksBeside(event, seen).flatMap(({ file, power }) => {
      if (power === 'none') return [];
      const what = power === 'rewrites' ? 'it rewrites calls' : 'its text does not show whether it rewrites calls';
      return [
        `another hook is registered under ${event} in ${file}, and ${what}: what it makes of one runs without being judged`,
      ];
    });
}

/** Returns other hooks at the event that rewrite nothing, as far as their text shows. */
export function harmlessHooks(event: string): NonNullable<Switch['note']> {
  return (seen) =>
    hooksBeside(event, seen).flatMap(({ file, power }) =>
      power === 'none'
        ? [
            `another hook is registered under ${event} in ${file}: it cannot lift a denial, and its text shows no rewriting of calls, which would run without being judged`,
          ]
        : [],
    );
}

function hooksBeside(event: string, seen: Seen): OtherHook[] {
  if (isManagedAlone(seen)) return [];
  const settings = seen.files.flatMap(({ file, scope, reading }) =>
    reading.kind === 'read' && scope !== 'managed' ? [{ file, hooks: reading.settings['hooks'] }] : [],
  );
  // Codex reads this file beside each of its own.
  const beside = seen.files
    .filter(({ file }) => file.endsWith('config.toml'))
    .map(({ file }) => join(dirname(file), 'hooks.json'))
    .map((file) => ({ file, hooks: valueAt(jsonOf(seen.textOf(file)), 'hooks') }));
  return [...settings, ...beside].flatMap(({ file, hooks }) =>
    othersIn(hooks, event).map((entry) => ({ file, power: powerOf(entry, seen) })),
  );
}

function othersIn(hooks: unknown, event: string): Record<string, unknown>[] {
  const groups = valueAt(hooks, event);
  const entries = (Array.isArray(groups) ? groups : []).flatMap((group) => valueAt(group, 'hooks')).filter(isObject);
  return entries.filter(
    (entry) => ![entry['command'], entry['url']].some((text) => typeof text === 'string' && isOurs(text)),
  );
}

/** The key that contains the new input, and its parent key. */
const REWRITES = /updatedInput|hookSpecificOutput[\s\S]*tool_input|tool_input[\s\S]*hookSpecificOutput/;
/** Programs that execute their arguments or standard input. */
const PLAIN_PROGRAMS =
  /^(?:true|false|:|exit|echo|printf|cat|jq|grep|test|\[|tee|date|logger|sh|bash|dash|zsh|env|exec|node|bun|deno|python3?|ruby|perl)$/;
/** Constructs that load further files, which are not read here. */
const LOADS = /\brequire\(\s*['"`][./]|\bimport\b[^\n;]*['"`][./]|^\s*(?:\.|source)\s+\S|^\s*from\s+\./m;
const MAX_PROGRAM = 1024 * 1024;

/**
 * Classifies a hook by its command and the files that the command names. A hook that the agent does not wait for has no
 * effect on the call.
 */
function powerOf(entry: Readonly<Record<string, unknown>>, { places }: Seen): Power {
  if (entry['async'] === true) return 'none';
  const command = [entry['command'], ...(Array.isArray(entry['args']) ? (entry['args'] as unknown[]) : [])]
    .filter((part): part is string => typeof part === 'string')
    .join(' ');
  if (entry['type'] !== 'command' || command === '') return 'unknown';
  if (REWRITES.test(command)) return 'rewrites';
  const project = places.project;
  const words = command
    .replace(/\$\{?(?:CLAUDE_PROJECT_DIR|GEMINI_PROJECT_DIR|PWD)\}?/g, project)
    .replace(/\$\{?HOME\}?|(?<=^|\s)~(?=\/)/g, places.home)
    .replace(/["']/g, '')
    .split(/[\s`;|&()<>]+/)
    .filter((word) => word !== '');
  const [program = ''] = words;
  const isPlain = PLAIN_PROGRAMS.test(basename(program));
  let power: Power = isPlain || isScript(resolve(project, program)) ? 'none' : 'unknown';
  for (const file of words
    .slice(isPlain ? 1 : 0)
    .map((word) => resolve(project, word))
    .filter(isScript)) {
    const text = readFileText(file);
    if (text.kind !== 'text' || text.text.includes('\0') || LOADS.test(text.text)) power = 'unknown';
    else if (REWRITES.test(text.text)) return 'rewrites';
  }
  return power;
}

function isScript(file: string): boolean {
  const stats = statSync(file, { throwIfNoEntry: false });
  return stats?.isFile() === true && stats.size <= MAX_PROGRAM;
}

/** True if our hook is in managed settings and only managed hooks are called. */
function isManagedAlone({ files, installed }: Seen): boolean {
  return (
    installed.scope === 'managed' &&
    files.some(
      ({ scope, reading }) =>
        scope === 'managed' &&
        reading.kind === 'read' &&
        (reading.settings['allowManagedHooksOnly'] === true || reading.settings['allow_managed_hooks_only'] === true),
    )
  );
}

/** Any managed settings keep mods from overruling hooks. */
function isModFree({ files }: Seen): boolean {
  return files.some(({ scope, reading }) => scope === 'managed' && reading.kind === 'read');
}

/** Returns Claude Code plugins with code in its own process, which may overrule a hook. */
export const mods: Switch['find'] = (seen) => {
  if (isModFree(seen)) return [];
  const { files, places } = seen;
  const cache = join(places.env['CLAUDE_CONFIG_DIR'] || join(places.home, '.claude'), 'plugins', 'cache');
  return filesBelow(cache, /[\\/]hooks[\\/]hooks\.json$/).flatMap((file) => {
    const [market = '', plugin = ''] = file.slice(cache.length + 1).split(/[\\/]/);
    const isOff = files.some(
      ({ reading }) =>
        reading.kind === 'read' && valueAt(reading.settings, 'enabledPlugins', `${plugin}@${market}`) === false,
    );
    return valueAt(jsonOf(readFileText(file)), 'modules') === undefined || isOff
      ? []
      : [
          `the plugin ${plugin}@${market} has a mod, which may let calls run that a hook denies (${file}); managed settings keep mods from it`,
        ];
  });
};

/** A plugin given on the command line may be anywhere; its effect shows in the session's file afterwards. */
export const unlistedMods: NonNullable<Switch['note']> = (seen) =>
  isModFree(seen)
    ? []
    : [
        'a mod of a plugin that a start names (`--plugin-dir`) may run what the hook denies, which shows here only afterwards; any managed settings file keeps mods from that, and `disableSideloadFlags` in it refuses the argument',
      ];

/** Returns Gemini CLI custom commands that contain shell commands: no hook is called for these. */
export const customCommands: Switch['find'] = ({ places: { home, project } }) =>
  [join(home, '.gemini', 'commands'), join(home, '.gemini', 'extensions'), join(project, '.gemini', 'commands')]
    .flatMap((folder) => filesBelow(folder, /\.toml$/))
    .filter((file) => textIn(readFileText(file)).includes('!{'))
    .map((file) => `${file} has a shell command (!{...}): Gemini CLI runs it without calling a hook`);

function filesBelow(folder: string, name: RegExp): string[] {
  const found: string[] = [];
  const folders = [folder];
  let left = MAX_ENTRIES;
  for (let next = folders.pop(); next !== undefined && left > 0; next = folders.pop()) {
    for (const entry of entriesOf(next)) {
      left -= 1;
      const path = join(next, entry.name);
      if (entry.isDirectory()) folders.push(path);
      else if (name.test(path)) found.push(path);
    }
  }
  return found.sort();
}

function entriesOf(folder: string): { name: string; isDirectory(): boolean }[] {
  try {
    return readdirSync(folder, { withFileTypes: true });
  } catch {
    return [];
  }
}

function jsonOf(text: FileText): unknown {
  const parsed = jsonWithComments(textIn(text));
  return 'value' in parsed ? parsed.value : undefined;
}

function textIn(text: FileText): string {
  return text.kind === 'text' ? text.text : '';
}
