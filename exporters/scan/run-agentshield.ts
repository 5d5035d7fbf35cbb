import { spawn } from 'node:child_process';
import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { CommandError } from '#schemas/errors.js';
import type { Severity } from '#schemas/records/enums.js';
import { redactText } from '#schemas/redaction.js';
import { scrubText } from '#schemas/scrub.js';
import type { AgentshieldPackage } from './agentshield-package.js';
import { environment } from '../environment.js';

/** Time limit in milliseconds. A scan takes under a second. */
const TIME_LIMIT_MS = 10 * 60_000;

/** Options that would move, empty or suppress the evidence pack that is read afterwards, or invalidate it (`--fix`). */
const OWN_OPTIONS = /^(?:-p.*|--(?:path|gate|evidence-pack|no-evidence-redact|min-severity|fix)(?:=.*)?)$/;

export interface AgentshieldRun {
  /** Folder with the evidence pack. */
  readonly pack: string;
  /** The CLI's own exit code: 0, 2 critical findings, 4 policy not met. */
  readonly exitCode: number;
  readonly durationMs: number;
  /** Output of the CLI, with secrets masked. */
  readonly stdout: string;
  readonly stderr: string;
}

/** Folder to scan, and the private folder for the pack. */
export interface AgentshieldSettings {
  readonly target: string;
  readonly folder: string;
  readonly minSeverity: Severity;
  readonly extraArgs: readonly string[];
}

/**
 * Runs AgentShield's CLI on a folder to obtain its evidence pack: the pack contains all that is exported, already
 * redacted once, while the plain report quotes secrets in full. Without `--gate`: a failing gate ends the CLI before
 * the pack is written, so exactly the regressed scans would be missing.
 */
export async function runAgentshield(
  agentshield: AgentshieldPackage,
  settings: AgentshieldSettings,
): Promise<AgentshieldRun> {
  const own = settings.extraArgs.find((arg) => OWN_OPTIONS.test(arg));
  if (own !== undefined)
    throw new CommandError(
      `AgentShield's option ${own.replace(/=.*$/, '')} is set by shieldwatch and cannot be passed on`,
    );
  const pack = join(settings.folder, 'pack');
  const startedAt = performance.now();
  const args = ['scan', '-p', settings.target, '--evidence-pack', pack, '--min-severity', settings.minSeverity];
  const { exitCode, stdout, stderr } = await run(
    [agentshield.cli, ...args, ...settings.extraArgs],
    childEnvironment(settings.folder),
  );
  if (!existsSync(join(pack, 'manifest.json'))) {
    // Secrets are masked first, because the last lines of a key alone are not recognised.
    const said = scrubText(
      redactText(stderr)
        .split('\n')
        .filter((line) => line.trim() !== '')
        .slice(-3)
        .join(' '),
      400,
    );
    throw new CommandError(`AgentShield ended with exit code ${String(exitCode)} and wrote no evidence pack: ${said}`);
  }
  const printed = { stdout: printable(stdout, pack), stderr: printable(stderr, pack) };
  return { pack, exitCode, durationMs: performance.now() - startedAt, ...printed };
}

/**
 * Returns the child's environment. The pack's redaction replaces user and home folder names anywhere, even inside
 * severities and repository names (a user called `high` removes 35 findings). So the child gets no user, and a home
 * with a name too short to be replaced. It does not get our token either.
 */
function childEnvironment(folder: string): NodeJS.ProcessEnv {
  const home = join(folder, 'h');
  mkdirSync(home);
  const hidden = new Set(['USER', 'USERNAME', 'LOGNAME', 'SHIELDWATCH_TOKEN', 'FORCE_COLOR']);
  const kept = Object.entries(environment).filter(([name]) => !hidden.has(name));
  return { ...Object.fromEntries(kept), HOME: home, USERPROFILE: home, NO_COLOR: '1' };
}

/** Masks secrets and removes mentions of our pack, which is deleted by the time this is read. */
function printable(text: string, pack: string): string {
  const json = parseJson(text);
  // String by string: inside JSON text, quotes are escaped and hide the beginning of a password.
  if (json !== undefined)
    return `${JSON.stringify(json, (_key, value: unknown) => (typeof value === 'string' ? redactText(value) : value), 2)}\n`;
  const lines = text
    .split('\n')
    .filter((line) => !line.includes(pack))
    .join('\n');
  // Element by element first: everything after a key without an end is masked.
  return redactText(
    /^\s*<!doctype html/i.test(lines) ? lines.replace(/<[^>]*>|[^<]+/g, (piece) => redactText(piece)) : lines,
  );
}

/** Parses reports that are JSON; undefined for any other format. */
function parseJson(text: string): unknown {
  if (!/^\s*[[{]/.test(text)) return undefined;
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Limit for the CLI's report in its longest format; longer output is truncated. */
const MAX_OUTPUT = 64 * 1024 * 1024;

async function run(
  args: readonly string[],
  env: NodeJS.ProcessEnv,
): Promise<{ exitCode: number; stdout: string; stderr: string }> {
  const child = spawn(process.execPath, args, {
    env,
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: TIME_LIMIT_MS,
    killSignal: 'SIGKILL',
  });
  const [stdout, stderr] = [collect(child.stdout), collect(child.stderr)];
  const stop = (): void => {
    child.kill('SIGKILL');
  };
  process.once('exit', stop);
  try {
    const exitCode = await new Promise<number>((resolve, reject) => {
      child.once('error', reject);
      child.once('close', (code) => {
        resolve(code ?? -1);
      });
    });
    return { exitCode, stdout: stdout(), stderr: stderr() };
  } finally {
    process.off('exit', stop);
  }
}

function collect(stream: Readable): () => string {
  const chunks: string[] = [];
  let size = 0;
  stream.setEncoding('utf8').on('data', (text: string) => {
    size += text.length;
    if (size <= MAX_OUTPUT) chunks.push(text);
  });
  return () => chunks.join('');
}
