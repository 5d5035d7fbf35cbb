import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { banner } from './banner.js';
import { setAsideBy } from './set-aside.js';
import type { Stack } from './stack.js';

it('counts records set aside, and the banner shows their number and folder', () => {
  const dataDir = mkdtempSync(join(tmpdir(), 'shieldwatch-aside-'));
  try {
    expect(setAsideBy(dataDir)).toEqual({});
    const folder = join(dataDir, 'collector-queue', 'set-aside');
    mkdirSync(folder, { recursive: true });
    expect(setAsideBy(dataDir)).toEqual({});
    const named = (random: string) => `20260101T000000000Z-logs-refused469-${random}.otlp`;
    for (const name of [named('00000000'), named('00000001'), `${named('00000002')}.part`, 'other.otlp'])
      writeFileSync(join(folder, name), '');
    expect(setAsideBy(dataDir)).toEqual({ setAside: { files: 2, folder } });
    const stack = {
      status: { collector: { url: 'http://127.0.0.1:4318' }, ...setAsideBy(dataDir) },
      boardsLink: () => '',
    } as unknown as Stack;
    expect(banner(stack)).toMatch(new RegExp(`set aside +2 files in ${folder}`));
  } finally {
    rmSync(dataDir, { recursive: true, force: true });
  }
});
