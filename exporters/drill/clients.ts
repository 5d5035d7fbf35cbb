import { join, resolve, dirname } from 'node:path';
import { mkdirSync, writeFileSync } from 'node:fs';
import type { Client, Places, SettingsFile } from '../install/client.js';
import { folderTrust } from '../install/gemini-cli-switches.js';
import { isObject, jsonWithComments, readFileText, strictJson, valueAt } from '../install/reading.js';
import { anthropicApi } from './anthropic-api.js';
import { geminiApi } from './gemini-api.js';
import type { ModelApi } from './model-api.js';
import { openaiApi } from './openai-api.js';
import { LOOPBACK } from './client-environment.js';
import type { StandIn } from './stand-in.js';

/** What a drill needs to start a client. */
export interface Start {
  readonly places: Places;
  /** Every settings file that the client reads. */
  readonly files: readonly SettingsFile[];
  readonly standIn: StandIn;
  /** Private folder for files of the drill, which is not the client's working folder. */
  readonly scratch: string;
}

/** How a client is started on the stand-in, without a terminal. */
export interface DrilledClient {
  /** Name of the program on PATH. */
  readonly program: string;
  readonly title: string;
  readonly api: ModelApi;
  /** Folder with the settings of a project; a drill links it into its working folder. */
  readonly settingsFolder: string | undefined;
  /** Why the client would not use the project's settings, or call no hook there; undefined if it does. */
  distrust(places: Places, files: readonly SettingsFile[]): string | undefined;
  /**
   * Returns arguments and environment, which add to the person's own settings: another model, no telemetry, no MCP
   * servers. Returns a problem if settings that nothing overrides would lead the client elsewhere.
   */
  start(start: Start): { args: readonly string[]; env: Readonly<Record<string, string>> } | { problem: string };
}

const PROMPT = 'Shieldwatch drill: make the requested call.';

const managedValue = (files: readonly SettingsFile[], ...path: string[]): unknown =>
  files
    .filter(({ scope }) => scope === 'managed')
    .map(({ reading }) => (reading.kind === 'read' ? valueAt(reading.settings, ...path) : undefined))
    .find((value) => value !== undefined);

const claudeCode: DrilledClient = {
  program: 'claude',
  title: 'Claude Code',
  api: anthropicApi,
  settingsFolder: '.claude',
  distrust: ({ project, home, env }) => {
    const file = join(env['CLAUDE_CONFIG_DIR'] || home, '.claude.json');
    const text = readFileText(file);
    const parsed = text.kind === 'text' ? strictJson(text.text) : { value: {} };
    const projects = 'value' in parsed ? valueAt(parsed.value, 'projects') : undefined;
    for (let folder = resolve(project); ; folder = dirname(folder)) {
      if (valueAt(projects, folder, 'hasTrustDialogAccepted') === true) return undefined;
      if (folder === dirname(folder)) return 'Claude Code does not trust this folder yet';
    }
  },
  start: ({ files, standIn, scratch }) => {
    const env = {
      ANTHROPIC_BASE_URL: standIn.url,
      ANTHROPIC_API_KEY: standIn.token,
      ANTHROPIC_AUTH_TOKEN: standIn.token,
      ANTHROPIC_CUSTOM_HEADERS: '',
      CLAUDE_CODE_USE_BEDROCK: '',
      CLAUDE_CODE_USE_VERTEX: '',
      CLAUDE_CODE_USE_FOUNDRY: '',
      CLAUDE_CODE_OAUTH_TOKEN: '',
      CLAUDE_CODE_ENABLE_TELEMETRY: '0',
      CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: '1',
      DISABLE_AUTOUPDATER: '1',
      HTTP_PROXY: standIn.origin,
      HTTPS_PROXY: standIn.origin,
      http_proxy: standIn.origin,
      https_proxy: standIn.origin,
      NO_PROXY: LOOPBACK,
      no_proxy: LOOPBACK,
    };
    const fixed = Object.keys(env).find((name) => managedValue(files, 'env', name) !== undefined);
    if (fixed !== undefined) return { problem: `managed settings set ${fixed}, which a drill cannot replace` };
    // Takes precedence over the `env` of user and project settings; a file, because arguments are public.
    const settings = join(scratch, 'claude-settings.json');
    writeFileSync(settings, JSON.stringify({ env }), { mode: 0o600, flag: 'wx' });
    return {
      args: [
        ...['-p', PROMPT, '--output-format', 'json', '--settings', settings],
        // Without the hook the call would run.
        ...['--allowedTools', 'Bash', '--strict-mcp-config', '--no-session-persistence'],
      ],
      env,
    };
  },
};

