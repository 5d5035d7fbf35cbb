import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { packageRoot } from '#schemas/root.js';
import { hasGo } from './binary.js';

describe.skipIf(!hasGo())(`processors/secretredaction ${hasGo() ? '' : '(NOT RUN: no Go)'}`, () => {
  const go = (...args: string[]): { status: number | null; output: string } => {
    const { status, stdout, stderr } = spawnSync('go', args, { cwd: join(packageRoot(), 'collector', 'processors', 'secretredaction'), encoding: 'utf8' });
    return { status, output: stdout + stderr };
  };

  it('passes its own tests, the shared vectors among them', () => {
    const { status, output } = go('test', '-count=1', './...');
    expect(status, output).toBe(0);
  }, 600_000);

  it('is free of what go vet finds', () => {
    const { status, output } = go('vet', './...');
    expect(status, output).toBe(0);
  }, 600_000);
});
