import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { generatedTexts, SUPPRESSED } from '#schemas/testing/redaction-containers.js';
import { createPseudonyms } from '#schemas/pseudonyms.js';
import { PSEUDONYM_SECRET } from '#schemas/testing/redaction-personal.js';
import { redactText } from '#schemas/redaction.js';
import { repeat, textsAtLimit, worstOf } from '#schemas/testing/redaction-work.js';
import { packageRoot } from '#schemas/root.js';
import { hasGo } from './binary.js';

const SECRETREDACTION = join(packageRoot(), 'collector', 'processors', 'secretredaction');
/** Runs of blocks of the Go engine for a byte, at most: a loop's body is one block or several. */
const MOST_STEPS = 150;

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
    const { status, stdout, stderr } = spawnSync('go', args, {
      cwd: SECRETREDACTION,
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
            // Both give up on the same texts.
            ...textsAtLimit(),
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

  it('does a bounded number of steps for each byte, for the worst texts that the TypeScript engine finds', () => {
    const folder = mkdtempSync(join(tmpdir(), 'shieldwatch-work-'));
    try {
      const [program, file, profile] = ['work.test', 'text.json', 'profile'].map((name) => join(folder, name)) as [
        string,
        string,
        string,
      ];
      const built = go(['test', '-c', '-covermode=count', '-o', program, '.']);
      expect(built.status, built.output).toBe(0);
      const stepsOf = (text: string): number => {
        writeFileSync(file, JSON.stringify(text));
        const { status, stdout, stderr } = spawnSync(
          program,
          ['-test.run', '^TestWork$', `-test.coverprofile=${profile}`],
          { cwd: SECRETREDACTION, encoding: 'utf8', env: { ...process.env, SHIELDWATCH_WORK: file } },
        );
        expect(status, stdout + stderr).toBe(0);
        // `file:from,to statements count`: how often each block ran.
        return readFileSync(profile, 'utf8')
          .split('\n')
          .reduce((sum, line) => sum + Number(/ [0-9]+ ([0-9]+)$/.exec(line)?.[1] ?? 0), 0);
      };
      const start = stepsOf('');
      const slow = worstOf(10, { every: 23, starts: 2, steps: 30 }, 20_261_130).flatMap(({ piece }) => {
        const [half, whole] = [4096, 8192].map((size) => (stepsOf(repeat(piece, size)) - start) / size) as [
          number,
          number,
        ];
        return whole > MOST_STEPS || whole > half * 1.05 + 1
          ? [`${JSON.stringify(piece)}: ${half} steps a byte, then ${whole}`]
          : [];
      });
      expect(slow).toEqual([]);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  }, 600_000);

  it('passes go vet', () => {
    const { status, output } = go(['vet', './...']);
    expect(status, output).toBe(0);
  }, 600_000);
});
