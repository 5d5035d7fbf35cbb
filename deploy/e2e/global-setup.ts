import { chmod, mkdtemp, rm } from 'node:fs/promises';
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

/**
 * Gives the run a temporary folder of its own and one embedded ClickHouse for all test files that only need a store;
 * each makes a database of its own there. The folder is the TMPDIR of every worker and of what they start, and is
 * removed at the end with whatever tests left in it. Its name is short: paths of Unix sockets have 108 bytes.
 */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const before = process.env['TMPDIR'];
  const folder = await mkdtemp(join(tmpdir(), 'sw-'));
  // Programs that tests start as another user, such as Debian's Postgres, pass through it to folders of their own.
  await chmod(folder, 0o711);
  process.env['TMPDIR'] = folder;
  const clickhouse = await startClickHouse({ dataDir: join(folder, 'store'), port: 0 });
  project.provide('clickhouseUrl', clickhouse.url);
  return async () => {
    await clickhouse.stop();
    if (before === undefined) delete process.env['TMPDIR'];
    else process.env['TMPDIR'] = before;
    await rm(folder, { recursive: true, force: true, maxRetries: 5 });
  };
}
