import { dirname, join } from 'node:path';
import { CommandError } from '#schemas/errors.js';
import type { Client, Places, Scope } from './client.js';
import { findHooks } from './hook-list.js';
import { isObject, strictJson, strictToml, type Reading } from './reading.js';
import { blankLinesAndComments, tablesOf, type TomlTable } from './toml-tables.js';

const EVENT = 'PreToolUse';
const BEGIN = '# >>> shieldwatch: written by `shieldwatch install`';
const END = '# <<< shieldwatch';

/** Seconds. */
const TIMEOUT_S = 10;

const userFolder = ({ home, env }: Places): string => env['CODEX_HOME'] || join(home, '.codex');

/** TOML, or JSON in `hooks.json`, which Codex reads as well. */
function read(text: Parameters<Client['read']>[0], file: string): Reading {
  if (text.kind !== 'text') return text;
  if (text.encoding !== 'utf-8') return { kind: 'refused', why: 'it is UTF-16' };
  const parsed = file.endsWith('.json') ? strictJson(text.text) : strictToml(text.text);
  if ('error' in parsed) return { kind: 'refused', why: parsed.error };
  return isObject(parsed.value)
    ? { kind: 'read', settings: parsed.value }
    : { kind: 'refused', why: 'it is not an object' };
}

function parsed(file: string, text: string): Readonly<Record<string, unknown>> {
  const toml = strictToml(text);
  if ('error' in toml) throw new CommandError(`${file} is not TOML (${toml.error}); nothing was changed`);
  return toml.value;
}

/**
 * Returns the text without our hook and our two comments, found by content instead of position: Codex writes new tables
 * between them. Every other line stays unchanged.
 */
function withoutHook(file: string, text: string): string {
  const places = findHooks(parsed(file, text), [EVENT]).map(({ place }) => place);
  const lines = text.split('\n');
  const groups = groupsOf(tablesOf(lines));
  const silent = blankLinesAndComments(lines);
  const gone = new Set<number>();
  for (const [group, index] of places) {
    const found = groups[group];
    const hook = found?.hooks[index];
    if (found === undefined || hook === undefined)
      throw new CommandError(
        `${file} holds our hook in a form that cannot be taken out; remove it from hooks.${EVENT} by hand`,
      );
    const isLast = places.filter(([other]) => other === group).length === found.hooks.length;
    for (const table of [...hook, ...(isLast ? [found.header] : [])])
      for (let line = table.start; line < table.end; line += 1) if (!silent.has(line)) gone.add(line);
  }
  for (const index of silent) {
    const line = lines[index]?.trim();
    if (line === BEGIN || line === END) gone.add(index);
    // The blank line before the block.
    if (line === BEGIN && index > 1 && lines[index - 1]?.trim() === '') gone.add(index - 1);
  }
  return lines.filter((_, index) => !gone.has(index)).join('\n');
}

interface Group {
  readonly header: TomlTable;
  /** Returns the tables of each hook: its own, and those below it. */
  readonly hooks: TomlTable[][];
}

function groupsOf(tables: readonly TomlTable[]): Group[] {
  const groups: Group[] = [];
  for (const table of tables) {
    const group = groups.at(-1);
    if (table.name === `hooks.${EVENT}` && table.isArrayElement) groups.push({ header: table, hooks: [] });
    else if (table.name === `hooks.${EVENT}.hooks` && table.isArrayElement) group?.hooks.push([table]);
    else if (table.name.startsWith(`hooks.${EVENT}.hooks.`)) group?.hooks.at(-1)?.push(table);
  }
  return groups;
}

export const codex: Client = {
  name: 'codex',
  scopes: ['user'],
  events: [EVENT],
  file: (_scope, places) => join(userFolder(places), 'config.toml'),
  files: (places) => {
    const files: [Scope, string][] = [
      ['project', join(places.project, '.codex', 'config.toml')],
      ['project', join(places.project, '.codex', 'hooks.json')],
      ['user', join(userFolder(places), 'config.toml')],
      ['user', join(userFolder(places), 'hooks.json')],
      ['managed', '/etc/codex/config.toml'],
      ['managed', '/etc/codex/managed_config.toml'],
      ['managed', '/etc/codex/requirements.toml'],
    ];
    return files
      .filter(([scope, file]) => scope !== 'project' || dirname(file) !== userFolder(places))
      .map(([scope, file]) => ({ scope, file }));
  },
  read,
  install: (file, text, _scope, { hook }) => {
    const command = hook.type === 'command' ? hook.command : '';
    const [first, ...others] = findHooks(parsed(file, text), [EVENT]);
    const isWanted =
      first !== undefined &&
      others.length === 0 &&
      JSON.stringify(first.group) === JSON.stringify({ hooks: [{ type: 'command', command, timeout: TIMEOUT_S }] });
    if (isWanted) return text;
    const eol = text.includes('\r\n') ? '\r\n' : '\n';
    // JSON's strings are TOML's basic strings.
    const block = [
      BEGIN,
      `[[hooks.${EVENT}]]`,
      `[[hooks.${EVENT}.hooks]]`,
      'type = "command"',
      `command = ${JSON.stringify(command)}`,
      `timeout = ${String(TIMEOUT_S)}`,
      END,
    ].join(eol);
    const rest = withoutHook(file, text);
    const changed = `${rest}${rest === '' || rest.endsWith('\n') ? '' : eol}${rest === '' ? '' : eol}${block}${eol}`;
    // An inline `hooks = {...}` cannot be extended.
    parsed(file, changed);
    return changed;
  },
  uninstall: withoutHook,
  repair: () => undefined,
  find: (settings) => findHooks(settings, [EVENT]),
  notes: (_scope, { telemetryUrl }) => [
    'Codex silently skips a hook that it does not trust: start `codex` once and approve it there. Until then `codex exec` runs every call unjudged.',
    'Codex runs a call whose hook runs out of time; it has no setting for that.',
    ...(telemetryUrl === undefined
      ? []
      : [
          'Telemetry: add this to the file yourself (it holds the ingest token); Codex exports tool arguments and output in clear, which our gateway and collector redact:',
          '  [otel]',
          `  exporter = { otlp-http = { endpoint = "${telemetryUrl}/v1/logs", protocol = "json", headers = { "Authorization" = "Bearer <ingest token>" } } }`,
        ]),
  ],
  blindSpots: [
    'Codex passes input to a running command (`write_stdin`) to no hook: deny bare interactive shells (`bash`, `python`, `node` without arguments) in the policy',
  ],
};
