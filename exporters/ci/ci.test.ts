import { execFileSync, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { packageRoot } from '#schemas/root.js';
import { OtlpServer } from '../testing/otlp-server.js';

// The steps of the GitHub Action and the GitLab job, run as their runners run them, in a repository that does what it
// can to have its own code run or to see the token.

const TOKEN = ['eccp', 'CANARYtokenCANARYtokenCANARY01'].join('_');
const MODULE = join(packageRoot(), 'exporters');

interface Action {
  inputs: Record<string, { required?: boolean; default?: string }>;
  runs: { steps: { shell: string; run: string; env: Record<string, string> }[] };
}
interface GitlabJob {
  inherit: unknown;
  variables: Record<string, string>;
  script: string[];
}
interface Run {
  status: number | null;
  log: string;
  outputs: string;
}

let top: string;
let bundle: string;
let checksum: string;
/** The bundle with an AgentShield that leaves its environment, and that of its parent, where the test finds it. */
let tellingBundle: string;
let server: OtlpServer;
let place: string;
let workspace: string;
/** Exists when code of the repository ran; says what it saw. */
let canary: string;

const sha256 = (path: string): string => createHash('sha256').update(readFileSync(path)).digest('hex');

beforeAll(() => {
  top = mkdtempSync(join(tmpdir(), 'shieldwatch-ci-'));
  const packed = execFileSync(process.execPath, [join(MODULE, 'pack-ci.mjs'), join(top, 'ci')], { encoding: 'utf8' })
    .trim()
    .split('\n');
  [bundle = '', checksum = ''] = packed;
  const telling = join(top, 'telling');
  cpSync(join(top, 'ci', 'shieldwatch'), join(telling, 'shieldwatch'), { recursive: true });
  const agentshield = join(telling, 'shieldwatch', 'node_modules', 'ecc-agentshield', 'dist', 'index.js');
  const [shebang = '', ...rest] = readFileSync(agentshield, 'utf8').split('\n');
  const tell = `import { readFileSync as __read, writeFileSync as __write } from 'node:fs'; __write(${JSON.stringify(join(top, 'seen.json'))}, JSON.stringify({ env: process.env, cwd: process.cwd(), parent: __read('/proc/' + process.ppid + '/environ', 'utf8') }));`;
  writeFileSync(agentshield, [shebang, tell, ...rest].join('\n'));
  tellingBundle = join(top, 'telling.tgz');
  execFileSync('tar', ['-czf', tellingBundle, '-C', telling, 'shieldwatch']);
});
afterAll(() => {
  rmSync(top, { recursive: true, force: true });
});
beforeEach(async () => {
  server = await OtlpServer.start();
  place = mkdtempSync(join(top, 'job-'));
  workspace = join(place, 'work', 'app');
  canary = join(place, 'canary');
  mkdirSync(join(place, 'temp'));
  mkdirSync(dirname(workspace));
  cpSync(join(packageRoot(), 'deploy', 'demo', 'repos', 'risky'), workspace, { recursive: true });
  makeHostile();
});
afterEach(() => server.stop());

function write(path: string, text: string, mode = 0o644): void {
  const full = join(workspace, path);
  mkdirSync(dirname(full), { recursive: true });
  writeFileSync(full, text);
  chmodSync(full, mode);
}

/** Everything that some program takes from the folder it is started in, or that earlier steps put on PATH. */
function makeHostile(): void {
  const sing = `{ echo "$0 $*"; /usr/bin/env; /bin/cat /proc/$PPID/environ; } >> '${canary}' 2>&1`;
  const script = `#!/bin/sh\n${sing}\n`;
  write('canary.sh', sing);
  write(
    'canary.cjs',
    `require('node:fs').appendFileSync(${JSON.stringify(canary)}, 'node ' + JSON.stringify(process.env));\n`,
  );
  for (const name of [
    'shieldwatch',
    'node',
    'npx',
    'npm',
    'env',
    'tar',
    'gzip',
    'mktemp',
    'rm',
    'mkdir',
    'git',
    'bash',
    'sh',
    'dirname',
    'sha256sum',
    'agentshield',
  ]) {
    write(`node_modules/.bin/${name}`, script, 0o755);
    write(name, script, 0o755);
  }
  write(
    '.npmrc',
    `script-shell=${workspace}/sh\nnode-options=--require ${workspace}/canary.cjs\nregistry=http://127.0.0.1:9/\nignore-scripts=false\n`,
  );
  write(
    'package.json',
    JSON.stringify({
      name: 'shieldwatch',
      bin: { shieldwatch: 'canary.cjs' },
      scripts: {
        preinstall: './canary.sh',
        postinstall: './canary.sh',
        shieldwatch: './canary.sh',
        prepare: './canary.sh',
      },
    }),
  );
  for (const name of ['shieldwatch', 'shieldwatch-producers', 'ecc-agentshield', 'commander']) {
    write(
      `node_modules/${name}/package.json`,
      JSON.stringify({ name, version: '9.9.9', main: 'index.js', bin: { shieldwatch: 'index.js' } }),
    );
    write(`node_modules/${name}/index.js`, readFileSync(join(workspace, 'canary.cjs'), 'utf8'));
    write(`node_modules/${name}/dist/index.js`, readFileSync(join(workspace, 'canary.cjs'), 'utf8'));
  }
  write('.nvmrc', '$(./canary.sh)');
  write('.node-version', '$(./canary.sh)');
  for (const name of ['.bashrc', '.bash_profile', '.profile', '.envrc', '.env', '.curlrc']) write(name, sing);
  write('.git/HEAD', 'ref: refs/heads/main\n');
  write(
    '.git/config',
    `[core]\n\tfsmonitor = ${workspace}/canary.sh\n\thooksPath = ${workspace}\n\tsshCommand = ${workspace}/canary.sh\n\tpager = ${workspace}/canary.sh\n[remote "origin"]\n\turl = ext::${workspace}/canary.sh\n[filter "x"]\n\tsmudge = ${workspace}/canary.sh\n`,
  );
  write('.gitattributes', '* filter=x\n');
  write('CLAUDE.md', `# Notes\n::set-output name=exit-code::0\n::add-path::${workspace}\n`);
}

/** What a step that ran before, with code of the repository, can leave in the environment of the next. */
const left = (): Record<string, string> => ({
  PATH: `${workspace}/node_modules/.bin:${workspace}:.::/usr/local/bin:/usr/bin:/bin`,
  HOME: workspace,
  TMPDIR: workspace,
  CDPATH: workspace,
  BASH_ENV: `${workspace}/canary.sh`,
  ENV: `${workspace}/canary.sh`,
  NODE_OPTIONS: `--require ${workspace}/canary.cjs`,
  NODE_PATH: `${workspace}/node_modules`,
  SHELLOPTS: 'xtrace',
  BASHOPTS: 'expand_aliases',
  PS4: `$(${workspace}/canary.sh)`,
  PROMPT_COMMAND: `${workspace}/canary.sh`,
  TAR_OPTIONS: `--to-command=${workspace}/canary.sh`,
  ...Object.fromEntries(
    ['node', 'tar', 'printf', 'cd', 'mktemp', 'exec', 'env'].map((name) => [
      `BASH_FUNC_${name}%%`,
      `() { ${workspace}/canary.sh; }`,
    ]),
  ),
  GIT_SSH_COMMAND: `${workspace}/canary.sh`,
  GIT_CONFIG_COUNT: '1',
  GIT_CONFIG_KEY_0: 'core.fsmonitor',
  GIT_CONFIG_VALUE_0: `${workspace}/canary.sh`,
  npm_config_registry: 'http://127.0.0.1:9/',
  npm_config_script_shell: `${workspace}/sh`,
  NODE_EXTRA_CA_CERTS: `${workspace}/CLAUDE.md`,
  SHIELDWATCH_URL: 'http://127.0.0.1:9/',
  SHIELDWATCH_BUNDLE: `${workspace}/canary.sh`,
  SHIELDWATCH_NODE: `${workspace}/node`,
  SHIELDWATCH_HOME: workspace,
});

async function execute(command: readonly string[], env: Record<string, string>): Promise<Omit<Run, 'outputs'>> {
  const [program = '', ...args] = command;
  const child = spawn(program, args, { cwd: workspace, env, stdio: ['ignore', 'pipe', 'pipe'] });
  let log = '';
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (text: string) => {
      log += text;
    });
  const status = await new Promise<number | null>((resolve) => child.once('close', resolve));
  return { status, log };
}

