import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { DecisionRecord } from '#schemas/records/decision.js';
import { hookToken } from '../agent/hook-token.js';
import { startHttpHook, type HttpHook } from '../agent/http-hook.js';
import { claudeCode } from '../install/claude-code.js';
import type { Client, OnFailure, Places } from '../install/client.js';
import { codex } from '../install/codex.js';
import { geminiCli } from '../install/gemini-cli.js';
import { hookCommand, type InstalledHook } from '../install/hook-command.js';
import { carryOut, planInstall } from '../install/install.js';
import { buildHook, type BuiltHook } from '../testdata/built-hook.js';
import { spoolRecords } from '../testdata/spool-lines.js';
import { anthropicApi } from './anthropic-api.js';
import { geminiApi } from './gemini-api.js';
import { AGENT_PACKAGES, AGENTS_FOLDER, areInstalled, installAgents } from './install.mjs';
import { ModelServer, type AskedCommand, type ModelAnswer, type ModelRequest } from './model-server.js';
import { openaiApi } from './openai-api.js';

// The real clients, as npm has them, each with a stand-in for its model that asks for one forbidden and one
// harmless command. Fake keys, an empty home, no network beyond 127.0.0.1.

installAgents();
const isThere = areInstalled();
const title = (name: string): string => (isThere ? name : `${name} (NOT RUN: the clients could not be installed from npm)`);

const FAKE_KEY = ['sk-ant-', 'fake-key-for-tests'].join('');

let builtHook: BuiltHook;
let home: string;
let project: string;
let model: ModelServer | undefined;
let httpHook: HttpHook | undefined;

beforeAll(() => {
  builtHook = buildHook();
});

beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'shieldwatch-agent-home-'));
  project = join(home, 'project');
  mkdirSync(join(project, '.agentshield'), { recursive: true });
  mkdirSync(join(project, '.git'));
  writeFileSync(join(project, '.git', 'config'), '[remote "origin"]\n\turl = git@git.example:acme/app.git\n');
  const policy = { version: 1, deny: [{ tool: 'Bash', pattern: 'forbidden', reason: 'Prevents destructive filesystem operations' }] };
  writeFileSync(join(project, '.agentshield', 'runtime-policy.json'), JSON.stringify(policy));
});

afterEach(async () => {
  await model?.stop();
  await httpHook?.close();
  model = undefined;
  httpHook = undefined;
  rmSync(home, { recursive: true, force: true, maxRetries: 5 });
});

const commandHook = (): InstalledHook => ({ type: 'command', command: hookCommand({ file: builtHook.file }) });
/** As it is when Node was updated to another place. */
const withoutNode = (): InstalledHook => ({ type: 'command', command: hookCommand({ file: builtHook.file }).replace(process.execPath, '/nowhere/node') });

function install(client: Client, hook: InstalledHook, onFailure: OnFailure = 'block', scope: 'user' | 'project' = 'user'): void {
  const places: Places = { project, home, env: {}, platform: process.platform };
  carryOut(planInstall(client, scope, places, { hook, onFailure, telemetryUrl: undefined, repository: 'acme/app' }));
}

interface AgentRun {
  readonly code: number | null;
  readonly output: string;
}

/** The environment is what the agent needs and nothing of ours. */
function run(command: string, args: readonly string[], env: Record<string, string>): Promise<AgentRun> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { cwd: project, env: { PATH: process.env['PATH'] ?? '', HOME: home, LANG: 'C.UTF-8', ...env }, stdio: ['ignore', 'pipe', 'pipe'], timeout: 90_000, killSignal: 'SIGKILL' });
    let output = '';
    for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (text: string) => (output += text));
    child.once('error', reject);
    child.once('close', (code) => { resolve({ code, output }); });
  });
}

const bin = (name: string): string => join(AGENTS_FOLDER, 'node_modules', name);

