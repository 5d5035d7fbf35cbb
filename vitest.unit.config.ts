import { readdirSync } from 'node:fs';
import { join, relative } from 'node:path';
import { defineConfig } from 'vitest/config';
import { unitFiles } from './deploy/testing/unit-files.js';

const root = import.meta.dirname;
const testFiles = ['schemas', 'exporters', 'collector', 'ingest', 'rollups', 'grafana', 'deploy'].flatMap((folder) =>
  readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.test.ts'))
    .map((file) => relative(root, join(root, folder, file))),
);

/** The tests that need no engine, no network and nothing built or downloaded: `npm run test:unit`. */
export default defineConfig({
  resolve: { conditions: ['source'] },
  ssr: { resolve: { conditions: ['source'] } },
  test: {
    include: await unitFiles(root, testFiles),
    setupFiles: ['deploy/testing/cost.ts', 'deploy/testing/nothing-outside.ts'],
    reporters: ['default', './deploy/testing/reporter.ts'],
    testTimeout: 60_000,
  },
});