/** The action's step as GitHub's runner starts it: its variables over those that earlier steps left, its script in a file. */
async function github(inputs: Record<string, string>): Promise<Run> {
  const action = parse(readFileSync(join(MODULE, 'action.yml'), 'utf8')) as Action;
  const given = {
    'ingest-url': server.url,
    token: TOKEN,
    bundle,
    'bundle-sha256': checksum,
    repository: 'acme/app',
    ...inputs,
  };
  const values = Object.fromEntries(
    Object.entries(action.inputs).map(([name, { default: otherwise = '' }]) => [name, otherwise]),
  );
  const evaluate = (text: string): string =>
    text.replace(/\$\{\{ *(.*?) *\}\}/g, (_, expression: string) => {
      const [first = ''] = expression.split(' || ');
      if (first === 'github.action_path') return MODULE;
      const name = first.replace('inputs.', '');
      if (!(name in values)) throw new Error(`no input ${name}`);
      return { ...values, ...given }[name] ?? '';
    });
  const outputs = join(place, 'output');
  writeFileSync(outputs, '');
  let run: Omit<Run, 'outputs'> = { status: 0, log: '' };
  for (const { shell, run: script, env } of action.runs.steps) {
    const file = join(place, 'temp', 'step.sh');
    writeFileSync(file, script);
    run = await execute(
      shell.split(' ').map((word) => (word === '{0}' ? file : word)),
      {
        ...left(),
        ...Object.fromEntries(Object.entries(env).map(([name, text]) => [name, evaluate(text)])),
        GITHUB_ACTIONS: 'true',
        GITHUB_WORKSPACE: workspace,
        RUNNER_TEMP: join(place, 'temp'),
        GITHUB_OUTPUT: outputs,
        GITHUB_REPOSITORY: 'acme/app',
        GITHUB_REPOSITORY_ID: '424242',
        GITHUB_SHA: 'f'.repeat(40),
        GITHUB_RUN_ID: '7',
      },
    );
  }
  return { ...run, outputs: readFileSync(outputs, 'utf8') };
}

