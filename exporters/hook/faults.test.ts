import { spawn, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { hookCommand } from '../install/hook-command.js';
import { buildHook, type BuiltHook, type HookRun } from '../testing/built-hook.js';
import { readLost } from '../spool/lost.js';
import { decodeLine } from '../spool/line.js';
import { spoolRecords, spoolText } from '../testing/spool-lines.js';

// Any fault around the hook leaves the verdict unchanged; a fault of the policy blocks.

/** A mount of one's own, which root and in most places every user may have. */
const MOUNT = ['--map-root-user', '--mount'];
const canMount = spawnSync('unshare', [...MOUNT, 'sh', '-c', 'mount -t tmpfs none /mnt']).status === 0;

let hook: BuiltHook;
let home: string;
let project: string;
let spool: string;

beforeAll(() => {
  hook = buildHook();
});

beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'shieldwatch-faults-'));
  project = join(home, 'project');
  spool = join(home, 'spool');
  mkdirSync(join(project, '.agentshield'), { recursive: true });
  writePolicy(JSON.stringify({ version: 1, deny: [{ tool: 'Bash', pattern: 'forbidden' }] }));
});

const policyFile = (): string => join(project, '.agentshield', 'runtime-policy.json');

function writePolicy(text: string): void {
  writeFileSync(policyFile(), text);
}

const call = (command: string): string =>
  JSON.stringify({
    session_id: 's',
    prompt_id: 'p',
    cwd: project,
    hook_event_name: 'PreToolUse',
    tool_name: 'Bash',
    tool_input: { command },
    tool_use_id: 'toolu_1',
  });

/** As it is installed, after a shell line, for limits that only a shell can set. */
const runIn = (shell: string, input: string, env: Record<string, string>): Promise<HookRun> =>
  runLine(`${shell}; ${hookCommand({ file: hook.file })}`, input, env);

function runLine(line: string, input: string, env: Record<string, string>): Promise<HookRun> {
  return new Promise((resolve, reject) => {
    const child = spawn('sh', ['-c', line], { cwd: project, env: { PATH: process.env['PATH'] ?? '', ...env } });
    let [stdout, stderr] = ['', ''];
    child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text));
    child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
    child.once('error', reject);
    child.once('close', (exitCode) => {
      resolve({ exitCode, stdout, stderr });
    });
    // A Node that is gone does not read.
    child.stdin.on('error', () => undefined);
    child.stdin.end(input);
  });
}

const verdicts = async (env: Record<string, string>, shell = ':'): Promise<unknown[]> => [
  (await runIn(shell, call('forbidden'), env)).exitCode,
  await runIn(shell, call('fine'), env),
];
const SAME = [2, { exitCode: 0, stdout: '', stderr: '' }];

