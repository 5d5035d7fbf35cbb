import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { anthropicApi } from '../drill/anthropic-api.js';
import { geminiApi } from '../drill/gemini-api.js';
import type { ModelApi } from '../drill/model-api.js';
import { openaiApi } from '../drill/openai-api.js';
import type { Ended, Workplace } from './workplace.js';

export const AGENTS = ['claude-code', 'codex', 'gemini-cli'] as const;
export type AgentName = (typeof AGENTS)[number];

/** How a user starts the agent, beyond the options of a run without a terminal. */
export interface Launch {
  readonly prompt?: string;
  readonly args?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** False if the agent has to ask before it runs a command. By default it does not. */
  readonly mayRunAll?: boolean;
}

/** The real client of one agent, without a terminal and with a stand-in for its model. */
export interface Driver {
  readonly api: ModelApi;
  /** Prefix of call ids. */
  readonly idPrefix: string;
  /** Writes the settings that the stand-in needs, as a user would have them before an installation. */
  prepare(workplace: Workplace, modelUrl: string): void;
  /** Performs the user's step after an installation: Codex calls only approved hooks. */
  approve(workplace: Workplace, folder: string): Promise<void>;
  /** @param folder where npm installed the clients */
  run(workplace: Workplace, folder: string, modelUrl: string, launch: Launch): Promise<Ended>;
}

const FAKE_KEY = ['sk-ant-', 'fake-key-for-tests'].join('');

const NATIVE_CLAUDE = [
  'claude-code-linux-x64',
  'claude-code-linux-arm64',
  'claude-code-darwin-arm64',
  'claude-code-darwin-x64',
];

/** Claude Code's program: its package's start script requires an install script. */
export function claudeFile(folder: string): string {
  const modules = join(folder, 'node_modules');
  return (
    NATIVE_CLAUDE.map((name) => join(modules, '@anthropic-ai', name, 'claude')).find((file) => existsSync(file)) ??
    join(modules, '.bin', 'claude')
  );
}

/** Puts the clients' commands on PATH, as users have them. */
export function programs(folder: string): Record<string, string> {
  const bin = join(folder, 'node_modules', '.bin');
  return { claude: claudeFile(folder), codex: join(bin, 'codex'), gemini: join(bin, 'gemini') };
}

/** Approves every hook that Codex lists, as its prompt does: Codex stores a hash of each. */
async function approveInCodex(workplace: Workplace, folder: string): Promise<void> {
  const requests = [
    { id: 1, method: 'initialize', params: { clientInfo: { name: 'approver', version: '1' } } },
    { method: 'initialized' },
    { id: 2, method: 'hooks/list', params: { cwds: [workplace.project] } },
  ];
  const input = requests.map((request) => `${JSON.stringify(request)}\n`).join('');
  const { stdout } = await workplace.run(
    process.execPath,
    [join(folder, 'node_modules/@openai/codex/bin/codex.js'), 'app-server'],
    {},
    { input, until: '"id":2' },
  );
  const line = stdout.split('\n').find((candidate) => candidate.includes('"id":2')) ?? '{}';
  const { result } = JSON.parse(line) as { result?: { data: { hooks: { key: string; currentHash: string }[] }[] } };
  const states = (result?.data ?? [])
    .flatMap(({ hooks }) => hooks)
    .map(
      ({ key, currentHash }) =>
        `\n[hooks.state.${JSON.stringify(key)}]\ntrusted_hash = ${JSON.stringify(currentHash)}\n`,
    );
  const config = workplace.path('~/.codex/config.toml');
  writeFileSync(config, `${readFileSync(config, 'utf8')}${states.join('')}`);
}

export const DRIVERS: Readonly<Record<AgentName, Driver>> = {
  'claude-code': {
    api: anthropicApi,
    idPrefix: 'toolu_01',
    prepare: () => undefined,
    approve: () => Promise.resolve(),
    run: (workplace, folder, modelUrl, { prompt = 'go', args = [], env = {}, mayRunAll = true }) =>
      workplace.run(
        claudeFile(folder),
        ['-p', prompt, ...(mayRunAll ? ['--dangerously-skip-permissions'] : []), '--output-format', 'json', ...args],
        {
          ANTHROPIC_API_KEY: FAKE_KEY,
          ANTHROPIC_BASE_URL: modelUrl,
          CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: '1',
          DISABLE_AUTOUPDATER: '1',
          // Without it Claude Code refuses to skip permissions as root, under which tests run in containers.
          IS_SANDBOX: '1',
          ...env,
        },
      ),
  },
  codex: {
    api: openaiApi,
    idPrefix: 'call_',
    prepare: (workplace, modelUrl) => {
      const config = [
        'model = "gpt-5-codex"',
        'model_provider = "stand-in"',
        '',
        '[model_providers.stand-in]',
        'name = "stand-in"',
        `base_url = "${modelUrl}"`,
        'wire_api = "responses"',
        'env_key = "STAND_IN_KEY"',
      ];
      workplace.write('~/.codex/config.toml', `${config.join('\n')}\n`);
    },
    approve: approveInCodex,
    run: (workplace, folder, _modelUrl, { prompt = 'go', args = [], env = {}, mayRunAll = true }) =>
      workplace.run(
        process.execPath,
        [
          join(folder, 'node_modules/@openai/codex/bin/codex.js'),
          'exec',
          '--skip-git-repo-check',
          ...(mayRunAll ? ['--dangerously-bypass-approvals-and-sandbox'] : []),
          ...args,
          prompt,
        ],
        { STAND_IN_KEY: FAKE_KEY, ...env },
      ),
  },
  'gemini-cli': {
    api: geminiApi,
    idPrefix: 'gemini_',
    prepare: (workplace) => {
      workplace.write(
        '~/.gemini/settings.json',
        '{\n  // kept\n  "security": { "auth": { "selectedType": "gemini-api-key" } }\n}\n',
      );
      workplace.write('~/.gemini/trustedFolders.json', JSON.stringify({ [workplace.project]: 'TRUST_FOLDER' }));
    },
    approve: () => Promise.resolve(),
    run: (workplace, folder, modelUrl, { prompt = 'go', args = [], env = {}, mayRunAll = true }) =>
      workplace.run(
        process.execPath,
        [
          join(folder, 'node_modules/@google/gemini-cli/bundle/gemini.js'),
          '-p',
          prompt,
          ...(mayRunAll ? ['--yolo'] : []),
          '--model',
          'gemini-2.5-flash',
          ...args,
        ],
        {
          GEMINI_API_KEY: FAKE_KEY,
          GOOGLE_GEMINI_BASE_URL: modelUrl,
          GEMINI_CLI_NO_RELAUNCH: 'true',
          GEMINI_CLI_TRUST_WORKSPACE: 'true',
          ...env,
        },
      ),
  },
};