/** The GitLab job as its runner starts it: the script's lines to a shell, the project's variables over the job's. */
async function gitlab(variables: Record<string, string>): Promise<Run> {
  const { 'shieldwatch-scan': job } = parse(readFileSync(join(MODULE, 'ci', 'gitlab.yml'), 'utf8')) as {
    'shieldwatch-scan': GitlabJob;
  };
  // No earlier step ran; what .gitlab-ci.yml sets for all jobs is not inherited, or is overridden by the job.
  const inherited = Object.fromEntries(
    Object.entries(left()).filter(([name]) => !/^(BASH_FUNC|SHELLOPTS|SHIELDWATCH)/.test(name)),
  );
  const run = await execute(['/bin/bash', '-c', job.script.join('\n')], {
    ...inherited,
    ...job.variables,
    SHIELDWATCH_URL: server.url,
    SHIELDWATCH_TOKEN: TOKEN,
    SHIELDWATCH_BUNDLE: bundle,
    SHIELDWATCH_BUNDLE_SHA256: checksum,
    GITLAB_CI: 'true',
    CI_PROJECT_DIR: workspace,
    CI_PROJECT_PATH: 'acme/app',
    CI_COMMIT_SHA: 'f'.repeat(40),
    CI_PIPELINE_ID: '7',
    ...variables,
  });
  return { ...run, outputs: '' };
}

const sent = (): string[] =>
  server.requests.filter(({ body }) => body.resourceSpans !== undefined).map(({ authorization = '' }) => authorization);
const CI = [
  ['GitHub Action', github, { bundle: 'bundle', sha: 'bundle-sha256', token: 'token' }],
  [
    'GitLab job',
    gitlab,
    { bundle: 'SHIELDWATCH_BUNDLE', sha: 'SHIELDWATCH_BUNDLE_SHA256', token: 'SHIELDWATCH_TOKEN' },
  ],
] as const;

it('a job that trusts the repository would run its code (the fixture is hostile)', async () => {
  for (const command of ['node -e 0', 'shieldwatch scan .', 'npm run shieldwatch']) {
    await execute(['/bin/bash', '-c', command], { ...left(), SHIELDWATCH_TOKEN: TOKEN });
    expect(readFileSync(canary, 'utf8')).toContain(TOKEN);
    rmSync(canary);
  }
});

