import { defineConfig } from 'vitest/config';

export default defineConfig({
  resolve: { conditions: ['source'] },
  ssr: { resolve: { conditions: ['source'] } },
  test: {
    include: ['{schemas,exporters,collector,ingest,rollups,grafana,deploy}/**/*.test.ts'],
    globalSetup: 'deploy/e2e/global-setup.ts',
    reporters: ['default', './deploy/test-reporter.ts'],
    // Deadlines, not a pace: several suites share the cores, and a machine may be slow.
    testTimeout: 180_000,
    hookTimeout: 300_000,
    expect: { poll: { timeout: 60_000 } },
    maxWorkers: 2,
  },
});
