import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestProject } from 'vitest/node';
import { startClickHouse } from '#deploy/embedded/clickhouse/process.js';

declare module 'vitest' {
  interface ProvidedContext {
    /** HTTP address of a running embedded ClickHouse; make a database of your own on it. */
    clickhouseUrl: string;
  }
}

/** One embedded ClickHouse for all test files that only need a store; each makes a database of its own there. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const dataDir = await mkdtemp(join(tmpdir(), 'shieldwatch-test-'));
  const clickhouse = await startClickHouse({ dataDir, port: 0 });
  project.provide('clickhouseUrl', clickhouse.url);
  return async () => {
    await clickhouse.stop();
    await rm(dataDir, { recursive: true, force: true });
  };
}