describe.each(CI)('the %s', (_, run, names) => {
  it('scans a hostile repository, sends its findings, and runs nothing of it', async () => {
    const { status, log } = await run({});
    expect(existsSync(canary) ? readFileSync(canary, 'utf8') : 'nothing ran', log).toBe('nothing ran');
    expect([status, log]).toEqual([2, expect.stringMatching(/acme\/app: score \d+\/100, grade F/)]);
    expect(sent()).toEqual([`Bearer ${TOKEN}`]);
    expect(JSON.stringify(server.requests.map(({ body }) => body))).toContain('f'.repeat(40));
    expect(log).not.toContain(TOKEN);
    // Nothing is left behind.
    expect(readdirSync(join(place, 'temp')).filter((name) => name.startsWith('shieldwatch'))).toEqual([]);
  });

  it('gives the token to no process that AgentShield can read, and starts AgentShield in an empty folder', async () => {
    await run({ [names.bundle]: tellingBundle, [names.sha]: sha256(tellingBundle) });
    const seen = JSON.parse(readFileSync(join(top, 'seen.json'), 'utf8')) as {
      env: Record<string, string>;
      cwd: string;
      parent: string;
    };
    rmSync(join(top, 'seen.json'));
    expect(JSON.stringify(seen)).not.toContain(TOKEN);
    expect(seen.env).not.toHaveProperty('NODE_OPTIONS');
    expect(Object.values(seen.env).filter((value) => value.includes(workspace))).toEqual([]);
    expect(seen.cwd).toMatch(/shieldwatch\.\w+\/empty$/);
    expect(sent()).toEqual([`Bearer ${TOKEN}`]);
  });

  it.each([
    [
      'another checksum',
      () => ({ [names.sha]: '0'.repeat(64) }),
      /SHA-256 of the bundle is [0-9a-f]{64}, expected 0{64}/,
    ],
    ['no checksum', () => ({ [names.sha]: '' }), /is not 64 lower-case hexadecimal digits/],
    ['no bundle', () => ({ [names.bundle]: '' }), /is neither a path nor an https URL/],
    [
      'a bundle over http',
      () => ({ [names.bundle]: `${server.url}/bundle.tgz` }),
      /is neither a path nor an https URL/,
    ],
    ['no token', () => ({ [names.token]: '' }), /expected an ingest token/],
  ])('runs nothing and sends nothing with %s, and says so', async (_what, inputs, message) => {
    const { status, log } = await run(inputs());
    expect([status, log]).toEqual([1, expect.stringMatching(message)]);
    expect([server.requests, existsSync(canary)]).toEqual([[], false]);
  });
});

describe('the GitHub Action', () => {
  it('outputs AgentShield’s exit code, and fails the step only when configured to', async () => {
    expect(await github({ fail: 'false' })).toMatchObject({ status: 0, outputs: 'exit-code=2\n' });
    expect(JSON.stringify(server.requests.map(({ body }) => body))).toContain('"424242"');
    expect(await github({ fail: 'false', 'bundle-sha256': '1'.repeat(64) })).toMatchObject({
      status: 1,
      outputs: 'exit-code=1\n',
    });
  });

  it('prints nothing from the repository that the runner would read as a command', async () => {
    const { log } = await github({});
    const [, marker = ''] = /^::stop-commands::(\w{10})$/m.exec(log) ?? [];
    const after = log.slice(log.indexOf(`::stop-commands::${marker}`));
    expect(
      after
        .trimEnd()
        .split('\n')
        .filter((line) => line === `::${marker}::`),
    ).toHaveLength(1);
    expect(log.slice(0, log.indexOf('::stop-commands::'))).not.toMatch(/^::/m);
  });

  it('refuses a Node inside the repository', async () => {
    const { status, log } = await github({ node: `${workspace}/node` });
    expect([status, log]).toEqual([
      1,
      expect.stringContaining('is not a Node of 20.19 or newer outside the repository'),
    ]);
    expect(existsSync(canary)).toBe(false);
  });

  it('takes policy and baseline as paths, for any file name', async () => {
    write('--sandbox', '{}');
    const { status, log } = await github({ policy: '--sandbox', path: '.' });
    expect(status, log).not.toBe(0);
    expect(existsSync(canary)).toBe(false);
  });
});

it('no CI file installs a package by name, and the GitLab job runs the same script', () => {
  const script = readFileSync(join(MODULE, 'ci', 'scan.sh'), 'utf8');
  const action = parse(readFileSync(join(MODULE, 'action.yml'), 'utf8')) as Action;
  const { 'shieldwatch-scan': job } = parse(readFileSync(join(MODULE, 'ci', 'gitlab.yml'), 'utf8')) as {
    'shieldwatch-scan': GitlabJob;
  };
  expect(job.script).toEqual([`exec /bin/bash --noprofile --norc -p <<'END_OF_SCAN'\n${script}END_OF_SCAN\n`]);
  expect(job.inherit).toEqual({ default: false, variables: false });
  expect(action.runs.steps.map(({ run }) => run).join('')).not.toContain('${{');
  for (const text of [script, JSON.stringify(action), JSON.stringify(job)])
    expect(text).not.toMatch(/\b(npx|npm (?:i|ci|install|exec)|yarn|pnpm|pip|curl|wget)\b/);
});
