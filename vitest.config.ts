import { defineConfig } from 'vitest/config';

export default defineConfig({
  resolve: { conditions: ['source'] },
  ssr: { resolve: { conditions: ['source'] } },
  test: {
    include: ['{schemas,exporters,collector,ingest,rollups,grafana,deploy}/**/*.test.ts'],
    globalSetup: 'deploy/e2e/global-setup.ts',
    reporters: ['default', './deploy/test-reporter.ts'],
    testTimeout: 60_000,
    hookTimeout: 120_000,
    // A deadline, not a pace: several suites share the cores.
    expect: { poll: { timeout: 20_000 } },
    maxWorkers: 2,
  },
});
