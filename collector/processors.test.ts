import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { generatedTexts, SUPPRESSED } from '#schemas/testing/redaction-containers.js';
import { createPseudonyms } from '#schemas/pseudonyms.js';
import { PSEUDONYM_SECRET } from '#schemas/testing/redaction-personal.js';
import { redactText } from '#schemas/redaction.js';
import { packageRoot } from '#schemas/root.js';
import { hasGo } from './binary.js';

describe.skipIf(!hasGo()).each(['extensions/otlpbounds', 'exporters/setaside'])(
  `%s ${hasGo() ? '' : '(NOT RUN: no Go)'}`,
  (module) => {
    it.each([
      ['test', '-count=1', './...'],
      ['vet', './...'],
    ])(
      'passes go %s',
      (...args) => {
        const cwd = join(packageRoot(), 'collector', module);
        const { status, stdout, stderr } = spawnSync('go', args, { cwd, encoding: 'utf8' });
        expect(status, stdout + stderr).toBe(0);
      },
      600_000,
    );
  },
);

describe.skipIf(!hasGo())(`processors/secretredaction ${hasGo() ? '' : '(NOT RUN: no Go)'}`, () => {
  const go = (args: readonly string[], env: NodeJS.ProcessEnv = {}): { status: number | null; output: string } => {
    const cwd = join(packageRoot(), 'collector', 'processors', 'secretredaction');
    const { status, stdout, stderr } = spawnSync('go', args, {
      cwd,
      encoding: 'utf8',
      env: { ...process.env, ...env },
    });
    return { status, output: stdout + stderr };
  };

  it('passes its own tests, the shared vectors among them', () => {
    const { status, output } = go(['test', '-count=1', './...']);
    expect(status, output).toBe(0);
  }, 600_000);

  it('answers generated texts as the TypeScript engine does', () => {
    const folder = mkdtempSync(join(tmpdir(), 'shieldwatch-differential-'));
    try {
      const file = join(folder, 'texts.json');
      const pseudonyms = createPseudonyms(PSEUDONYM_SECRET, 'org_1');
      writeFileSync(
        file,
        JSON.stringify(
          [
            ...generatedTexts(6000, 20_261_130),
            ...SUPPRESSED.map(({ text }) => text).filter((text) => text.length < 2000),
          ].map((input) => ({ input, output: redactText(input), personal: redactText(input, pseudonyms) })),
        ),
      );
      const { status, output } = go(['test', '-count=1', '-run', '^TestDifferential$', '.'], {
        SHIELDWATCH_DIFFERENTIAL: file,
      });
      expect(status, output).toBe(0);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  }, 600_000);

  it('passes go vet', () => {
    const { status, output } = go(['vet', './...']);
    expect(status, output).toBe(0);
  }, 600_000);
});
