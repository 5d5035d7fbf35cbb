import { spawnSync } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { confiningLauncher } from './confine.js';
import { startTestServer } from '../../testing/clickhouse-server.js';

/** Landlock's ABI of this kernel, by its own system call; below 1 there is none. */
const abi =
  process.platform === 'linux'
    ? Number(spawnSync('/usr/bin/perl', ['-e', 'print syscall(444, 0, 0, 1)'], { encoding: 'utf8' }).stdout || -1)
    : -1;
const why = abi < 1 ? '(NOT RUN: this kernel has no Landlock)' : '';

describe.runIf(abi >= 1)(`the engine's process ${why}`, () => {
  let root: string;
  let dataDir: string;
  beforeAll(async () => {
    root = await mkdtemp(join(tmpdir(), 'shieldwatch-confine-'));
    dataDir = join(root, 'clickhouse');
    await mkdir(dataDir);
    await writeFile(join(dataDir, 'users.json'), '{}', { mode: 0o600 });
    await writeFile(join(root, 'secret'), 'secret');
  });
  afterAll(() => rm(root, { recursive: true }));

  /** What a program under the launcher gets of `expression`: its value, or the code of its error. */
  const confined = (expression: string): string => {
    const launcher = confiningLauncher(dataDir, 0);
    const code = `const fs = require('node:fs'), net = require('node:net'); Promise.resolve().then(() => ${expression}).then(String, (error) => error.code).then((text) => { console.log(text); process.exit(); })`;
    return spawnSync(launcher?.execPath ?? '', [...(launcher?.execArgv ?? []), '-e', code], {
      encoding: 'utf8',
      env: {},
    }).stdout.trim();
  };
  const file = (path: string): string => JSON.stringify(path);
  const dial = (port: string): string =>
    `new Promise((resolve, reject) => net.connect(${port}, '127.0.0.1').on('connect', () => resolve('connected')).on('error', reject))`;

  test('reads and writes inside its own folders', () => {
    for (const own of ['data', 'config', 'spool']) {
      expect(
        confined(
          `(fs.writeFileSync(${file(join(dataDir, own, 'x'))}, 'kept'), fs.readFileSync(${file(join(dataDir, own, 'x'))}))`,
        ),
      ).toBe('kept');
    }
    expect(
      confined(`require('node:child_process').execFileSync('mkfifo', [${file(join(dataDir, 'spool', 'pipe'))}])`),
    ).toBe('');
  });

  test.each([
    ['the passwords', () => `fs.readFileSync(${file(join(dataDir, 'users.json'))})`],
    ["the stack's other files", () => `fs.readFileSync(${file(join(root, 'secret'))})`],
    ['a home folder', () => 'fs.readdirSync(require("node:os").homedir() || "/root")'],
    ['the environment of its parent', () => 'fs.readFileSync(`/proc/${process.ppid}/environ`)'],
    ['a file elsewhere, by writing', () => `fs.writeFileSync(${file(join(root, 'made'))}, '')`],
    [
      'its own passwords, by renaming them into its folder',
      () => `fs.renameSync(${file(join(dataDir, 'users.json'))}, ${file(join(dataDir, 'spool', 'users.json'))})`,
    ],
    [
      'the same by a link',
      () => `fs.linkSync(${file(join(dataDir, 'users.json'))}, ${file(join(dataDir, 'spool', 'linked'))})`,
    ],
    [
      'the same by a symbolic link',
      () =>
        `(fs.symlinkSync(${file(join(dataDir, 'users.json'))}, ${file(join(dataDir, 'spool', 'pointed'))}), fs.readFileSync(${file(join(dataDir, 'spool', 'pointed'))}))`,
    ],
  ])('has no access to %s', (_what, expression) => {
    expect(confined(expression())).toMatch(/^(EACCES|EXDEV|EPERM)$/);
  });

  test.runIf(abi >= 4)('opens no TCP connection', () => {
    expect(
      confined(
        `new Promise((resolve, reject) => { const server = net.createServer().listen(0, '127.0.0.1', () => { ${dial('server.address().port')}.then(resolve, reject); }); })`,
      ),
    ).toBe('EACCES');
  });

  test('serves while confined, and reports it', async () => {
    const server = await startTestServer();
    try {
      expect(server.clickhouse.isConfined).toBe(true);
      expect(await readFile(`/proc/${server.clickhouse.pid}/status`, 'utf8')).toMatch(/NoNewPrivs:\s*1/);
      await server.text('CREATE TABLE kept (a UInt8) ENGINE = MergeTree ORDER BY a');
      expect((await server.query('1', { query: 'INSERT INTO kept FORMAT TSV' })).status).toBe(200);
      expect(await server.text('SELECT a FROM kept')).toBe('1');
      // Nothing of our environment but what a program needs.
      expect(
        (await readFile(`/proc/${server.clickhouse.pid}/environ`, 'utf8'))
          .split('\0')
          .map((each) => each.split('=')[0])
          .filter((name) => /VITEST|TOKEN|KEY|SECRET|URL/.test(name ?? '')),
      ).toEqual([]);
    } finally {
      await server.remove();
    }
  });
});
