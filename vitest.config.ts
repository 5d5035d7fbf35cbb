import { defineConfig } from 'vitest/config';
import { BaseSequencer, type TestSpecification } from 'vitest/node';

/**
 * Suites of a minute or more, longest first, so that none of them ends alone when all others are done. Those that wait
 * stand between those that compute.
 */
const LONGEST = [
  'rollups/history.test.ts',
  'deploy/e2e/collector-faults.test.ts',
  'deploy/bench/bench.test.ts',
  'deploy/e2e/collector-set-aside.test.ts',
  'deploy/e2e/crash.test.ts',
  'deploy/e2e/path.test.ts',
  'deploy/e2e/readings.test.ts',
  'deploy/e2e/collector-canary.test.ts',
  'ingest/boards/page.browser.test.ts',
  'deploy/e2e/check.test.ts',
  'deploy/e2e/start.test.ts',
  'exporters/real-agents/matrix.test.ts',
  'deploy/e2e/control-plane.test.ts',
  'deploy/e2e/scan-ways.test.ts',
  'collector/processors.test.ts',
];

class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const place = ({ moduleId }: TestSpecification): number => {
      const found = LONGEST.findIndex((name) => moduleId.endsWith(`/${name}`));
      return found < 0 ? LONGEST.length : found;
    };
    return (await super.sort(files)).sort((one, other) => place(one) - place(other));
  }
}

export default defineConfig({
  resolve: { conditions: ['source'] },
  ssr: { resolve: { conditions: ['source'] } },
  test: {
    include: ['{schemas,exporters,collector,ingest,rollups,grafana,deploy}/**/*.test.ts'],
    globalSetup: 'deploy/testing/global-setup.ts',
    setupFiles: 'deploy/testing/cost.ts',
    reporters: ['default', './deploy/testing/reporter.ts'],
    // Deadlines, not a pace: several suites share the cores, and a machine may be slow.
    testTimeout: 180_000,
    hookTimeout: 300_000,
    expect: { poll: { timeout: 60_000 } },
    // More than a small machine has cores: some suites mostly wait, for collectors, stacks and back-offs.
    maxWorkers: 3,
    sequence: { sequencer: LongestFirst },
  },
});
