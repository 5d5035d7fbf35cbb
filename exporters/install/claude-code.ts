import { join } from 'node:path';
import { repositoryAttributes } from '#schemas/records/repository.js';
import type { Client, Places, Scope, Wanted } from './client.js';
import type { InstalledHook } from './hook-command.js';
import { ourHooks, putHook, removeHooks } from './hook-list.js';
import { JsonSettings } from './json-settings.js';

const EVENT = 'PreToolUse';

/** Seconds. A verdict takes milliseconds; patterns are stopped after two seconds. */
const TIMEOUT_S = 10;

function file(scope: Scope, { project, home, env, platform }: Places): string {
  const managed = platform === 'darwin' ? '/Library/Application Support/ClaudeCode' : '/etc/claude-code';
  return {
    project: join(project, '.claude', 'settings.json'),
    local: join(project, '.claude', 'settings.local.json'),
    user: join(env['CLAUDE_CONFIG_DIR'] || join(home, '.claude'), 'settings.json'),
    managed: join(managed, 'managed-settings.json'),
  }[scope];
}

function hookEntry({ hook, onFailure }: Wanted): Record<string, unknown> {
  const shape = hook.type === 'command' ? { type: 'command', command: hook.command } : { type: 'http', url: hook.url, headers: { Authorization: `Bearer ${hook.token}` } };
  return { ...shape, timeout: TIMEOUT_S, ...(onFailure === 'block' ? { onFailure } : {}) };
}

/** Claude Code takes these from user and managed settings, and ignores them without a word in a project's. */
function telemetryEnv(url: string): Record<string, string> {
  return {
    CLAUDE_CODE_ENABLE_TELEMETRY: '1',
    OTEL_LOGS_EXPORTER: 'otlp',
    OTEL_METRICS_EXPORTER: 'otlp',
    OTEL_EXPORTER_OTLP_PROTOCOL: 'http/protobuf',
    OTEL_EXPORTER_OTLP_ENDPOINT: url,
  };
}

/** The one variable a project's settings may set: it labels the repository's telemetry. */
function labels(repository: string): Record<string, string> {
  const attributes = Object.entries(repositoryAttributes(repository)).map(([key, value]) => `${key}=${encodeURIComponent(value)}`);
  return { OTEL_RESOURCE_ATTRIBUTES: attributes.join(',') };
}

function envFor(scope: Scope, { telemetryUrl, repository }: Wanted): Record<string, string> {
  if (telemetryUrl === undefined) return {};
  return scope === 'user' || scope === 'managed' ? telemetryEnv(telemetryUrl) : labels(repository);
}

function find(path: string, text: string): InstalledHook | undefined {
  const [hook] = ourHooks(new JsonSettings(path, text), EVENT);
  if (hook === undefined) return undefined;
  if (hook['type'] !== 'http') return { type: 'command', command: String(hook['command']) };
  const { Authorization = '' } = (hook['headers'] ?? {}) as { Authorization?: string };
  return { type: 'http', url: String(hook['url']), token: Authorization.replace(/^Bearer /, '') };
}

export const claudeCode: Client = {
  name: 'claude-code',
  scopes: ['project', 'local', 'user', 'managed'],
  event: EVENT,
  file,
  install: (path, text, scope, wanted) => {
    const settings = new JsonSettings(path, text);
    putHook(settings, EVENT, { matcher: '', hooks: [hookEntry(wanted)] });
    for (const [name, value] of Object.entries(envFor(scope, wanted))) {
      if (settings.get(['env', name]) !== value) settings.set(['env', name], value);
    }
    return settings.text;
  },
  uninstall: (path, text) => {
    const settings = new JsonSettings(path, text);
    removeHooks(settings, EVENT);
    return settings.text;
  },
  find,
  notes: (scope, { hook, onFailure, telemetryUrl }) => [
    ...(onFailure === 'block'
      ? ['onFailure is "block": a call whose hook crashes, is missing or runs out of time does not run. Claude Code would let it run otherwise; choose that with --on-failure continue.']
      : ['onFailure is left at Claude Code\'s default: a call whose hook crashes, is missing or runs out of time RUNS.']),
    ...(hook.type === 'http' ? ['The HTTP hook needs `shieldwatch agent` to run; with onFailure "block" every call is blocked while it does not.'] : []),
    ...(telemetryUrl === undefined
      ? []
      : scope === 'user' || scope === 'managed'
        ? ['Telemetry: set OTEL_EXPORTER_OTLP_HEADERS="Authorization=Bearer <ingest token>" in the environment Claude Code starts in (the token is not written into settings).']
        : [
            'Telemetry: of a project\'s settings Claude Code takes OTEL_RESOURCE_ATTRIBUTES alone, and ignores the rest without a word. Put the rest into user settings (--scope user) or the environment:',
            ...Object.entries(telemetryEnv(telemetryUrl)).map(([name, value]) => `  export ${name}=${value}`),
            '  export OTEL_EXPORTER_OTLP_HEADERS="Authorization=Bearer <ingest token>"',
          ]),
  ],
  obstacles: (texts, installedIn) => {
    const found: string[] = [];
    for (const [scope, { file: path, text }] of texts) {
      const settings = new JsonSettings(path, text);
      if (settings.get(['disableAllHooks']) === true) found.push(`disableAllHooks is set in ${path}: no hook is called`);
      if (scope === 'managed' && installedIn !== 'managed' && settings.get(['allowManagedHooksOnly']) === true) {
        found.push(`allowManagedHooksOnly is set in ${path}: hooks of other settings are not called`);
      }
    }
    return found;
  },
};