describe('the same verdict', () => {
  it.each<[string, () => Record<string, string>]>([
    ['with everything in order', () => ({})],
    ['with a backend that is down', () => ({ SHIELDWATCH_URL: 'http://127.0.0.1:9' })],
    ['with a backend whose name hangs', () => ({ SHIELDWATCH_URL: 'http://nothing.invalid:4000' })],
    ['with a URL that is none', () => ({ SHIELDWATCH_URL: 'nonsense', SHIELDWATCH_TOKEN: 'x' })],
    [
      'with a spool that is a file',
      () => {
        writeFileSync(join(home, 'file'), '');
        return { SHIELDWATCH_SPOOL_DIR: join(home, 'file') };
      },
    ],
    ['with a spool in nowhere', () => ({ SHIELDWATCH_SPOOL_DIR: '/proc/nowhere/spool' })],
    [
      'with a segment that is a folder',
      () => {
        mkdirSync(join(spool, `decisions-${new Date().toISOString().slice(0, 10)}-000000.ndjson`), { recursive: true });
        return {};
      },
    ],
    [
      'with a segment that always says the disk is full',
      () => {
        mkdirSync(spool);
        symlinkSync('/dev/full', join(spool, `decisions-${new Date().toISOString().slice(0, 10)}-000000.ndjson`));
        return {};
      },
    ],
    [
      'with a segment that nobody reads',
      () => {
        mkdirSync(spool);
        mkfifo(join(spool, `decisions-${new Date().toISOString().slice(0, 10)}-000000.ndjson`));
        return {};
      },
    ],
    [
      'with a git config that is a pipe',
      () => {
        mkdirSync(join(project, '.git'));
        mkfifo(join(project, '.git', 'config'));
        return {};
      },
    ],
    [
      'with a git config that never ends',
      () => {
        mkdirSync(join(project, '.git'));
        symlinkSync('/dev/zero', join(project, '.git', 'config'));
        return {};
      },
    ],
    [
      'with a worktree that is a pipe',
      () => {
        mkfifo(join(project, '.git'));
        return {};
      },
    ],
    ['with a cap that is nonsense', () => ({ SHIELDWATCH_SPOOL_MAX_MB: 'many' })],
    ['with a mode that is nonsense', () => ({ SHIELDWATCH_POLICY_MODE: 'laxest' })],
    ['without a home', () => ({ HOME: '' })],
    ['with an actor key', () => ({ SHIELDWATCH_ACTOR_KEY: 'key' })],
  ])('%s', async (_, prepare) => {
    expect(await verdicts({ HOME: home, SHIELDWATCH_SPOOL_DIR: spool, ...prepare() })).toEqual(SAME);
  });

  it('holds on a full disk, and lost records are counted', async () => {
    const env = { HOME: home, SHIELDWATCH_SPOOL_DIR: spool };
    await runIn(':', call('fine'), env);
    // Fill the segment up to what the limit below allows.
    for (let index = 0; index < 4; index += 1) await runIn(':', call('fine'), env);
    const before = spoolRecords(spool).length;
    // No file may grow beyond a block or two, which is what the segment has.
    expect(await verdicts(env, 'ulimit -f 1')).toEqual(SAME);
    expect(spoolRecordsWhole()).toBe(before);
    expect(readLost(spool)).toBe(2);
  });

  it.runIf(canMount)(
    `on a file system without a free block, from the first call to long after: what is not there is counted${canMount ? '' : ' (mounting is not allowed here)'}`,
    () => {
      mkdirSync(spool);
      const [script, out] = [join(home, 'script.sh'), join(home, 'out')];
      const calls = 40;
      writeFileSync(
        script,
        `mount -t tmpfs -o size=24k none "${spool}" || exit 99
      call() { printf %s "$1" | "${process.execPath}" "${hook.file}" > /dev/null 2>&1; printf '%s ' $?; }
      call "$FINE"
      dd if=/dev/zero of="${spool}/fill" bs=1k 2> /dev/null
      for i in $(seq ${String(calls - 1)}); do call "$FINE"; done
      call "$FORBIDDEN"
      rm "${spool}/fill"
      call "$FORBIDDEN"; call "$FINE"
      cp -r "${spool}" "${out}"`,
      );
      const env = {
        PATH: process.env['PATH'] ?? '',
        HOME: home,
        SHIELDWATCH_SPOOL_DIR: spool,
        FINE: call('fine'),
        FORBIDDEN: call('forbidden'),
      };
      const { status, stdout } = spawnSync('unshare', [...MOUNT, 'sh', script], {
        cwd: project,
        env,
        encoding: 'utf8',
      });
      expect([status, stdout.trim().split(' ')]).toEqual([
        0,
        [...Array.from({ length: calls }, () => '0'), '2', '2', '0'],
      ]);
      const whole = spoolText(out)
        .split('\n')
        .filter((line) => decodeLine(line) !== undefined).length;
      expect(readLost(out)).toBeGreaterThan(10);
      expect(whole + readLost(out)).toBe(calls + 3);
    },
  );

  it('holds with a full spool, and dropped records are counted', async () => {
    const env = { HOME: home, SHIELDWATCH_SPOOL_DIR: spool, SHIELDWATCH_SPOOL_MAX_MB: '1' };
    mkdirSync(spool);
    const { spoolLine } = await import('../testing/spool-lines.js');
    const line = spoolLine(0);
    const perSegment = Math.floor(131_072 / line.length);
    for (let segment = 0; segment < 8; segment += 1)
      writeFileSync(
        join(spool, `decisions-2026-11-23-${String(segment).padStart(6, '0')}.ndjson`),
        line.repeat(perSegment),
      );
    expect(await verdicts(env)).toEqual(SAME);
    const reported = spoolText(spool)
      .split('\n')
      .map((text) => decodeLine(text) as { dropped?: number } | undefined)
      .reduce((sum, record) => sum + (record?.dropped ?? 0), 0);
    expect(reported).toBe(perSegment);
  });
});

function mkfifo(path: string): void {
  expect(spawnSync('mkfifo', [path]).status).toBe(0);
}

function spoolRecordsWhole(): number {
  return spoolText(spool)
    .split('\n')
    .filter((line) => decodeLine(line) !== undefined).length;
}