/** The commands leave a file each, which shows what ran. */
const asked = (prefix: string): AskedCommand[] => [
  { id: `${prefix}FAKE0000001`, command: `touch ${join(project, 'forbidden')}` },
  { id: `${prefix}FAKE0000002`, command: `touch ${join(project, 'harmless')}` },
];
const ran = (): string[] => ['forbidden', 'harmless'].filter((name) => existsSync(join(project, name)));
const records = (): DecisionRecord[] => spoolRecords(join(home, '.shieldwatch', 'spool')).sort((a, b) => ((a.toolCallId ?? '') < (b.toolCallId ?? '') ? -1 : 1));

async function startModel(api: (commands: readonly AskedCommand[]) => (request: ModelRequest) => ModelAnswer, prefix: string): Promise<ModelServer> {
  model = await ModelServer.start(api(asked(prefix)));
  return model;
}

async function runClaude(): Promise<AgentRun> {
  const { url } = await startModel(anthropicApi, 'toolu_01');
  const native = ['claude-code-linux-x64', 'claude-code-linux-arm64', 'claude-code-darwin-arm64', 'claude-code-darwin-x64'].map((name) => bin(`@anthropic-ai/${name}/claude`)).find((file) => existsSync(file));
  return run(native ?? bin('.bin/claude'), ['-p', 'go', '--dangerously-skip-permissions', '--output-format', 'json'], {
    ANTHROPIC_API_KEY: FAKE_KEY,
    ANTHROPIC_BASE_URL: url,
    CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: '1',
    DISABLE_AUTOUPDATER: '1',
    // Without it Claude Code refuses to skip permissions as root, which is who tests run as in containers.
    IS_SANDBOX: '1',
  });
}

function expectJudged(agent: string, tool: string, { output }: AgentRun): void {
  expect(ran(), output).toEqual(['harmless']);
  expect(records()).toMatchObject([
    { agent, tool, decision: 'block', repository: 'acme/app', reason: 'Prevents destructive filesystem operations', ruleCategory: 'destructive' },
    { agent, tool, decision: 'allow', repository: 'acme/app' },
  ]);
  // What the agent's environment holds, and what was asked for, stays out of the spool.
  expect(JSON.stringify(records())).not.toMatch(/touch|fake-key/);
}

describe(title('Claude Code'), () => {
  it.runIf(isThere)('runs what the policy lets it, through the command hook', async () => {
    install(claudeCode, commandHook());
    const result = await runClaude();
    expectJudged('claude-code', 'Bash', result);
    expect(records().map(({ toolCallId, agentVersion }) => [toolCallId, agentVersion])).toEqual([['toolu_01FAKE0000001', AGENT_PACKAGES['@anthropic-ai/claude-code']], ['toolu_01FAKE0000002', AGENT_PACKAGES['@anthropic-ai/claude-code']]]);
    const { permission_denials: denials } = JSON.parse(result.output) as { permission_denials: { tool_use_id: string }[] };
    expect(denials.map(({ tool_use_id: id }) => id)).toEqual(['toolu_01FAKE0000001']);
    // The model is told why.
    expect(model?.requests.some(({ text }) => text.includes('AgentShield: BLOCKED Bash'))).toBe(true);
  });

  it.runIf(isThere)('runs what the policy lets it, through the HTTP hook', async () => {
    const env = { HOME: home };
    httpHook = await startHttpHook({ port: 0, token: hookToken(env), mode: 'safe', env });
    install(claudeCode, { type: 'http', url: httpHook.url, token: hookToken(env) });
    expectJudged('claude-code', 'Bash', await runClaude());
  });

  it.runIf(isThere)('runs nothing when the HTTP hook is gone or the token is wrong, and everything if one chose that', async () => {
    const env = { HOME: home };
    httpHook = await startHttpHook({ port: 0, token: hookToken(env), mode: 'safe', env });
    install(claudeCode, { type: 'http', url: httpHook.url, token: 'wrong' });
    const wrong = await runClaude();
    expect(ran(), wrong.output).toEqual([]);
    await model?.stop();
    await httpHook.close();
    install(claudeCode, { type: 'http', url: httpHook.url, token: hookToken(env) });
    const gone = await runClaude();
    expect(ran(), gone.output).toEqual([]);
    await model?.stop();
    install(claudeCode, { type: 'http', url: httpHook.url, token: hookToken(env) }, 'continue');
    await runClaude();
    expect(ran()).toEqual(['forbidden', 'harmless']);
  });

  it.runIf(isThere)('runs nothing when the hook cannot be started or the policy cannot be read', async () => {
    // The first without Claude Code's own onFailure: what blocks is the command.
    for (const [hook, onFailure] of [[withoutNode(), 'continue'], [{ type: 'command', command: '/nowhere/shieldwatch-hook' }, 'block']] as const) {
      install(claudeCode, hook, onFailure);
      const missing = await runClaude();
      expect(ran(), missing.output).toEqual([]);
      await model?.stop();
    }
    install(claudeCode, commandHook());
    writeFileSync(join(project, '.agentshield', 'runtime-policy.json'), '{');
    const broken = await runClaude();
    expect(ran(), broken.output).toEqual([]);
  });
});

