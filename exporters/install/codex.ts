import { join } from 'node:path';
import { parse } from 'smol-toml';
import { CommandError } from '#schemas/errors.js';
import type { Client } from './client.js';
import { isOurs } from './hook-command.js';

const BEGIN = '# >>> shieldwatch: written by `shieldwatch install`';
const END = '# <<< shieldwatch';
const BLOCK = new RegExp(`\\n*${BEGIN}\\n[\\s\\S]*?${END}\\n?`);

/** Seconds. */
const TIMEOUT_S = 10;

interface CodexConfig {
  readonly hooks?: { readonly PreToolUse?: readonly { readonly hooks?: readonly { readonly command?: unknown }[] }[] };
}

function read(file: string, text: string): CodexConfig {
  try {
    return parse(text);
  } catch {
    throw new CommandError(`${file} is not TOML; nothing was changed`);
  }
}

function withoutBlock(text: string): string {
  return text.replace(BLOCK, (block) => (block.startsWith('\n') ? '\n' : ''));
}

function ourCommand(config: CodexConfig): string | undefined {
  const commands = config.hooks?.PreToolUse?.flatMap((group) => group.hooks ?? []).map(({ command }) => command);
  return commands?.find((command): command is string => typeof command === 'string' && isOurs(command));
}

export const codex: Client = {
  name: 'codex',
  scopes: ['user'],
  event: 'PreToolUse',
  file: (_scope, { home, env }) => join(env['CODEX_HOME'] || join(home, '.codex'), 'config.toml'),
  install: (file, text, _scope, { hook }) => {
    read(file, text);
    const command = hook.type === 'command' ? hook.command : '';
    // JSON's strings are TOML's basic strings.
    const block = [BEGIN, '[[hooks.PreToolUse]]', '[[hooks.PreToolUse.hooks]]', 'type = "command"', `command = ${JSON.stringify(command)}`, `timeout = ${String(TIMEOUT_S)}`, END].join('\n');
    const rest = withoutBlock(text);
    const other = ourCommand(read(file, rest));
    if (other !== undefined) throw new CommandError(`${file} calls our hook outside of the block we write; remove that entry first`);
    const changed = `${rest}${rest === '' || rest.endsWith('\n') ? '' : '\n'}${rest === '' ? '' : '\n'}${block}\n`;
    // An inline `hooks = {...}` cannot be added to.
    read(file, changed);
    return changed;
  },
  uninstall: (file, text) => {
    read(file, text);
    return withoutBlock(text);
  },
  find: (file, text) => {
    const command = ourCommand(read(file, text));
    return command === undefined ? undefined : { type: 'command', command };
  },
  notes: (_scope, { telemetryUrl }) => [
    'Codex skips a hook it does not trust, in silence: start `codex` once and approve it there. `codex exec` without that runs every call unjudged.',
    'Codex runs a call whose hook crashes or runs out of time; it has no setting for that.',
    ...(telemetryUrl === undefined
      ? []
      : [
          'Telemetry: add this to the file yourself (it holds the ingest token); Codex exports tool arguments and output in clear, which our gateway and collector redact:',
          '  [otel]',
          `  exporter = { otlp-http = { endpoint = "${telemetryUrl}/v1/logs", protocol = "json", headers = { "Authorization" = "Bearer <ingest token>" } } }`,
        ]),
  ],
  obstacles: () => ['Codex calls it only once it is approved in the Codex prompt (or with managed hooks); its settings do not show whether it is'],
};
