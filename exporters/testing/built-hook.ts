import { execFileSync, spawn } from 'node:child_process';
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { packageRoot } from '#schemas/root.js';
import { NODE_OPTIONS } from '../install/hook-command.js';

/** What a hook process left behind. */
export interface HookRun {
  readonly exitCode: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** The hook as the one file that is installed. */
export interface BuiltHook {
  readonly file: string;
  /** Runs it as an agent would; `env` is its whole environment in addition to PATH. */
  run(stdin: string, env: Record<string, string>, cwd?: string): Promise<HookRun>;
}

/** Bundles the hook into a temporary folder. */
export function buildHook(): BuiltHook {
  const file = join(mkdtempSync(join(tmpdir(), 'shieldwatch-hook-')), 'hook.cjs');
  execFileSync(process.execPath, [join(packageRoot(), 'exporters', 'build.mjs'), file]);
  return { file, run: (stdin, env, cwd) => runProcess(file, stdin, env, cwd ?? tmpdir()) };
}

function runProcess(file: string, stdin: string, env: Record<string, string>, cwd: string): Promise<HookRun> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [...NODE_OPTIONS, file], {
      cwd,
      env: { PATH: process.env['PATH'] ?? '', ...env },
    });
    let stdout = '';
    let stderr = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text));
    child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
    child.once('error', reject);
    child.once('close', (exitCode) => {
      resolve({ exitCode, stdout, stderr });
    });
    // A hook that was killed does not read.
    child.stdin.on('error', () => undefined);
    child.stdin.end(stdin);
  });
}
