import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { describe, expect, it } from 'vitest';
import { packageRoot } from '#schemas/root.js';

const GUARD = join(packageRoot(), 'dist', 'deploy', 'embedded', 'guard.js');

/** A parent that forks the guard around `command`, and prints what the guard tells it. */
function parent(command: readonly string[]) {
  const script = `
    const { fork } = require('node:child_process');
    const guard = fork(${JSON.stringify(GUARD)}, ${JSON.stringify(command)}, { detached: true, stdio: ['ignore', 'pipe', 'pipe', 'ipc'] });
    guard.stdout.pipe(process.stdout);
    guard.on('message', ({ pid }) => console.log('pid ' + pid));
    guard.on('exit', (code) => console.log('ended ' + code));`;
  return spawn(process.execPath, ['-e', script], { stdio: ['ignore', 'pipe', 'inherit'] });
}

const isAlive = (pid: number): boolean => {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
};

describe('guard', () => {
  it('is built (npm run build)', () => {
    expect(existsSync(GUARD)).toBe(true);
  });

  it('ends its command, after it finished its work, when the parent is killed with -9', async () => {
    const done = `/tmp/shieldwatch-guard-${process.pid}-${Date.now()}`;
    const work = `process.on('SIGTERM', () => { console.log('x'.repeat(1e6)); require('fs').writeFileSync('${done}', ''); process.exit(0) }); setInterval(() => {}, 1000); console.log('ready');`;
    const killed = parent([process.execPath, '-e', work]);
    const lines: string[] = [];
    createInterface({ input: killed.stdout }).on('line', (line) => lines.push(line));
    await expect.poll(() => lines).toHaveLength(2);
    expect(lines).toContain('ready');
    const pid = Number(lines.find((line) => line.startsWith('pid '))?.replace('pid ', ''));
    expect(isAlive(pid)).toBe(true);
    killed.kill('SIGKILL');
    await expect.poll(() => isAlive(pid)).toBe(false);
    expect(existsSync(done)).toBe(true);
  });

  it('passes on output, and exits as its command exits', async () => {
    const lines: string[] = [];
    const watched = parent(['sh', '-c', 'echo hello; exit 3']);
    createInterface({ input: watched.stdout }).on('line', (line) => lines.push(line));
    await once(watched, 'close');
    expect(lines).toEqual(expect.arrayContaining(['hello', 'ended 3']));
  });
});