const codex: DrilledClient = {
  program: 'codex',
  title: 'Codex',
  api: openaiApi,
  // Codex trusts hooks by the path of their file: a link would be another one.
  settingsFolder: undefined,
  distrust: ({ project }, files) => {
    const own = files.find(({ scope, reading }) => scope === 'project' && reading.kind !== 'absent');
    return own === undefined
      ? undefined
      : `Codex reads ${own.file}, which a drill in a temporary folder cannot apply (project ${resolve(project)})`;
  },
  start: ({ files, standIn }) => {
    const servers = new Set(
      files.flatMap(({ reading }) => {
        const found = reading.kind === 'read' ? valueAt(reading.settings, 'mcp_servers') : undefined;
        return isObject(found) ? Object.keys(found) : [];
      }),
    );
    const provider = 'shieldwatch-drill';
    const options = [
      'model="gpt-5-codex"',
      `model_provider="${provider}"`,
      `model_providers.${provider}={name="${provider}",base_url="${standIn.url}",wire_api="responses",env_key="SHIELDWATCH_DRILL"}`,
      ...['exporter', 'metrics_exporter', 'trace_exporter'].map((name) => `otel.${name}="none"`),
      'analytics.enabled=false',
      'check_for_update_on_startup=false',
      'notify=[]',
      ...[...servers].filter((name) => /^[\w-]+$/.test(name)).map((name) => `mcp_servers.${name}.enabled=false`),
    ];
    return {
      args: [
        ...['exec', '--skip-git-repo-check', '--ephemeral'],
        // A sandbox would also keep the file from being created.
        '--dangerously-bypass-approvals-and-sandbox',
        ...options.flatMap((option) => ['-c', option]),
        PROMPT,
      ],
      env: { SHIELDWATCH_DRILL: standIn.token },
    };
  },
};

const geminiCli: DrilledClient = {
  program: 'gemini',
  title: 'Gemini CLI',
  api: geminiApi,
  settingsFolder: '.gemini',
  distrust: (places, files) => folderTrust({ places, files, textOf: readFileText })[0],
  start: ({ files, standIn, scratch }) => {
    // Only system settings override the person's; the drill's are a copy of those of this machine, and its own values.
    const system = files.filter(({ scope }) => scope === 'managed').at(-1);
    if (system !== undefined && system.reading.kind !== 'read' && system.reading.kind !== 'absent')
      return { problem: `${system.file} cannot be read, so a drill cannot add to it` };
    const text = system === undefined ? undefined : readFileText(system.file);
    const read = text?.kind === 'text' ? jsonWithComments(text.text) : undefined;
    const existing = read !== undefined && 'value' in read && isObject(read.value) ? read.value : {};
    const section = (name: string): Record<string, unknown> => {
      const value = existing[name];
      return isObject(value) ? { ...value } : {};
    };
    const settings = {
      ...existing,
      security: {
        ...section('security'),
        auth: {
          ...(isObject(section('security')['auth']) ? (section('security')['auth'] as object) : {}),
          selectedType: 'gemini-api-key',
        },
      },
      telemetry: { ...section('telemetry'), enabled: false },
      privacy: { ...section('privacy'), usageStatisticsEnabled: false },
      general: { ...section('general'), enableAutoUpdate: false },
    };
    const folder = join(scratch, 'gemini');
    mkdirSync(folder, { mode: 0o700 });
    const path = join(folder, 'settings.json');
    writeFileSync(path, JSON.stringify(settings), { mode: 0o600, flag: 'wx' });
    const defaults = files.find(({ file, scope }) => scope === 'managed' && file !== system?.file)?.file;
    return {
      args: ['-p', PROMPT, '--yolo', '--model', 'gemini-2.5-flash', '--allowed-mcp-server-names', 'none'],
      env: {
        GEMINI_API_KEY: standIn.token,
        GOOGLE_API_KEY: standIn.token,
        GOOGLE_GENAI_USE_VERTEXAI: 'false',
        GOOGLE_GENAI_USE_GCA: 'false',
        GOOGLE_GEMINI_BASE_URL: standIn.url,
        GEMINI_CLI_SYSTEM_SETTINGS_PATH: path,
        ...(defaults === undefined ? {} : { GEMINI_CLI_SYSTEM_DEFAULTS_PATH: defaults }),
        // Whether the person's folder is trusted was checked before.
        GEMINI_CLI_TRUST_WORKSPACE: 'true',
        GEMINI_CLI_NO_RELAUNCH: 'true',
        GEMINI_TELEMETRY_ENABLED: 'false',
      },
    };
  },
};

export const DRILLED: Readonly<Record<Client['name'], DrilledClient>> = {
  'claude-code': claudeCode,
  codex,
  'gemini-cli': geminiCli,
};
