import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { repositoryAttributes } from '#schemas/records/repository.js';
import { refusedValue } from './claude-code-schema.js';
import type { Client, Places, Scope, Wanted } from './client.js';
import { findHooks, putHook, removeHooks } from './hook-list.js';
import { asStrictJson, JsonSettings } from './json-settings.js';
import { isObject, strictJson, type Reading } from './reading.js';

/** The second is for shell commands in skills and custom commands; Claude Code has it since 2.1.332. */
const EVENTS = ['PreToolUse', 'PreSkillShellCommand'] as const;

/** In seconds. A verdict takes milliseconds; patterns are stopped after two seconds. */
const TIMEOUT_S = 10;

const managedFolder = ({ platform }: Places): string =>
  platform === 'darwin' ? '/Library/Application Support/ClaudeCode' : '/etc/claude-code';

function file(scope: Scope, places: Places): string {
  const { project, home, env } = places;
  return {
    project: join(project, '.claude', 'settings.json'),
    local: join(project, '.claude', 'settings.local.json'),
    user: join(env['CLAUDE_CONFIG_DIR'] || join(home, '.claude'), 'settings.json'),
    managed: join(managedFolder(places), 'managed-settings.json'),
  }[scope];
}

function hookEntry({ hook, onFailure }: Wanted): Record<string, unknown> {
  const shape =
    hook.type === 'command'
      ? { type: 'command', command: hook.command }
      : { type: 'http', url: hook.url, headers: { Authorization: `Bearer ${hook.token}` } };
  return { ...shape, timeout: TIMEOUT_S, ...(onFailure === 'block' ? { onFailure } : {}) };
}

/** Claude Code reads these from user and managed settings, and silently ignores them in a project's. */
function telemetryEnv(url: string): Record<string, string> {
  return {
    CLAUDE_CODE_ENABLE_TELEMETRY: '1',
    OTEL_LOGS_EXPORTER: 'otlp',
    OTEL_METRICS_EXPORTER: 'otlp',
    OTEL_EXPORTER_OTLP_PROTOCOL: 'http/protobuf',
    OTEL_EXPORTER_OTLP_ENDPOINT: url,
  };
}

/** The only variable that a project's settings may set: it labels the repository's telemetry. */
function labels(repository: string): Record<string, string> {
  const attributes = Object.entries(repositoryAttributes(repository)).map(
    ([key, value]) => `${key}=${encodeURIComponent(value)}`,
  );
  return { OTEL_RESOURCE_ATTRIBUTES: attributes.join(',') };
}

function envFor(scope: Scope, { telemetryUrl, repository }: Wanted): Record<string, string> {
  if (telemetryUrl === undefined) return {};
  return scope === 'user' || scope === 'managed' ? telemetryEnv(telemetryUrl) : labels(repository);
}

/** Further managed settings, in increasing precedence. */
function managedParts(places: Places): string[] {
  const folder = join(managedFolder(places), 'managed-settings.d');
  try {
    return readdirSync(folder)
      .filter((name) => name.endsWith('.json') && !name.startsWith('.'))
      .sort()
      .map((name) => join(folder, name));
  } catch {
    return [];
  }
}

/** Strict JSON, a byte order mark allowed; the whole file is ignored for one value that violates the schema. */
function read(text: Parameters<Client['read']>[0], path: string): Reading {
  if (text.kind !== 'text') return text;
  const body = text.text.replace(/^\ufeff/, '');
  if (body.trim() === '') return { kind: 'read', settings: {} };
  const parsed = strictJson(body);
  // Claude Code does not start with managed settings that it cannot parse.
  const isManaged = /managed-settings(?:\.d\/[^/]*)?\.json$/.test(path);
  if ('error' in parsed || !isObject(parsed.value))
    return {
      kind: isManaged ? 'refused' : 'dropped',
      why: 'error' in parsed ? parsed.error : 'it is not a JSON object',
    };
  const refused = refusedValue(parsed.value);
  if (refused === undefined) return { kind: 'read', settings: parsed.value };
  // In managed settings it skips only the invalid values.
  return isManaged ? { kind: 'read', settings: parsed.value } : { kind: 'dropped', why: refused };
}

export const claudeCode: Client = {
  name: 'claude-code',
  scopes: ['project', 'local', 'user', 'managed'],
  events: EVENTS,
  file,
  files: (places) => [
    ...(['project', 'local', 'user', 'managed'] as const).map((scope) => ({ scope, file: file(scope, places) })),
    ...managedParts(places).map((path) => ({ scope: 'managed' as const, file: path })),
  ],
  read,
  install: (path, text, scope, wanted) => {
    const settings = new JsonSettings(path, text, 'strict');
    for (const event of EVENTS) putHook(settings, event, { matcher: '', hooks: [hookEntry(wanted)] });
    for (const [name, value] of Object.entries(envFor(scope, wanted))) {
      if (settings.get(['env', name]) !== value) settings.set(['env', name], value);
    }
    return settings.text;
  },
  uninstall: (path, text) => {
    const settings = new JsonSettings(path, text, 'lenient');
    for (const event of EVENTS) removeHooks(settings, event);
    return settings.text;
  },
  repair: asStrictJson,
  find: (settings) => findHooks(settings, EVENTS),
  notes: (scope, { hook, onFailure, telemetryUrl }) => [
    ...(onFailure === 'block'
      ? [
          'onFailure is "block": a call whose hook crashes, is missing or runs out of time does not run. Claude Code would let it run otherwise; choose that with --on-failure continue.',
        ]
      : [
          "onFailure is left at Claude Code's default: a call whose hook crashes, is missing or runs out of time RUNS.",
        ]),
    ...(hook.type === 'http'
      ? [
          'The HTTP hook needs `shieldwatch agent` to run; with onFailure "block" every call is blocked while it does not.',
          'Claude Code cannot verify who answers an HTTP hook: while the agent is down any user of this machine may take its port, read the calls and the token, and let everything run.',
        ]
      : []),
    ...(scope === 'managed'
      ? []
      : [
          'Any user or program that can write these settings can disable the hook. Managed settings (--scope managed) are writable by root only and override all others.',
          'A mod of a plugin can run a call that the hook denies, or keep the hook from being asked. Any managed settings file keeps mods from both; "disableSideloadFlags": true in it also refuses --plugin-dir.',
        ]),
    ...(telemetryUrl === undefined
      ? []
      : scope === 'user' || scope === 'managed'
        ? [
            'Telemetry: set OTEL_EXPORTER_OTLP_HEADERS="Authorization=Bearer <ingest token>" in the environment Claude Code starts in (the token is not written into settings).',
          ]
        : [
            "Telemetry: of a project's settings Claude Code takes OTEL_RESOURCE_ATTRIBUTES alone, and ignores the rest without a word. Put the rest into user settings (--scope user) or the environment:",
            ...Object.entries(telemetryEnv(telemetryUrl)).map(([name, value]) => `  export ${name}=${value}`),
            '  export OTEL_EXPORTER_OTLP_HEADERS="Authorization=Bearer <ingest token>"',
          ]),
  ],
  blindSpots: [
    'Claude Code before 2.1.332 passes shell commands in skills and custom commands (!`command`) to no hook; it ignores the entry under PreSkillShellCommand',
  ],
};
