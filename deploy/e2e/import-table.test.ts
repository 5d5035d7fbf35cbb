import { join } from 'node:path';
import { ESLint, type Linter } from 'eslint';
import tseslint from 'typescript-eslint';
import { describe, expect, it } from 'vitest';
import { packageRoot } from '#schemas/root.js';

const { importRules } = (await import(join(packageRoot(), 'eslint.config.js'))) as { importRules: Linter.Config[] };

/** The import rules alone: they need no types, and a planted file is in no project. */
const eslint = new ESLint({
  overrideConfigFile: true,
  overrideConfig: [{ files: ['**/*.ts'], languageOptions: { parser: tseslint.parser } }, ...importRules],
});

async function problems(file: string, specifier: string): Promise<string[]> {
  const [result] = await eslint.lintText(`import { x } from '${specifier}';\nexport const y = x;\n`, {
    filePath: file,
  });
  return (result?.messages ?? []).map((message) => message.ruleId ?? message.message);
}

describe('the import table between modules', () => {
  it.each([
    ['schemas/planted.ts', '#rollups/worker.js'],
    ['exporters/planted.ts', '#ingest/app.js'],
    ['exporters/planted.ts', '#schemas/clickhouse/client.js'],
    ['collector/planted.ts', '#deploy/program.js'],
    ['ingest/boards/planted.ts', '#grafana/board.js'],
    ['rollups/planted.ts', '#ingest/app.js'],
    ['grafana/planted.ts', '#rollups/jobs.js'],
    ['rollups/jobs/planted.ts', '../../ingest/app.js'],
  ])('refuses in %s an import of %s', async (file, specifier) => {
    expect(await problems(file, specifier)).toEqual(['no-restricted-imports']);
  });

  it.each([
    ['rollups/planted.ts', '#schemas/clickhouse/client.js'],
    ['exporters/scan/planted.ts', '../otlp/sender.js'],
    ['deploy/e2e/planted.ts', '#ingest/app.js'],
  ])('allows in %s an import of %s', async (file, specifier) => {
    expect(await problems(file, specifier)).toEqual([]);
  });
});
