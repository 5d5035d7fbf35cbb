import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { CACHE_FOLDER } from '#exporters/real-agents/install.js';
import { CommandError } from '#schemas/errors.js';
import { packageRoot } from '#schemas/root.js';

/** One test of a client's own suite. */
export interface Outcome {
  readonly name: string;
  readonly result: 'passed' | 'failed' | 'skipped';
  /** What the test said when it failed. */
  readonly message: string;
}

/** A client's own integration suite. */
export interface Suite {
  /** Whether its tests come from a folder that the user names: what the registries have holds no tests. */
  readonly needsCheckout: boolean;
  /**
   * Runs the suite in `folder`, which is its own and empty.
   *
   * @param server address, user and password
   * @throws CommandError when it cannot be installed
   */
  run(server: URL, folder: string, checkout: string): Promise<Outcome[]>;
}

const CLIENTS = join(packageRoot(), 'deploy', 'testing', 'clients');
const HERE = join(packageRoot(), 'deploy', 'soak', 'clients');
/** What is committed nowhere and belongs to no checkout. */
const LEFT_OUT = /(^|\/)(node_modules|\.git|dist|\.venv)(\/|$)/;

interface Ran {
  readonly status: number | null;
  readonly out: string;
}

async function run(
  command: string,
  args: readonly string[],
  cwd: string,
  env: Readonly<Record<string, string>> = {},
): Promise<Ran> {
  const child = spawn(command, args, { cwd, env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'pipe'] });
  const out: Buffer[] = [];
  child.stdout.on('data', (chunk: Buffer) => out.push(chunk));
  const err: Buffer[] = [];
  child.stderr.on('data', (chunk: Buffer) => err.push(chunk));
  const [status] = (await once(child, 'close')) as [number | null];
  return { status, out: Buffer.concat([...out, ...err]).toString() };
}

async function must(
  command: string,
  args: readonly string[],
  cwd: string,
  env: Readonly<Record<string, string>> = {},
): Promise<string> {
  const { status, out } = await run(command, args, cwd, env);
  if (status !== 0) throw new CommandError(`${command} ${args.join(' ')} failed: ${out.slice(-500)}`);
  return out;
}

/** Copies a checkout, so that nothing of it changes. */
function copyOf(checkout: string, folder: string): string {
  const copy = join(folder, 'checkout');
  // Links stay relative: those of a copy must not lead to the checkout.
  cpSync(checkout, copy, {
    recursive: true,
    verbatimSymlinks: true,
    filter: (path) => !LEFT_OUT.test(path.slice(checkout.length)),
  });
  return copy;
}

/** Replaces `from` in a file of a suite, which must hold it: a suite that changed is looked at by somebody. */
function replaceIn(file: string, from: string | RegExp, to: string): void {
  const text = readFileSync(file, 'utf8');
  const changed = text.replace(from, to);
  if (changed === text) throw new CommandError(`${file} does not hold ${String(from)}: the suite is another one`);
  writeFileSync(file, changed);
}

/** Where nobody listens: what asks for the native protocol, which the embedded server does not speak, is refused. */
const NATIVE_PORT = '1';

