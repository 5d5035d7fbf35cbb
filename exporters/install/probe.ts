import { spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PROBE_SESSION } from '../hook-start.js';
import type { InstalledHook } from './hook-command.js';
import { environment } from '../environment.js';

const TIME_LIMIT_MS = 10_000;
const FORBIDDEN = 'shieldwatch-probe-forbidden';

/**
 * Calls an installed hook as an agent would, once with a call that a policy forbids and once with one that it allows.
 * Returns undefined if the hook blocked the first and allowed the second, else the problem. Leaves no record.
 */
export async function probe(hook: InstalledHook, event: string): Promise<string | undefined> {
  const project = mkdtempSync(join(tmpdir(), 'shieldwatch-probe-'));
  try {
    mkdirSync(join(project, '.agentshield'));
    writeFileSync(
      join(project, '.agentshield', 'runtime-policy.json'),
      JSON.stringify({ version: 1, deny: [{ tool: 'Bash', pattern: FORBIDDEN }] }),
    );
    const call = (command: string): string =>
      JSON.stringify({
        session_id: PROBE_SESSION,
        cwd: project,
        hook_event_name: event,
        tool_name: 'Bash',
        tool_input: { command },
        tool_use_id: 'probe',
      });
    const [denied, allowed] = [await ask(hook, call(FORBIDDEN), project), await ask(hook, call('true'), project)];
    if (denied.problem !== undefined) return denied.problem;
    if (!denied.isBlocked) return 'it let a call pass that the policy forbids';
    if (allowed.isBlocked || allowed.problem !== undefined)
      return allowed.problem ?? 'it blocked a call that the policy does not forbid';
    return undefined;
  } finally {
    rmSync(project, { recursive: true, force: true });
  }
}

interface Outcome {
  readonly isBlocked: boolean;
  readonly problem?: string;
}

async function ask(hook: InstalledHook, input: string, project: string): Promise<Outcome> {
  return hook.type === 'command' ? runCommand(hook.command, input, project) : post(hook, input);
}

/** Starts it through a shell, as agents do. It blocks if all agents would block: exit code 2 and the JSON. */
function runCommand(command: string, input: string, project: string): Promise<Outcome> {
  return new Promise((resolve) => {
    const env = { ...environment, CLAUDE_PROJECT_DIR: project };
    const child = spawn(command, {
      shell: true,
      cwd: project,
      env,
      stdio: ['pipe', 'pipe', 'ignore'],
      timeout: TIME_LIMIT_MS,
    });
    let stdout = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text));
    child.stdin.on('error', () => undefined);
    child.once('error', ({ message }) => {
      resolve({ isBlocked: false, problem: `it cannot be started: ${message}` });
    });
    child.once('close', (code) => {
      if (code === 2 && isDenial(stdout)) resolve({ isBlocked: true });
      else if (code === 0 && stdout === '') resolve({ isBlocked: false });
      else resolve({ isBlocked: false, problem: `it ended with exit code ${String(code)}` });
    });
    child.stdin.end(input);
  });
}

async function post({ url, token }: Extract<InstalledHook, { type: 'http' }>, body: string): Promise<Outcome> {
  try {
    const headers = { 'content-type': 'application/json', authorization: `Bearer ${token}` };
    const response = await fetch(url, { method: 'POST', headers, body, signal: AbortSignal.timeout(TIME_LIMIT_MS) });
    const text = await response.text();
    if (response.status !== 200) return { isBlocked: false, problem: `it answered ${String(response.status)}` };
    return { isBlocked: isDenial(text) };
  } catch {
    return { isBlocked: false, problem: 'nobody answers there: is `shieldwatch agent` running?' };
  }
}

function isDenial(text: string): boolean {
  try {
    return (JSON.parse(text) as { decision?: unknown }).decision === 'block';
  } catch {
    return false;
  }
}
