import { join } from 'node:path';
import type { Client } from './client.js';
import { ourHooks, putHook, removeHooks } from './hook-list.js';
import { JsonSettings } from './json-settings.js';

const EVENT = 'BeforeTool';

/** Milliseconds. */
const TIMEOUT_MS = 10_000;

export const geminiCli: Client = {
  name: 'gemini-cli',
  scopes: ['project', 'user'],
  event: EVENT,
  file: (scope, { project, home }) => join(scope === 'project' ? project : home, '.gemini', 'settings.json'),
  install: (path, text, _scope, { hook, telemetryUrl }) => {
    const settings = new JsonSettings(path, text);
    const command = hook.type === 'command' ? hook.command : '';
    putHook(settings, EVENT, { matcher: '*', hooks: [{ name: 'shieldwatch', type: 'command', command, timeout: TIMEOUT_MS }] });
    if (telemetryUrl !== undefined) {
      const telemetry = { enabled: true, target: 'local', otlpEndpoint: telemetryUrl, otlpProtocol: 'http', logPrompts: false };
      for (const [name, value] of Object.entries(telemetry)) if (settings.get(['telemetry', name]) !== value) settings.set(['telemetry', name], value);
    }
    return settings.text;
  },
  uninstall: (path, text) => {
    const settings = new JsonSettings(path, text);
    removeHooks(settings, EVENT);
    return settings.text;
  },
  find: (path, text) => {
    const [hook] = ourHooks(new JsonSettings(path, text), EVENT);
    return hook === undefined ? undefined : { type: 'command', command: String(hook['command']) };
  },
  notes: (_scope, { telemetryUrl }) => [
    'Gemini CLI runs a call whose hook crashes or runs out of time; it has no setting for that.',
    ...(telemetryUrl === undefined
      ? []
      : ['Telemetry: set OTEL_EXPORTER_OTLP_HEADERS="Authorization=Bearer <ingest token>" and OTEL_RESOURCE_ATTRIBUTES in the environment. Gemini sends its whole command line, prompt included, as a resource attribute: avoid `-p` with what must not leave.']),
  ],
  obstacles: (texts) =>
    [...texts.values()].flatMap(({ file, text }) => {
      const settings = new JsonSettings(file, text);
      const isOff = settings.get(['hooksConfig', 'enabled']) === false || settings.get(['tools', 'enableHooks']) === false;
      return isOff ? [`hooks are switched off in ${file}`] : [];
    }),
};
