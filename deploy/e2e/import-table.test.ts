import { join } from 'node:path';
import { ESLint, type Linter } from 'eslint';
import tseslint from 'typescript-eslint';
import { describe, expect, it } from 'vitest';
import { packageRoot } from '#schemas/root.js';

const { importRules } = (await import(join(packageRoot(), 'deploy/import-table.mjs'))) as {
  importRules: Linter.Config[];
};
const { importCycles } = (await import(join(packageRoot(), 'deploy/import-cycles.mjs'))) as {
  importCycles: (sources: ReadonlyMap<string, string>) => string[][];
};

/** The import rules alone: they need no types, and a planted file is in no project. */
const eslint = new ESLint({
  overrideConfigFile: true,
  overrideConfig: [{ files: ['**/*.ts'], languageOptions: { parser: tseslint.parser } }, ...importRules],
});

async function problems(file: string, line: string): Promise<string[]> {
  const [result] = await eslint.lintText(`${line}\n`, { filePath: file });
  return (result?.messages ?? []).map((message) => message.ruleId ?? message.message);
}

describe('the import table between modules', () => {
  it.each([
    ['schemas/planted.ts', "import { x } from '#rollups/worker.js';"],
    ['exporters/planted.ts', "import type { X } from '#ingest/app.js';"],
    ['exporters/planted.ts', "import { x } from '#schemas/clickhouse/client.js';"],
    ['collector/planted.ts', "export { x } from '#deploy/program.js';"],
    ['ingest/boards/planted.ts', "export * from '#grafana/boards.js';"],
    ['rollups/planted.ts', "const x = await import('#ingest/app.js');"],
    ['grafana/planted.ts', "type X = import('#rollups/jobs.js').X;"],
    ['rollups/jobs/planted.ts', "import { x } from '../../ingest/app.js';"],
    ['ingest/boards/planted.ts', "readFileSync(new URL('../../grafana/generated/fleet.json', import.meta.url));"],
    ['ingest/planted.ts', 'readFileSync(new URL(`../grafana/generated/${name}.json`, import.meta.url));'],
    ['ingest/boards/planted.ts', "readFileSync(join(packageRoot(), 'grafana/generated/fleet.json'));"],
    ['ingest/boards/planted.ts', "readFileSync(join(packageRoot(), 'dist', 'grafana', 'page', name));"],
    ['exporters/planted.ts', "readFileSync(join(packageRoot(), 'schemas/postgres/migrations', name));"],
  ])('refuses in %s: %s', async (file, line) => {
    expect(await problems(file, line)).toEqual(['modules/imports']);
  });

  it.each([
    ['rollups/planted.ts', "import { x } from '#schemas/clickhouse/client.js';"],
    ['exporters/scan/planted.ts', "import { x } from '../otlp/sender.js';"],
    ['deploy/e2e/planted.ts', "import { x } from '#ingest/app.js';"],
    ['ingest/planted.ts', "readFileSync(join(packageRoot(), 'ingest/landing/proto', name));"],
    ['ingest/planted.ts', "readFileSync(join(packageRoot(), 'collector', 'cases', name));"],
    ['exporters/planted.ts', "import(new URL('../../dist/exporters/spool/append.js', import.meta.url).href);"],
  ])('allows in %s: %s', async (file, line) => {
    expect(await problems(file, line)).toEqual([]);
  });
});

describe('imports in a circle', () => {
  const cycles = (sources: Record<string, string>): string[][] => importCycles(new Map(Object.entries(sources)));

  it('are found between files, also of types alone', () => {
    expect(
      cycles({
        'ingest/a/one.ts': "import { two } from './two.js';",
        'ingest/a/two.ts': "import type { Three } from './three.js';",
        'ingest/a/three.ts': "export type One = import('./one.js').One;",
      }),
    ).toEqual([['ingest/a/one.ts', 'ingest/a/two.ts', 'ingest/a/three.ts', 'ingest/a/one.ts']]);
  });

  it('are found between folders of a module, where no file imports itself', () => {
    expect(
      cycles({
        'ingest/a/one.ts': "import { two } from '../b/two.js';",
        'ingest/b/two.ts': '',
        'ingest/b/deeper/three.ts': "import { four } from '../../a/four.js';",
        'ingest/a/four.ts': '',
      }),
    ).toEqual([['ingest/a', 'ingest/b', 'ingest/a']]);
  });

  it('are not made by tests', () => {
    expect(
      cycles({
        'ingest/a/one.ts': "import { two } from '../b/two.js';",
        'ingest/b/two.ts': '',
        'ingest/b/two.test.ts': "import { one } from '../a/one.js';",
      }),
    ).toEqual([]);
  });
});
