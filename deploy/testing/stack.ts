import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { runShieldwatch, type CliResult } from '#deploy/demo/run-cli.js';
import { callStack } from '#deploy/embedded/data-folder.js';
import type { StackStatus } from '#deploy/embedded/stack.js';
import { copyMigratedClickHouse, copyMigratedPostgres } from '#deploy/testing/store-template.js';
import { packageRoot } from '#schemas/root.js';
import { freePort } from '#schemas/testing/ports.js';

const CLI = join(packageRoot(), 'dist/deploy/cli.js');

/** A stack that was started by the command line, with its own process tree, ports and data folder. */
export interface RunningStack {
  readonly status: StackStatus;
  readonly dataDir: string;
  /** URL of the store with the reader's name and password. */
  readonly readerUrl: string;
  /** Returns the output of all starts, standard output and standard error. */
  readonly output: () => string;
  /** Mints a token with the given scopes. */
  token(...scopes: string[]): Promise<string>;
  /** Sends SIGINT and returns the exit code. */
  interrupt(): Promise<number | null>;
  /** Sends SIGKILL to the process of the tree whose command line contains `text`; throws unless there is exactly one. */
  killPart(text: string): void;
  /** Sends SIGKILL to every process of the tree. */
  kill9(): Promise<void>;
  /** Starts again on the same folder and ports. */
  restart(...more: string[]): Promise<void>;
  /** Kills the stack and removes its folder. */
  dispose(): Promise<void>;
}

/** Polls `check` and returns its first value that is neither undefined nor false; throws after `deadlineMs`. */
export async function until<T>(
  what: string,
  check: () => T | undefined | false | Promise<T | undefined | false>,
  deadlineMs = 60_000,
): Promise<T> {
  const deadline = Date.now() + deadlineMs;
  for (;;) {
    const value = await check();
    if (value !== undefined && value !== false) return value;
    if (Date.now() > deadline) throw new Error(`timed out: ${what}`);
    await pause(50);
  }
}

/** Returns `pid` and all its descendants with their command lines. */
function processTree(pid: number): { pid: number; command: string }[] {
  const rows = spawnSync('ps', ['-ww', '-eo', 'pid=,ppid=,args='], { encoding: 'utf8' }).stdout.split('\n');
  const all = rows.map((row) => {
    const [, child, parent, command] = /^\s*(\d+)\s+(\d+)\s+(.*)$/.exec(row) ?? [];
    return { pid: Number(child), parent: Number(parent), command: command ?? '' };
  });
  const tree = all.filter((row) => row.pid === pid);
  for (const parent of tree) tree.push(...all.filter((row) => row.parent === parent.pid));
  return tree;
}

/** Runs `shieldwatch start` until it exits; for starts that are expected to fail. */
export function startAndExit(args: readonly string[]): Promise<CliResult> {
  return runShieldwatch(['start', ...args], { cwd: tmpdir(), env: {} });
}

/**
 * Starts a stack in a temporary folder of its own and waits until it is up. Its stores are migrated copies, which
 * a start finds as it left them; `isFirstStart`: the folder is empty, and the start makes everything.
 */
export async function startStackProcess(options: {
  withCollector: boolean;
  isFirstStart?: boolean;
  env?: NodeJS.ProcessEnv;
}): Promise<RunningStack> {
  const root = await mkdtemp(join(tmpdir(), 'shieldwatch-e2e-'));
  const dataDir = join(root, 'data');
  if (options.isFirstStart !== true) {
    await copyMigratedClickHouse(join(dataDir, 'clickhouse'));
    await copyMigratedPostgres(join(dataDir, 'postgres'));
  }
  const ports = [await freePort(), await freePort(), await freePort()];
  const args = [
    '--data-dir',
    dataDir,
    '--port',
    ports[0],
    '--clickhouse-port',
    ports[1],
    '--collector-port',
    ports[2],
  ].map(String);
  if (!options.withCollector) args.push('--no-collector');
  let output = '';
  let child: ChildProcess;
  let exit: Promise<number | null>;
  let status: StackStatus;

  async function start(...more: string[]): Promise<void> {
    child = spawn(process.execPath, [CLI, 'start', ...args, ...more], {
      stdio: ['ignore', 'pipe', 'pipe'],
      detached: true,
      env: { ...process.env, ...options.env },
    });
    for (const stream of [child.stdout, child.stderr])
      stream?.setEncoding('utf8').on('data', (chunk: string) => (output += chunk));
    let code: number | null | undefined;
    exit = new Promise((resolve) => {
      child.on('exit', (value) => {
        code = value;
        resolve(value);
      });
    });
    const before = output.length;
    status = await until('the stack is up', async () => {
      if (code !== undefined) throw new Error(`the stack ended with ${code}:\n${output}`);
      const answer = await callStack<StackStatus>(dataDir, 'GET', '/status').catch(() => undefined);
      // It answers before it prints its banner.
      return output.includes('Shieldwatch is running', before) ? answer : undefined;
    });
  }
  async function kill9(): Promise<void> {
    if (child.pid === undefined) return;
    for (const { pid } of processTree(child.pid)) {
      try {
        process.kill(pid, 'SIGKILL');
      } catch {
        // Gone by itself in the meantime.
      }
    }
    await exit;
  }
  await start();
  return {
    get status() {
      return status;
    },
    dataDir,
    get readerUrl() {
      const password = /password (\S+)/.exec(readFileSync(status.clickhouseReader ?? '', 'utf8'))?.[1] ?? '';
      return status.clickhouse.replace('//', `//reader:${password}@`);
    },
    output: () => output,
    async token(...scopes) {
      const minted = await callStack<{ token: string }>(dataDir, 'POST', '/tokens', { name: 'test', scopes });
      if (minted === undefined) throw new Error('no stack answers');
      return minted.token;
    },
    async interrupt() {
      child.kill('SIGINT');
      return exit;
    },
    killPart(text) {
      const parts = processTree(child.pid ?? 0).filter((part) => part.command.includes(text));
      if (parts.length !== 1) throw new Error(`${parts.length} processes with ${text}`);
      for (const { pid } of parts) process.kill(pid, 'SIGKILL');
    },
    kill9,
    restart: start,
    async dispose() {
      await kill9();
      await rm(root, { recursive: true, force: true });
    },
  };
}
