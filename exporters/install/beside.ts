import { readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { isOurs } from './hook-command.js';
import { isObject, jsonWithComments, readFileText, valueAt } from './reading.js';
import type { Seen, Switch } from './switches.js';

/** Folders and files looked through at most. */
const MAX_ENTRIES = 5_000;

/**
 * Other hooks at the event: the agent hands all of them the call as it was asked for, and runs what another makes of it, which
 * ours does not see.
 */
export function otherHooks(event: string): Switch['find'] {
  return (seen) => {
    if (isManagedAlone(seen)) return [];
    const settings = seen.files.flatMap(({ file, scope, reading }) => (reading.kind === 'read' && scope !== 'managed' ? [{ file, hooks: reading.settings['hooks'] }] : []));
    // Codex reads this file beside each of its own.
    const beside = seen.files.filter(({ file }) => file.endsWith('config.toml')).map(({ file }) => join(dirname(file), 'hooks.json')).map((file) => ({ file, hooks: valueAt(jsonIn(file), 'hooks') }));
    return [...settings, ...beside].filter(({ hooks }) => hasOther(hooks, event)).map(({ file }) => `another hook stands under ${event} in ${file}: what it makes of a call is run without being judged`);
  };
}

function hasOther(hooks: unknown, event: string): boolean {
  const groups = valueAt(hooks, event);
  const entries = (Array.isArray(groups) ? groups : []).flatMap((group) => valueAt(group, 'hooks')).filter(isObject);
  return entries.some((entry) => ![entry['command'], entry['url']].some((text) => typeof text === 'string' && isOurs(text)));
}

/** Ours is the organisation's, and only those are called. */
function isManagedAlone({ files, installed }: Seen): boolean {
  return installed.scope === 'managed' && files.some(({ scope, reading }) => scope === 'managed' && reading.kind === 'read' && (reading.settings['allowManagedHooksOnly'] === true || reading.settings['allow_managed_hooks_only'] === true));
}

/** Plugins of Claude Code with code in its own process, which may overrule a hook. Where settings are managed they may not. */
export const mods: Switch['find'] = ({ files, places }) => {
  if (files.some(({ scope, reading }) => scope === 'managed' && reading.kind === 'read')) return [];
  const cache = join(places.env['CLAUDE_CONFIG_DIR'] || join(places.home, '.claude'), 'plugins', 'cache');
  return filesBelow(cache, /[\\/]hooks[\\/]hooks\.json$/).flatMap((file) => {
    const [market = '', plugin = ''] = file.slice(cache.length + 1).split(/[\\/]/);
    const isOff = files.some(({ reading }) => reading.kind === 'read' && valueAt(reading.settings, 'enabledPlugins', `${plugin}@${market}`) === false);
    return valueAt(jsonIn(file), 'modules') === undefined || isOff ? [] : [`the plugin ${plugin}@${market} has a mod, which may let calls run that a hook denies (${file}); managed settings keep mods from it`];
  });
};

/** Custom commands of Gemini CLI with shell commands in them: no hook is called for these. */
export const customCommands: Switch['find'] = ({ places: { home, project } }) =>
  [join(home, '.gemini', 'commands'), join(home, '.gemini', 'extensions'), join(project, '.gemini', 'commands')]
    .flatMap((folder) => filesBelow(folder, /\.toml$/))
    .filter((file) => textIn(file).includes('!{'))
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

function jsonIn(file: string): unknown {
  const parsed = jsonWithComments(textIn(file));
  return 'value' in parsed ? parsed.value : undefined;
}

function textIn(file: string): string {
  const text = readFileText(file);
  return text.kind === 'text' ? text.text : '';
}