describe(title('Codex'), () => {
  async function runCodex(hook: InstalledHook): Promise<AgentRun> {
    const { url } = await startModel(openaiApi, 'call_');
    mkdirSync(join(home, '.codex'));
    const config = ['model = "gpt-5-codex"', 'model_provider = "stand-in"', '', '[model_providers.stand-in]', 'name = "stand-in"', `base_url = "${url}"`, 'wire_api = "responses"', 'env_key = "STAND_IN_KEY"'];
    writeFileSync(join(home, '.codex', 'config.toml'), `${config.join('\n')}\n`);
    install(codex, hook);
    expect(readFileSync(join(home, '.codex', 'config.toml'), 'utf8').startsWith(config.join('\n'))).toBe(true);
    return run(process.execPath, [bin('@openai/codex/bin/codex.js'), 'exec', '--skip-git-repo-check', '--dangerously-bypass-approvals-and-sandbox', '--dangerously-bypass-hook-trust', 'go'], { STAND_IN_KEY: FAKE_KEY });
  }

  it.runIf(isThere)('runs what the policy lets it', async () => {
    expectJudged('codex', 'Bash', await runCodex(commandHook()));
  });

  it.runIf(isThere)('runs nothing when the hook cannot be started', async () => {
    const { output } = await runCodex(withoutNode());
    expect(ran(), output).toEqual([]);
    expect(model?.requests.length, output).toBeGreaterThan(1);
  });
});

describe(title('Gemini CLI'), () => {
  async function runGemini(hook: InstalledHook): Promise<AgentRun> {
    const { url } = await startModel(geminiApi, 'gemini_');
    mkdirSync(join(home, '.gemini'));
    writeFileSync(join(home, '.gemini', 'settings.json'), '{\n  // kept\n  "security": { "auth": { "selectedType": "gemini-api-key" } }\n}\n');
    install(geminiCli, hook);
    expect(readFileSync(join(home, '.gemini', 'settings.json'), 'utf8')).toContain('// kept');
    return run(process.execPath, [bin('@google/gemini-cli/bundle/gemini.js'), '-p', 'go', '--yolo', '--model', 'gemini-2.5-flash'], {
      GEMINI_API_KEY: FAKE_KEY,
      GOOGLE_GEMINI_BASE_URL: url,
      GEMINI_CLI_NO_RELAUNCH: 'true',
      GEMINI_CLI_TRUST_WORKSPACE: 'true',
    });
  }

  it.runIf(isThere)('runs what the policy lets it', async () => {
    expectGemini(await runGemini(commandHook()));
  });

  it.runIf(isThere)('runs nothing when the hook cannot be started', async () => {
    const { output } = await runGemini(withoutNode());
    expect(ran(), output).toEqual([]);
    expect(model?.requests.length, output).toBeGreaterThan(1);
  });
});

/** Gemini's hooks are told no call id, so the order is that of the calls. */
function expectGemini({ output }: AgentRun): void {
  expect(ran(), output).toEqual(['harmless']);
  const decisions = records().map(({ agent, tool, decision }) => [agent, tool, decision]).sort();
  expect(decisions).toEqual([['gemini-cli', 'run_shell_command', 'allow'], ['gemini-cli', 'run_shell_command', 'block']]);
}
