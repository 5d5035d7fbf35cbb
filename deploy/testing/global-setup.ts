import { chmod, mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestProject } from 'vitest/node';
import { startClickHouse } from '#deploy/embedded/clickhouse/process.js';

declare module 'vitest' {
  interface ProvidedContext {
    /** HTTP address of a running embedded ClickHouse. Each test file creates its own database. */
    clickhouseUrl: string;
  }
}

/**
 * Creates a temporary folder for the run and one embedded ClickHouse for all test files that only need a store; each
 * creates its own database. The folder is the TMPDIR of every worker and its children, and is removed with its content
 * at the end. Its name is short, because paths of Unix sockets are limited to 108 bytes.
 */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const before = process.env['TMPDIR'];
  const folder = await mkdtemp(join(tmpdir(), 'sw-'));
  // Programs that tests start as another user, such as Debian's Postgres, traverse it to their own folders.
  await chmod(folder, 0o711);
  process.env['TMPDIR'] = folder;
  // Names that `schemas/testing` reads; its constants cannot be imported here, where `#...` is the built code.
  const templates = join(folder, 'templates');
  await mkdir(templates);
  process.env['SHIELDWATCH_TEST_TEMPLATES'] = templates;
  const clickhouse = await startClickHouse({ dataDir: join(folder, 'store'), port: 0 });
  process.env['SHIELDWATCH_TEST_STORE'] = clickhouse.url;
  project.provide('clickhouseUrl', clickhouse.url);
  return async () => {
    await clickhouse.stop();
    if (before === undefined) delete process.env['TMPDIR'];
    else process.env['TMPDIR'] = before;
    await rm(folder, { recursive: true, force: true, maxRetries: 5 });
  };
}
