import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { AGENTS, claudeFile, DRIVERS, type AgentName, type Launch } from './drivers.js';
import type { ModelRequest } from '../drill/model-api.js';
import { ModelServer } from './model-server.js';
import { Workplace } from './workplace.js';

/** Features of one client, read from its program and from what it offers to the model. */
export interface Inventory {
  readonly version: string;
  readonly tools: readonly string[];
  readonly events: readonly string[];
  /** Settings, environment variables and features that its program names. */
  readonly names: readonly string[];
}

/** Ways of starting a client that make it offer all tools: some need an option or a model. */
const STARTS: Readonly<Record<AgentName, readonly Launch[]>> = {
  'claude-code': [
    {},
    { args: ['--json-schema', '{"type":"object"}'], env: { ENABLE_TOOL_SEARCH: 'false' } },
    {
      args: ['--tools', 'Bash,Glob,Grep,LSP,PowerShell,TaskCreate,TaskGet,TaskUpdate,TaskList,TodoWrite,REPL'],
      env: { ENABLE_TOOL_SEARCH: 'false', CLAUDE_CODE_USE_POWERSHELL_TOOL: '1' },
    },
  ],
  codex: ['gpt-5-codex', 'gpt-5.5', 'gpt-6.1-sol'].map((model) => ({ args: ['--model', model] })),
  'gemini-cli': [{}],
};

/** Placeholders for names. */
const NO_TOOLS = ['DeferredToolPlaceholder'];

export async function inventory(agent: AgentName, folder: string): Promise<Inventory> {
  const tools = new Set<string>();
  const workplace = new Workplace();
  try {
    for (const launch of STARTS[agent]) {
      const model = await ModelServer.start(DRIVERS[agent].api({ turns: [] }));
      DRIVERS[agent].prepare(workplace, model.url);
      await DRIVERS[agent].run(workplace, folder, model.url, launch);
      await model.stop();
      for (const tool of model.requests.flatMap(toolsIn)) tools.add(tool);
    }
    return {
      version: versionOf(agent, folder),
      tools: sorted([...tools].filter((tool) => !NO_TOOLS.includes(tool))),
      ...(await PROGRAMS[agent](folder, workplace)),
    };
  } finally {
    workplace.remove();
  }
}

export async function inventories(folder: string): Promise<Record<AgentName, Inventory>> {
  const found = [];
  for (const agent of AGENTS) found.push([agent, await inventory(agent, folder)] as const);
  return Object.fromEntries(found) as Record<AgentName, Inventory>;
}

interface Offered {
  readonly type?: string;
  readonly name?: string;
  readonly tools?: readonly Offered[];
  readonly functionDeclarations?: readonly Offered[];
}

/**
 * Returns the tools that a request offers, with those in Codex's namespaces and Gemini's declarations listed
 * individually.
 */
function toolsIn({ body }: ModelRequest): string[] {
  const named = ({ type, name, tools, functionDeclarations }: Offered): string[] =>
    (tools ?? functionDeclarations)?.flatMap(named) ?? [name ?? type ?? ''];
  const added = ((body['input'] ?? []) as Offered[]).filter(({ type }) => type === 'additional_tools');
  return [...((body['tools'] ?? []) as Offered[]), ...added].flatMap(named).filter((name) => name !== '');
}

type Program = Pick<Inventory, 'events' | 'names'>;

const PROGRAMS: Readonly<Record<AgentName, (folder: string, workplace: Workplace) => Program | Promise<Program>>> = {
  'claude-code': (folder) => {
    const program = readFileSync(claudeFile(folder)).toString('latin1');
    // The longest list of events in it contains all.
    const lists = [...program.matchAll(/"PreToolUse"(?:,"[A-Za-z]+")+/g)].map(([list]) =>
      list.split(',').map((name) => name.slice(1, -1)),
    );
    const events = lists.reduce((longest, list) => (list.length > longest.length ? list : longest), []);
    // Settings are in a schema of the form `name:()=>type`.
    const names = [
      ...program.matchAll(
        /\b(CLAUDE_CODE_[A-Z0-9_]+)\b|\b([a-z][A-Za-z]{3,}):\(\)=>[A-Za-z$]{1,3}\((?:[^()]|\([^()]*\)){0,2000}\)\.optional\(/g,
      ),
    ].map(([, variable, setting]) => variable ?? setting ?? '');
    return { events: sorted(events), names: sorted(names) };
  },
  codex: async (folder, workplace) => {
    const codex = (...args: string[]): Promise<{ stdout: string }> =>
      workplace.run(process.execPath, [join(folder, 'node_modules/@openai/codex/bin/codex.js'), ...args]);
    const schemas = workplace.path('./schemas');
    await codex('app-server', 'generate-json-schema', '--out', schemas);
    const schema = readFileSync(join(schemas, 'codex_app_server_protocol.v2.schemas.json'), 'utf8');
    const { enum: events } = (JSON.parse(schema) as { definitions: { HookEventName: { enum: string[] } } }).definitions
      .HookEventName;
    const features = (await codex('features', 'list')).stdout
      .split('\n')
      .map((line) => `feature ${line.trim().replace(/ {2,}/g, ', ')}`);
    const keys = [...schema.matchAll(/"(\w*(?:hook|trust|approv|sandbox)\w*)": \{/gi)].map(([, key = '']) => key);
    return {
      events: sorted(events.map((name) => name.charAt(0).toUpperCase() + name.slice(1))),
      names: sorted([...features, ...keys].filter((name) => name !== 'feature ')),
    };
  },
  'gemini-cli': (folder) => {
    const bundle = join(folder, 'node_modules/@google/gemini-cli/bundle');
    const text = readdirSync(bundle)
      .filter((name) => name.endsWith('.js'))
      .map((name) => readFileSync(join(bundle, name), 'utf8'))
      .join('\n');
    const documented = readFileSync(join(bundle, 'docs', 'reference', 'configuration.md'), 'utf8');
    const names = [
      ...[...documented.matchAll(/\*\*`([\w.]+)`\*\*/g)],
      ...text.matchAll(/process\.env\[?\.?"?(GEMINI_[A-Z_]+)/g),
    ].map(([, name = '']) => name);
    return {
      events: sorted([...text.matchAll(/HookEventName\d*\["(\w+)"\] = "\1"/g)].map(([, name = '']) => name)),
      names: sorted(names),
    };
  },
};

const PACKAGES: Readonly<Record<AgentName, string>> = {
  'claude-code': '@anthropic-ai/claude-code',
  codex: '@openai/codex',
  'gemini-cli': '@google/gemini-cli',
};

function versionOf(agent: AgentName, folder: string): string {
  return (
    JSON.parse(readFileSync(join(folder, 'node_modules', PACKAGES[agent], 'package.json'), 'utf8')) as {
      version: string;
    }
  ).version;
}

function sorted(names: readonly string[]): string[] {
  return [...new Set(names)].sort();
}
