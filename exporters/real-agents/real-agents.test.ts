import { existsSync, readFileSync } from 'node:fs';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { DecisionRecord } from '#schemas/records/decision.js';
import { hookToken } from '../agent/hook-token.js';
import { startHttpHook, type HttpHook } from '../agent/http-hook.js';
import { claudeCode } from '../install/claude-code.js';
import type { OnFailure } from '../install/hook-command.js';
import type { Client, Places } from '../install/client.js';
import { codex } from '../install/codex.js';
import { geminiCli } from '../install/gemini-cli.js';
import { hookCommand, type InstalledHook } from '../install/hook-command.js';
import { applyPlan, planInstall } from '../install/install.js';
import { buildHook, type BuiltHook } from '../testing/built-hook.js';
import { spoolRecords } from '../testing/spool-lines.js';
import { DRIVERS, type AgentName } from './drivers.js';
import { AGENT_PACKAGES, AGENTS_FOLDER, areInstalled, installAgents } from './install.js';
import type { Turn } from '../drill/model-api.js';
import { ModelServer } from './model-server.js';
import { Workplace, type Ended } from './workplace.js';

// The real clients, as npm has them, each with a stand-in for its model that asks for one forbidden and one
// harmless command. Fake keys, an empty home, no network beyond 127.0.0.1.

installAgents();
const isThere = areInstalled();
const title = (name: string): string =>
  isThere ? name : `${name} (NOT RUN: the clients could not be installed from npm)`;

let builtHook: BuiltHook;
let workplace: Workplace;
let model: ModelServer | undefined;
let httpHook: HttpHook | undefined;

beforeAll(() => {
  builtHook = buildHook();
});

beforeEach(() => {
  workplace = new Workplace();
  const policy = {
    version: 1,
    deny: [{ tool: 'Bash', pattern: 'forbidden', reason: 'Prevents destructive filesystem operations' }],
  };
  workplace.write('./.agentshield/runtime-policy.json', JSON.stringify(policy));
});

afterEach(async () => {
  await model?.stop();
  await httpHook?.close();
  model = undefined;
  httpHook = undefined;
  workplace.remove();
});

const commandHook = (): InstalledHook => ({ type: 'command', command: hookCommand({ file: builtHook.file }) });
/** The state after Node was moved to another path. */
const withoutNode = (): InstalledHook => ({
  type: 'command',
  command: hookCommand({ file: builtHook.file }).replace(process.execPath, '/nowhere/node'),
});

function install(
  client: Client,
  hook: InstalledHook,
  onFailure: OnFailure = 'block',
  scope: 'user' | 'project' = 'user',
): void {
  const { project, home } = workplace;
  const places: Places = { project, home, env: {}, platform: process.platform };
  applyPlan(planInstall(client, scope, places, { hook, onFailure, telemetryUrl: undefined, repository: 'acme/app' }), {
    HOME: home,
  });
}

/** Each command leaves a file, which shows that it ran. */
const asked = (prefix: string): Turn => [
  { id: `${prefix}FAKE0000001`, command: `touch ${workplace.path('./forbidden')}` },
  { id: `${prefix}FAKE0000002`, command: `touch ${workplace.path('./harmless')}` },
];
const ran = (): string[] => ['forbidden', 'harmless'].filter((name) => existsSync(workplace.path(`./${name}`)));
const records = (): DecisionRecord[] =>
  spoolRecords(workplace.spool).sort((a, b) => ((a.toolCallId ?? '') < (b.toolCallId ?? '') ? -1 : 1));

/** Runs an agent with the settings that `prepared` leaves. */
async function runAgent(agent: AgentName, prepared: () => void = () => undefined): Promise<Ended> {
  const driver = DRIVERS[agent];
  model = await ModelServer.start(driver.api({ turns: [asked(driver.idPrefix)] }));
  driver.prepare(workplace, model.url);
  prepared();
  await driver.approve(workplace, AGENTS_FOLDER);
  return driver.run(workplace, AGENTS_FOLDER, model.url, {});
}

const runClaude = (): Promise<Ended> => runAgent('claude-code');

function expectJudged(agent: string, tool: string, { output }: Ended): void {
  expect(ran(), output).toEqual(['harmless']);
  expect(records()).toMatchObject([
    {
      agent,
      tool,
      decision: 'block',
      repository: 'acme/app',
      reason: 'Prevents destructive filesystem operations',
      ruleCategory: 'destructive',
    },
    { agent, tool, decision: 'allow', repository: 'acme/app' },
  ]);
  // Neither the agent's environment nor its input is in the spool.
  expect(JSON.stringify(records())).not.toMatch(/touch|fake-key/);
}