/** clickhouse-go, at the version that `deploy/testing/clients/clickhouse-go/go.mod` pins. Its native protocol finds no server. */
const CLICKHOUSE_GO: Suite = {
  needsCheckout: false,
  run: async (server, folder) => {
    const name = 'github.com/ClickHouse/clickhouse-go/v2';
    const version = new RegExp(`${name} (v\\S+)`).exec(
      readFileSync(join(CLIENTS, 'clickhouse-go/go.mod'), 'utf8'),
    )?.[1];
    const { Dir } = JSON.parse(await must('go', ['mod', 'download', '-json', `${name}@${version ?? ''}`], folder)) as {
      Dir: string;
    };
    const copy = copyOf(Dir, folder);
    await must('chmod', ['-R', 'u+w', copy], folder);
    // The suite asks for the version and makes its database by the native protocol, also for tests over HTTP.
    const utils = join(copy, 'tests', 'utils.go');
    replaceIn(
      utils,
      /(func \(env \*ClickHouseTestEnvironment\) setVersion\(\) \{[^]*?)port := env\.Port([^]*?)clickhouse\.Options\{/,
      '$1port := env.HttpPort$2clickhouse.Options{\n\t\tProtocol: clickhouse.HTTP,',
    );
    replaceIn(
      utils,
      /(func CreateDatabase[^]*?)getConnection\(env, "default", nil, nil, nil\)/,
      '$1getHTTPConnection(env, "", "default", nil, nil, nil)',
    );
    const env = {
      CLICKHOUSE_USE_DOCKER: 'false',
      CLICKHOUSE_HOST: server.hostname,
      CLICKHOUSE_HTTP_PORT: server.port,
      CLICKHOUSE_PORT: NATIVE_PORT,
      CLICKHOUSE_USERNAME: server.username,
      CLICKHOUSE_PASSWORD: server.password,
      GOFLAGS: '-mod=mod',
      TZ: 'UTC',
    };
    const outcomes: Outcome[] = [];
    for (const suite of ['tests', 'tests/std', 'tests/issues']) {
      const program = join(folder, `${suite.replace('/', '-')}.test`);
      await must('go', ['test', '-c', '-o', program, `./${suite}`], copy, env);
      const cwd = join(copy, suite);
      const names = (await must(program, ['-test.list', '.'], cwd, env))
        .split('\n')
        .filter((line) => /^Test\w+$/.test(line));
      // Each in a process of its own: one that panics, as those of the native protocol do, ends no other.
      for (const name of names) {
        const { out } = await run(
          'go',
          [
            'tool',
            'test2json',
            '-p',
            suite,
            program,
            '-test.v=test2json',
            '-test.timeout=2m',
            '-test.run',
            `^${name}$`,
          ],
          cwd,
          env,
        );
        outcomes.push(...goOutcomes(out));
      }
    }
    return outcomes;
  },
};

/** Reads `go test -json`: tests without subtests, and those that failed beside theirs. One that asks for the native protocol is skipped. */
function goOutcomes(text: string): Outcome[] {
  const results = new Map<string, Outcome['result']>();
  const said = new Map<string, string>();
  for (const line of text.split('\n')) {
    if (!line.startsWith('{')) continue;
    const { Action, Package = '', Test, Output = '' } = JSON.parse(line) as Record<string, string>;
    if (Test === undefined) continue;
    const name = `${Package}/${Test}`;
    if (Action === 'output') said.set(name, `${said.get(name) ?? ''}${Output}`.slice(-2_000));
    else if (Action === 'pass' || Action === 'fail' || Action === 'skip')
      results.set(name, Action === 'pass' ? 'passed' : Action === 'fail' ? 'failed' : 'skipped');
    else if (Action === 'run') results.set(name, 'failed');
  }
  const names = [...results.keys()];
  return names.flatMap((name) => {
    const parts = names.filter((each) => each.startsWith(`${name}/`));
    const isNative =
      said.get(name)?.includes(`127.0.0.1:${NATIVE_PORT}: connect`) === true ||
      /\/native(_protocol)?(\/|$)/i.test(name);
    const result = isNative ? 'skipped' : (results.get(name) ?? 'failed');
    const isExplained = result !== 'failed' || parts.some((part) => results.get(part) === 'failed');
    return parts.length > 0 && isExplained
      ? []
      : [{ name, result, message: result === 'failed' ? (said.get(name) ?? '') : '' }];
  });
}

/** clickhouse-connect, from a checkout. */
const CLICKHOUSE_CONNECT: Suite = {
  needsCheckout: true,
  run: async (server, folder, checkout) => {
    const copy = copyOf(checkout, folder);
    const venv = join(CACHE_FOLDER, 'soak-clients-python');
    if (!existsSync(venv)) await must('python3', ['-m', 'venv', venv], folder);
    const python = join(venv, 'bin', 'python');
    const wanted = readFileSync(join(copy, 'tests', 'test_requirements.txt'), 'utf8')
      .split('\n')
      .filter((line) => !/^(pre-commit|ruff|mypy|numpy)\b/.test(line));
    // The one that the newest pyarrow takes.
    writeFileSync(join(folder, 'requirements.txt'), [...wanted, 'numpy>=2', 'setuptools>=77', 'wheel'].join('\n'));
    await must(python, ['-m', 'pip', 'install', '--quiet', '-r', join(folder, 'requirements.txt')], folder);
    // Installed, since SQLAlchemy finds its dialect by the package's metadata.
    await must(python, ['-m', 'pip', 'install', '--quiet', '--no-deps', '--no-build-isolation', '-e', copy], folder);
    const file = join(folder, 'outcomes.ndjson');
    writeFileSync(file, '');
    const { out } = await run(
      python,
      ['-m', 'pytest', 'tests/integration_tests', '-n', '0', '-q', '--continue-on-collection-errors', '-p', 'outcomes'],
      copy,
      {
        CLICKHOUSE_CONNECT_TEST_HOST: server.hostname,
        CLICKHOUSE_CONNECT_TEST_PORT: server.port,
        CLICKHOUSE_CONNECT_TEST_USER: server.username,
        CLICKHOUSE_CONNECT_TEST_PASSWORD: server.password,
        PYTHONPATH: HERE,
        SHIELDWATCH_OUTCOMES: file,
      },
    );
    const outcomes = readFileSync(file, 'utf8')
      .split('\n')
      .filter(Boolean)
      .map((line) => JSON.parse(line) as Outcome);
    if (outcomes.length === 0) throw new CommandError(`clickhouse-connect ran no test: ${out.slice(-500)}`);
    return outcomes;
  },
};

/** Puts our address, user and password where the suite's own are. */
const JS_SETUP = `import { createClient } from '@clickhouse/client-node';
const server = new URL(process.env.SHIELDWATCH_SERVER);
const ours = { url: server.origin, username: server.username, password: server.password };
globalThis.environmentSpecificCreateClient = (config) =>
  createClient(config.url === 'http://127.0.0.1:8123' ? { ...ours, ...config, url: server.origin } : config);
`;

/** clickhouse-js for Node.js, from a checkout. */
const CLICKHOUSE_JS: Suite = {
  needsCheckout: true,
  run: async (server, folder, checkout) => {
    const copy = copyOf(checkout, folder);
    await must('npm', ['ci', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error'], copy);
    writeFileSync(join(copy, 'packages', 'client-node', 'vitest.setup.ts'), JS_SETUP);
    const file = join(folder, 'outcomes.json');
    const { out } = await run(
      join(copy, 'node_modules', '.bin', 'vitest'),
      [
        'run',
        '--config',
        'packages/client-node/vitest.config.ts',
        '--maxWorkers=2',
        '--reporter=json',
        `--outputFile=${file}`,
      ],
      copy,
      { TEST_MODE: 'integration', SHIELDWATCH_SERVER: server.href },
    );
    if (!existsSync(file)) throw new CommandError(`clickhouse-js ran no test: ${out.slice(-500)}`);
    return jsOutcomes(readFileSync(file, 'utf8'), `${copy}/packages/`);
  },
};

interface JsReport {
  testResults: {
    name: string;
    status: string;
    message?: string;
    assertionResults: { fullName: string; status: string; failureMessages?: string[] }[];
  }[];
}

function jsOutcomes(text: string, prefix: string): Outcome[] {
  const { testResults } = JSON.parse(text) as JsReport;
  return testResults.flatMap(({ name: path, status, message = '', assertionResults }) => {
    const file = path.replace(prefix, '');
    // A file that cannot be loaded has no tests.
    if (assertionResults.length === 0 && status === 'failed')
      return [{ name: file, result: 'failed' as const, message }];
    return assertionResults.map(({ fullName, status: result, failureMessages = [] }): Outcome => ({
      name: `${file} ${fullName}`,
      result: result === 'passed' || result === 'failed' ? result : 'skipped',
      message: failureMessages.join('\n').slice(0, 2_000),
    }));
  });
}

export const SUITES: Readonly<Record<string, Suite>> = {
  'clickhouse-go': CLICKHOUSE_GO,
  'clickhouse-connect': CLICKHOUSE_CONNECT,
  'clickhouse-js': CLICKHOUSE_JS,
};

/** Makes an empty folder below `parent` for a suite. */
export function folderFor(parent: string, name: string): string {
  const folder = join(parent, name);
  mkdirSync(folder, { recursive: true });
  return folder;
}