describe('a policy that cannot be applied', () => {
  it.each<[string, () => void]>([
    [
      'is not JSON',
      () => {
        writePolicy('{');
      },
    ],
    [
      'is empty',
      () => {
        writePolicy('');
      },
    ],
    [
      'is binary',
      () => {
        writeFileSync(policyFile(), Buffer.from([0xff, 0xfe, 0x00]));
      },
    ],
    [
      'has a pattern that is none',
      () => {
        writePolicy('{"deny":[{"tool":"Bash","pattern":"("}]}');
      },
    ],
    [
      'is a pipe',
      () => {
        rmSync(policyFile());
        mkfifo(policyFile());
      },
    ],
    [
      'has no end',
      () => {
        rmSync(policyFile());
        symlinkSync('/dev/zero', policyFile());
      },
    ],
    [
      'never ends',
      () => {
        writePolicy('{"deny":[{"tool":"Bash","pattern":"(a+)+$"}]}');
      },
    ],
  ])('blocks when it %s', async (_, prepare) => {
    prepare();
    const run = await runIn(':', call(`${'a'.repeat(60)}!`), { HOME: home, SHIELDWATCH_SPOOL_DIR: spool });
    expect([run.exitCode, JSON.parse(run.stdout)]).toEqual([2, expect.objectContaining({ decision: 'block' })]);
  });
});