describe(title('Claude Code'), () => {
  it.runIf(isThere)('runs allowed calls only, through the command hook', async () => {
    install(claudeCode, commandHook());
    const result = await runClaude();
    expectJudged('claude-code', 'Bash', result);
    expect(records().map(({ toolCallId, agentVersion }) => [toolCallId, agentVersion])).toEqual([
      ['toolu_01FAKE0000001', AGENT_PACKAGES['@anthropic-ai/claude-code']],
      ['toolu_01FAKE0000002', AGENT_PACKAGES['@anthropic-ai/claude-code']],
    ]);
    const { permission_denials: denials } = JSON.parse(result.stdout) as {
      permission_denials: { tool_use_id: string }[];
    };
    expect(denials.map(({ tool_use_id: id }) => id)).toEqual(['toolu_01FAKE0000001']);
    // The model receives the reason.
    expect(model?.requests.some(({ text }) => text.includes('AgentShield: BLOCKED Bash'))).toBe(true);
  });

  it.runIf(isThere)('runs allowed calls only, through the HTTP hook', async () => {
    const env = { HOME: workplace.home };
    httpHook = await startHttpHook({ port: 0, token: hookToken(env), mode: 'strict', env });
    install(claudeCode, { type: 'http', url: `${httpHook.url}?shieldwatch-hook`, token: hookToken(env) });
    expectJudged('claude-code', 'Bash', await runClaude());
  });

  it.runIf(isThere)(
    'runs nothing when the HTTP hook is down or the token is wrong, and everything if configured to continue',
    async () => {
      const env = { HOME: workplace.home };
      httpHook = await startHttpHook({ port: 0, token: hookToken(env), mode: 'strict', env });
      install(claudeCode, { type: 'http', url: `${httpHook.url}?shieldwatch-hook`, token: 'wrong' });
      const wrong = await runClaude();
      expect(ran(), wrong.output).toEqual([]);
      await model?.stop();
      await httpHook.close();
      install(claudeCode, { type: 'http', url: `${httpHook.url}?shieldwatch-hook`, token: hookToken(env) });
      const gone = await runClaude();
      expect(ran(), gone.output).toEqual([]);
      await model?.stop();
      install(claudeCode, { type: 'http', url: `${httpHook.url}?shieldwatch-hook`, token: hookToken(env) }, 'continue');
      await runClaude();
      expect(ran()).toEqual(['forbidden', 'harmless']);
    },
  );

  it.runIf(isThere)('runs nothing when the hook cannot be started or the policy cannot be read', async () => {
    // The first without Claude Code's own onFailure: the command blocks.
    for (const [hook, onFailure] of [
      [withoutNode(), 'continue'],
      [{ type: 'command', command: '/nowhere/shieldwatch-hook' }, 'block'],
    ] as const) {
      install(claudeCode, hook, onFailure);
      const missing = await runClaude();
      expect(ran(), missing.output).toEqual([]);
      await model?.stop();
    }
    install(claudeCode, commandHook());
    workplace.write('./.agentshield/runtime-policy.json', '{');
    const broken = await runClaude();
    expect(ran(), broken.output).toEqual([]);
  });
});

describe(title('Codex'), () => {
  const runCodex = (hook: InstalledHook): Promise<Ended> =>
    runAgent('codex', () => {
      const file = workplace.path('~/.codex/config.toml');
      const before = readFileSync(file, 'utf8');
      install(codex, hook);
      expect(readFileSync(file, 'utf8').startsWith(before)).toBe(true);
    });

  it.runIf(isThere)('runs allowed calls only', async () => {
    expectJudged('codex', 'Bash', await runCodex(commandHook()));
  });

  it.runIf(isThere)('runs nothing when the hook cannot be started', async () => {
    const { output } = await runCodex(withoutNode());
    expect(ran(), output).toEqual([]);
    expect(model?.requests.length, output).toBeGreaterThan(1);
  });
});

describe(title('Gemini CLI'), () => {
  const runGemini = (hook: InstalledHook): Promise<Ended> =>
    runAgent('gemini-cli', () => {
      install(geminiCli, hook);
      expect(readFileSync(workplace.path('~/.gemini/settings.json'), 'utf8')).toContain('// kept');
    });

  it.runIf(isThere)('runs allowed calls only', async () => {
    expectGemini(await runGemini(commandHook()));
  });

  it.runIf(isThere)('runs nothing when the hook cannot be started', async () => {
    const { output } = await runGemini(withoutNode());
    expect(ran(), output).toEqual([]);
    expect(model?.requests.length, output).toBeGreaterThan(1);
  });
});

/** Gemini's hooks receive no call id, so the order is that of the calls. */
function expectGemini({ output }: Ended): void {
  expect(ran(), output).toEqual(['harmless']);
  const decisions = records()
    .map(({ agent, tool, decision }) => [agent, tool, decision])
    .sort();
  expect(decisions).toEqual([
    ['gemini-cli', 'run_shell_command', 'allow'],
    ['gemini-cli', 'run_shell_command', 'block'],
  ]);
}
