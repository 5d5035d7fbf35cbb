import { spawn } from 'node:child_process';
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { build, type Metafile } from 'esbuild';
import { packageRoot } from '#schemas/root.js';

/** What a hook process left behind. */
export interface HookRun {
  readonly exitCode: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** The hook as a program of its own, bundled as it would be installed. */
export interface BuiltHook {
  /** Every module in the bundle, for a look at what the hook loads. */
  readonly inputs: Metafile['inputs'];
  /** Runs it as an agent would; `env` is its whole environment besides PATH. */
  run(stdin: string, env: Record<string, string>, cwd?: string): Promise<HookRun>;
}

/** Bundles `hook/main.ts` into a temporary folder. */
export async function buildHook(): Promise<BuiltHook> {
  const outfile = join(mkdtempSync(join(tmpdir(), 'shieldwatch-hook-')), 'hook.mjs');
  const { metafile } = await build({
    stdin: { contents: "import { runHook } from './exporters/hook/main.js'; await runHook();", resolveDir: packageRoot() },
    bundle: true,
    platform: 'node',
    format: 'esm',
    conditions: ['source'],
    metafile: true,
    logLevel: 'error',
    outfile,
  });
  return { inputs: metafile.inputs, run: (stdin, env, cwd) => runProcess(outfile, stdin, env, cwd ?? tmpdir()) };
}

function runProcess(file: string, stdin: string, env: Record<string, string>, cwd: string): Promise<HookRun> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [file], { cwd, env: { PATH: process.env['PATH'] ?? '', ...env } });
    let stdout = '';
    let stderr = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text));
    child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
    child.once('error', reject);
    child.once('close', (exitCode) => {
      resolve({ exitCode, stdout, stderr });
    });
    child.stdin.end(stdin);
  });
}
