import { execFile, execFileSync } from 'node:child_process';
import { chmodSync, cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { lexer } from 'marked';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { createClickHouse, selectRows, type ClickHouseClient } from '#schemas/clickhouse/client.js';
import { packageRoot } from '#schemas/root.js';
import { startStackProcess, until, type RunningStack } from '../testing/stack.js';

// The commands of deploy/examples/README.md, run as they are written there against one stack.

const root = packageRoot();
const EXAMPLES = join(root, 'deploy/examples');
/** The commands of each section of the README, by its heading. */
const commands = new Map<string, string>();
let heading = '';
for (const token of lexer(readFileSync(join(EXAMPLES, 'README.md'), 'utf8'))) {
  if (token.type === 'heading') heading = token['text'] as string;
  if (token.type === 'code' && token['lang'] === 'sh') commands.set(heading, token['text'] as string);
}

let stack: RunningStack;
let store: ClickHouseClient;
let home: string;
let environment: Record<string, string>;

beforeAll(async () => {
  home = mkdtempSync(join(tmpdir(), 'shieldwatch-examples-'));
  stack = await startStackProcess({ withCollector: false });
  const { origin } = new URL(stack.readerUrl);
  store = createClickHouse({ url: stack.readerUrl, database: 'shieldwatch' });
  environment = {
    PATH: process.env['PATH'] ?? '',
    HOME: home,
    NPM_CONFIG_UPDATE_NOTIFIER: 'false',
    SHIELDWATCH_URL: stack.status.gateway,
    CLICKHOUSE_URL: origin,
  };
});

afterAll(async () => {
  await store.close();
  await stack.dispose();
  rmSync(home, { recursive: true, force: true });
});

/** A section's commands, its placeholders filled in. The addresses are those of this stack, not the usual ones. */
async function script(section: string, scope: string): Promise<string> {
  const text = commands.get(section);
  if (text === undefined) throw new Error(`README: no commands under "${section}"`);
  return text
    .replaceAll('eccp_...', await stack.token(scope))
    .replaceAll('http://127.0.0.1:4000', stack.status.gateway)
    .replace('CLICKHOUSE_PASSWORD=...', `CLICKHOUSE_PASSWORD=${new URL(stack.readerUrl).password}`);
}

async function run(text: string, cwd = root): Promise<string> {
  const { stdout, stderr } = await promisify(execFile)('sh', ['-euc', text], { cwd, env: environment });
  expect(stderr).toBe('');
  return stdout;
}

const rowsOf = (sql: string): Promise<Record<string, unknown>[]> => selectRows(store, sql);

it('curl sends a record that is stored as an agent event', async () => {
  expect(await run(await script('OTLP with curl', 'ingest:otlp'))).toBe('{}');
  expect(
    await until('the event is stored', async () => {
      const rows = await rowsOf("SELECT agent, event_name, tool, decision FROM agent_event WHERE repo = 'acme/curl'");
      return rows.length > 0 && rows;
    }),
  ).toEqual([{ agent: 'claude-code', event_name: 'tool_decision', tool: 'Bash', decision: 'block' }]);
});

it('a Node agent runs what its policy allows, and both decisions are stored', async () => {
  const project = join(home, 'agent');
  cpSync(join(EXAMPLES, 'genai-agent'), project, { recursive: true });
  mkdirSync(join(project, 'node_modules'));
  symlinkSync(join(root, 'node_modules/@opentelemetry'), join(project, 'node_modules/@opentelemetry'));
  execFileSync(process.execPath, [
    join(root, 'exporters/pack.mjs'),
    join(project, 'node_modules/shieldwatch-producers'),
  ]);
  // npm links the command where it installs the package.
  mkdirSync(join(project, 'node_modules/.bin'));
  symlinkSync('../shieldwatch-producers/cli.mjs', join(project, 'node_modules/.bin/shieldwatch'));
  chmodSync(join(project, 'node_modules/shieldwatch-producers/cli.mjs'), 0o755);
  expect(await run(await script('A Node agent', 'ingest:otlp'), project)).toBe(
    'ran git status\nblocked: Blocks piping remote scripts to shell\n2 decisions sent from 1 files: 1 blocked, 1 allowed\n',
  );
  expect(
    await until('both decisions are stored', async () => {
      const rows = await rowsOf(
        "SELECT tool, decision, count() AS calls FROM runtime_event WHERE repo = 'acme/agent' GROUP BY tool, decision ORDER BY decision",
      );
      return rows.length > 1 && rows;
    }),
  ).toMatchObject([
    { tool: 'shell', decision: 'allow' },
    { tool: 'shell', decision: 'block' },
  ]);
});

it('the typed client prints a line for each repository, and its types reject a wrong name', async () => {
  const text = await script('The typed client', 'read');
  expect(
    await until('the rollups have counted', async () => {
      const lines = await run(text);
      return lines.includes('acme/agent: 2 judged, 1 blocked, rate 0.5\n') && lines;
    }),
  ).toContain('acme/curl: 0 judged, 0 blocked, rate unknown\n');
  // As in a project that has installed the package.
  const project = join(home, 'typed');
  mkdirSync(join(project, 'node_modules'), { recursive: true });
  symlinkSync(root, join(project, 'node_modules/shieldwatch'));
  cpSync(join(EXAMPLES, 'typed-client/posture.mjs'), join(project, 'right.mjs'));
  const right = readFileSync(join(project, 'right.mjs'), 'utf8');
  writeFileSync(join(project, 'wrong.mjs'), right.replace('blocked, rate }', 'blockd, rate }'));
  writeFileSync(
    join(project, 'tsconfig.json'),
    JSON.stringify({
      compilerOptions: {
        module: 'nodenext',
        strict: true,
        noEmit: true,
        allowJs: true,
        checkJs: true,
        skipLibCheck: true,
        types: ['node'],
        typeRoots: [join(root, 'node_modules/@types')],
      },
    }),
  );
  const compiled = await promisify(execFile)(
    process.execPath,
    [join(root, 'node_modules/typescript/bin/tsc'), '-p', project],
    { cwd: project },
  ).catch((error: unknown) => error as { stdout: string });
  const errors = compiled.stdout.split('\n').filter((line) => line.includes('error'));
  expect(errors.length).toBeGreaterThan(0);
  expect(errors.every((line) => line.startsWith('wrong.mjs') && line.includes('blockd'))).toBe(true);
});

it("ClickHouse's client lists the blocked calls", async () => {
  const lines = (await run(await script('SQL', 'read'))).trim().split('\n');
  expect(lines.map((line) => JSON.parse(line) as unknown)).toEqual([
    {
      repo: 'acme/agent',
      tool: 'shell',
      reason: 'Blocks piping remote scripts to shell',
      calls: expect.anything() as unknown,
    },
  ]);
});
