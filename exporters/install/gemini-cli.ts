import { dirname, join } from 'node:path';
import { CommandError } from '#schemas/errors.js';
import type { Client, Places, Scope } from './client.js';
import { findHooks, putHook, removeHooks } from './hook-list.js';
import { asStrictJson, JsonSettings } from './json-settings.js';
import { isObject, jsonWithComments } from './reading.js';

const EVENT = 'BeforeTool';

/** Milliseconds. */
const TIMEOUT_MS = 10_000;

/** Gemini CLI's home folder. */
export const geminiHome = ({ home, env }: Places): string => env['GEMINI_CLI_HOME'] || home;

export const geminiCli: Client = {
  name: 'gemini-cli',
  scopes: ['project', 'user'],
  events: [EVENT],
  file: (scope, places) => join(scope === 'project' ? places.project : geminiHome(places), '.gemini', 'settings.json'),
  files: (places) => {
    const { project, env, platform } = places;
    const system =
      env['GEMINI_CLI_SYSTEM_SETTINGS_PATH'] ||
      (platform === 'darwin'
        ? '/Library/Application Support/GeminiCli/settings.json'
        : '/etc/gemini-cli/settings.json');
    const files: [Scope, string][] = [
      ['project', join(project, '.gemini', 'settings.json')],
      ['user', join(geminiHome(places), '.gemini', 'settings.json')],
      ['managed', env['GEMINI_CLI_SYSTEM_DEFAULTS_PATH'] || join(dirname(system), 'system-defaults.json')],
      ['managed', system],
    ];
    return files
      .filter(([scope, path]) => scope !== 'project' || path !== files[1]?.[1])
      .map(([scope, path]) => ({ scope, file: path }));
  },
  // Gemini CLI does not start with a file that it cannot parse; it warns of schema violations and uses the file.
  read: (text) => {
    if (text.kind !== 'text') return text;
    if (text.encoding !== 'utf-8') return { kind: 'refused', why: 'it is UTF-16' };
    const parsed = jsonWithComments(text.text);
    if ('error' in parsed) return { kind: 'refused', why: parsed.error };
    return isObject(parsed.value)
      ? { kind: 'read', settings: parsed.value }
      : { kind: 'refused', why: 'it is not a JSON object' };
  },
  install: (path, text, _scope, { hook, telemetryUrl }) => {
    if (text.startsWith('\ufeff'))
      throw new CommandError(
        `${path} begins with a byte order mark, with which Gemini CLI does not start; --repair rewrites it`,
      );
    const settings = new JsonSettings(path, text, 'comments');
    const command = hook.type === 'command' ? hook.command : '';
    // Gemini expands variables in every string of its settings.
    if (/\$\{?\w/.test(command))
      throw new CommandError(
        'the command holds a $ before a name, which Gemini CLI would replace by a variable; install from a folder without one',
      );
    putHook(settings, EVENT, {
      matcher: '*',
      hooks: [{ name: 'shieldwatch', type: 'command', command, timeout: TIMEOUT_MS }],
    });
    if (telemetryUrl !== undefined) {
      const telemetry = {
        enabled: true,
        target: 'local',
        otlpEndpoint: telemetryUrl,
        otlpProtocol: 'http',
        logPrompts: false,
      };
      for (const [name, value] of Object.entries(telemetry))
        if (settings.get(['telemetry', name]) !== value) settings.set(['telemetry', name], value);
    }
    return settings.text;
  },
  uninstall: (path, text) => {
    const settings = new JsonSettings(path, text, 'lenient');
    removeHooks(settings, EVENT);
    return settings.text;
  },
  repair: asStrictJson,
  find: (settings) => findHooks(settings, [EVENT]),
  notes: (_scope, { telemetryUrl }) => [
    'Gemini CLI runs a call whose hook crashes or runs out of time; it has no setting for that.',
    ...(telemetryUrl === undefined
      ? []
      : [
          'Telemetry: set OTEL_EXPORTER_OTLP_HEADERS="Authorization=Bearer <ingest token>" and OTEL_RESOURCE_ATTRIBUTES in the environment. Gemini sends its whole command line, prompt included, as a resource attribute: avoid `-p` with what must not leave.',
        ]),
  ],
  blindSpots: [],
};