describe('the installed command', () => {
  const broken: [string, (command: string) => string][] = [
    ['is gone', (command) => command.replace(process.execPath, '/nowhere/node')],
    ['cannot be run', (command) => command.replace(process.execPath, project)],
    ['is killed', (command) => command.replace(process.execPath, script('kill -9 $$'))],
    ['no longer knows an option', (command) => command.replace('--no-rehash-snapshot', '--no-such-option')],
    ['finds no hook', (command) => command.replace(hook.file, '/nowhere/hook.cjs')],
    [
      'runs out of memory',
      (command) =>
        command.replace(
          '--no-rehash-snapshot',
          `--max-old-space-size=20 ${preload('const a = []; for (;;) a.push(new Array(1e5).fill(a.length));')}`,
        ),
    ],
    ['overflows its stack', (command) => command.replace('--no-rehash-snapshot', '--stack-size=40')],
    ['throws', (command) => command.replace('--no-rehash-snapshot', preload('throw new Error();'))],
    [
      'throws while the hook runs',
      (command) =>
        command.replace(
          '--no-rehash-snapshot',
          preload(
            "require('node:fs').readSync = () => { process.nextTick(() => { throw new Error(); }); throw Object.assign(new Error(), { code: 'EAGAIN' }); };",
          ),
        ),
    ],
    [
      'rejects',
      (command) =>
        command.replace(
          '--no-rehash-snapshot',
          preload(
            "require('node:fs').readSync = () => { void Promise.reject(new Error()); throw Object.assign(new Error(), { code: 'EAGAIN' }); };",
          ),
        ),
    ],
    ['aborts', (command) => command.replace('--no-rehash-snapshot', preload('process.abort();'))],
    [
      'is terminated by a signal',
      (command) => command.replace('--no-rehash-snapshot', preload("process.kill(process.pid, 'SIGTERM'); for (;;);")),
    ],
    ['exits with 1 and no word', (command) => command.replace('--no-rehash-snapshot', preload('process.exit(1);'))],
    ['exits with 2 and no word', (command) => command.replace('--no-rehash-snapshot', preload('process.exit(2);'))],
  ];

  /** Node's option that runs a line before the hook. */
  function preload(line: string): string {
    const file = join(mkdtempSync(join(tmpdir(), 'shieldwatch-preload-')), 'preload.cjs');
    writeFileSync(file, line);
    return `--require ${file}`;
  }

  function script(line: string): string {
    const file = join(home, 'node.sh');
    writeFileSync(file, `#!/bin/sh\n${line}\n`, { mode: 0o700 });
    return file;
  }

  it.each(broken)('blocks with a line on stderr when Node %s', async (way, brokenBy) => {
    const env = { HOME: home, SHIELDWATCH_SPOOL_DIR: spool };
    const run = await runLine(brokenBy(hookCommand({ file: hook.file })), call('forbidden'), env);
    // Codex runs the tool after exit code 2 with an empty stderr.
    expect([run.exitCode, run.stderr]).toEqual([2, expect.stringMatching(/shieldwatch: the call is blocked/)]);
    // What blocks by itself is the hook; without the tail its failures do not.
    const without = await runLine(brokenBy(hookCommand({ file: hook.file, onFailure: 'continue' })), call('fine'), env);
    if (!['exits with 2 and no word', 'throws while the hook runs', 'rejects', 'overflows its stack'].includes(way))
      expect(without.exitCode).not.toBe(2);
  });

  it('blocks with exit code 0 and the JSON when stderr cannot be written', async () => {
    const env = { HOME: home, SHIELDWATCH_SPOOL_DIR: spool };
    for (const redirection of ['2>&-', '2>/dev/full']) {
      const run = await runLine(
        hookCommand({ file: hook.file }).replace(' ||', ` ${redirection} ||`),
        call('forbidden'),
        env,
      );
      // A stderr that is closed is opened by Node as /dev/null: there the shell's own line says it.
      if (run.exitCode === 2) expect(run.stderr).toMatch(/blocked/);
      else expect([run.exitCode, JSON.parse(run.stdout)]).toEqual([0, expect.objectContaining({ decision: 'block' })]);
    }
  });

  it('blocks when stderr is closed', async () => {
    const child = spawn('sh', ['-c', hookCommand({ file: '/nowhere/hook.cjs' })], {
      cwd: project,
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    child.stderr.destroy();
    expect(
      await new Promise((resolve) =>
        child.once('exit', (code, signal) => {
          resolve(code ?? signal);
        }),
      ),
    ).toBe(2);
  });
});

describe('an input that could flood a hash table of known seed', () => {
  const many = Object.fromEntries(Array.from({ length: 5_000 }, (_, i) => [`key ${String(i)}`, 'value']));

  /** The verdicts, and with which of V8's options each process that was started ran. */
  async function judged(input: (command: string) => string): Promise<unknown> {
    const [preload, log] = [join(home, 'preload.cjs'), join(home, 'started')];
    writeFileSync(
      preload,
      `require('node:fs').appendFileSync(${JSON.stringify(log)}, process.execArgv.includes('--no-rehash-snapshot') ? 'known ' : 'own ')`,
    );
    const env = { HOME: home, SHIELDWATCH_SPOOL_DIR: spool };
    const line = hookCommand({ file: hook.file }).replace('NODE_OPTIONS=', `NODE_OPTIONS=--require=${preload}`);
    const [denied, allowed] = [await runLine(line, input('forbidden'), env), await runLine(line, input('fine'), env)];
    return {
      denied: denied.exitCode,
      answer: (JSON.parse(denied.stdout) as { decision: string }).decision,
      allowed,
      started: readFileSync(log, 'utf8'),
    };
  }
  const judgedAlike = { denied: 2, answer: 'block', allowed: SAME[1] };

  it.each<[string, (command: string) => string]>([
    [
      'of a call',
      (command) => JSON.stringify({ ...(JSON.parse(call(command)) as object), tool_input: { command, many } }),
    ],
    [
      'of a policy',
      (command) => {
        writePolicy(
          JSON.stringify({
            version: 1,
            deny: [
              ...Array.from({ length: 2_000 }, (_, i) => ({ tool: `Tool${String(i)}` })),
              { tool: 'Bash', pattern: 'forbidden' },
            ],
          }),
        );
        return call(command);
      },
    ],
  ])('%s are read by a process with its own, which records the call once', async (_, input) => {
    expect(await judged(input)).toEqual({ ...judgedAlike, started: 'known own known own ' });
    expect(spoolRecords(spool)).toHaveLength(2);
  });

  it('is not suspected merely for its length', async () => {
    expect(await judged((command) => call(`${command} ${'x'.repeat(1_000_000)}`))).toEqual({
      ...judgedAlike,
      started: 'known known ',
    });
  });
});

it('leaves whole lines or none when killed at any moment', async () => {
  const env = { PATH: process.env['PATH'] ?? '', HOME: home, SHIELDWATCH_SPOOL_DIR: spool };
  const codes: (number | null)[] = [];
  for (let round = 0; round < 24; round += 1) {
    const child = spawn(process.execPath, [hook.file], { cwd: project, env, stdio: ['pipe', 'ignore', 'ignore'] });
    child.stdin.on('error', () => undefined);
    child.stdin.end(call('fine'));
    const exited = new Promise<number | null>((resolve) => child.once('exit', resolve));
    // A moment anywhere in a hook's life; the only wait here that is not for something.
    await sleep(round * 3);
    child.kill('SIGKILL');
    codes.push(await exited);
  }
  expect(codes.filter((code) => code !== null && code !== 0)).toEqual([]);
  await hook.run(call('fine'), { HOME: home, SHIELDWATCH_SPOOL_DIR: spool });
  const records = spoolRecords(spool);
  expect(records.length).toBeGreaterThan(0);
  // Killed before it was written, the number is empty, which counts from 0 too.
  expect(Number(readFileSync(join(spool, 'lost'), 'utf8'))).toBe(0);
});
