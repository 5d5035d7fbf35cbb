import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { packageRoot } from '#schemas/root.js';

/** What `npm run check` runs, so that no test run passes without it. */
describe('npm run check', () => {
  it.each([
    [
      'types',
      'typescript/bin/tsc',
      ['--noEmit', '--incremental', '--tsBuildInfoFile', 'node_modules/.cache/tsbuildinfo-check'],
    ],
    ['no imports in a circle', '../deploy/import-cycles.mjs', []],
    ['lint, with the import table', 'eslint/bin/eslint.js', ['.']],
    ['no dead code', 'knip/bin/knip.js', []],
    ['standard terms', '../deploy/wording/check.mjs', []],
    ['format', 'prettier/bin/prettier.cjs', ['--list-different', '--cache', '--cache-strategy', 'content', '.']],
  ])(
    '%s',
    (_, program, args) => {
      const { status, stdout, stderr } = spawnSync(process.execPath, [join('node_modules', program), ...args], {
        cwd: packageRoot(),
        encoding: 'utf8',
      });
      expect(stdout + stderr).toBe('');
      expect(status).toBe(0);
    },
    600_000,
  );
});
