import { readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startClickHouse } from './process.js';
import {
  readerHeaders,
  startTestServer,
  until,
  writerHeaders,
  type TestServer,
} from '../../testing/clickhouse-server.js';

describe('a nearly full disk', () => {
  let server: TestServer;
  beforeAll(async () => {
    const roomy = await startTestServer();
    await roomy.text('CREATE TABLE item (id UInt64) ENGINE = MergeTree ORDER BY id');
    await roomy.text('INSERT INTO item VALUES (1)');
    await roomy.clickhouse.stop();
    server = await startTestServer({ dataDir: roomy.dataDir, minFreeBytes: Number.MAX_SAFE_INTEGER });
  });
  afterAll(() => server.remove());

  test.each<[string, Record<string, string>]>([
    ['2', { query: 'INSERT INTO item FORMAT TSV' }],
    ['INSERT INTO item SELECT 2', {}],
    ['CREATE TABLE other (a UInt8) ENGINE = MergeTree ORDER BY a', {}],
    ['OPTIMIZE TABLE item FINAL', {}],
  ])('refuses writes: %s %o', async (body, parameters) => {
    const response = await server.query(body, parameters);
    expect([response.headers.get('x-clickhouse-exception-code'), await response.text()]).toEqual([
      '243',
      expect.stringMatching(/MiB are free.*NOT_ENOUGH_SPACE/) as string,
    ]);
    expect((await readdir(join(server.dataDir, 'spool'))).filter((name) => name.startsWith('insert'))).toEqual([]);
  });

  test('allows reads, and statements that free space', async () => {
    expect(await server.text('SELECT count() FROM item')).toBe('1');
    await server.text('ALTER TABLE item DROP PARTITION tuple()');
    await server.text('TRUNCATE TABLE item');
    expect(await server.text('SELECT count() FROM item')).toBe('0');
    await server.text('DROP TABLE item');
  });
});

test('refuses a folder of a newer version by name, and opens an older one', async () => {
  const server = await startTestServer();
  await server.text('CREATE TABLE kept (a UInt8) ENGINE = MergeTree ORDER BY a');
  await server.text('INSERT INTO kept VALUES (7)');
  await server.clickhouse.stop();
  const path = join(server.dataDir, 'version.json');
  const stamp = JSON.parse(await readFile(path, 'utf8')) as { layout: number; engine: string };
  for (const newer of [{ ...stamp, engine: '99.1.1' }, { ...stamp, layout: stamp.layout + 1 }, 'nonsense']) {
    await writeFile(path, JSON.stringify(newer));
    await expect(startClickHouse({ dataDir: server.dataDir, port: 0 })).rejects.toMatchObject({
      code: 'DATA_DIR_NEWER',
      message: expect.stringContaining(server.dataDir) as string,
    });
  }
  for (const older of [JSON.stringify({ layout: 1, engine: '25.3.1' }), undefined]) {
    await (older === undefined ? rm(path) : writeFile(path, older));
    const again = await startClickHouse({ dataDir: server.dataDir, port: 0 });
    expect(
      await (
        await fetch(again.address, { method: 'POST', body: 'SELECT a FROM kept', headers: readerHeaders(again) })
      ).text(),
    ).toBe('7\n');
    await again.stop();
    expect(JSON.parse(await readFile(path, 'utf8'))).toEqual(stamp);
  }
  await rm(server.dataDir, { recursive: true });
});

test.each(['SIGKILL', 'SIGSEGV', 'SIGABRT'])(
  'a process that ends by %s during queries restarts with its data and its users',
  async (signal) => {
    const server = await startTestServer();
    await server.text('CREATE TABLE item (id UInt64) ENGINE = MergeTree ORDER BY id');
    await server.text('INSERT INTO item SELECT number FROM numbers(1000000)');
    const hung = fetch(`${server.clickhouse.address}/?query=SELECT+count()+FROM+system.numbers`, {
      headers: readerHeaders(server.clickhouse),
    })
      .then((response) => response.text())
      .catch(() => 'cut off');
    await until('it runs', async () =>
      (
        await (
          await fetch(`${server.clickhouse.address}/processes`, { headers: readerHeaders(server.clickhouse) })
        ).text()
      ).includes('SELECT'),
    );
    const { pid } = server.clickhouse;
    process.kill(pid, signal);
    await until(
      'it is back',
      async () => server.clickhouse.pid !== pid && (await server.text('SELECT count() FROM item')) === '1000000',
    );
    expect(await hung).toBe('cut off');
    expect(
      (await fetch(`${server.clickhouse.address}/processes`, { headers: writerHeaders(server.clickhouse) })).status,
    ).toBe(200);
    await server.remove();
  },
);

test('a stuck process is ended and restarted', async () => {
  const server = await startTestServer();
  const { pid } = server.clickhouse;
  process.kill(pid, 'SIGSTOP');
  await until('it is back', async () => server.clickhouse.pid !== pid && (await server.text('SELECT 1')) === '1');
  expect(server.log.some((line) => line.includes('does not answer'))).toBe(true);
  await server.remove();
});

test('only queries that exceed the memory limit fail', async () => {
  const server = await startTestServer();
  const { pid } = server.clickhouse;
  const hungry = await Promise.all(
    Array.from({ length: 4 }, () =>
      server.query('SELECT groupArray(toString(number)) FROM numbers(2000000000)', { max_memory_usage: '300000000' }),
    ),
  );
  for (const response of hungry) expect(response.headers.get('x-clickhouse-exception-code')).toBe('241');
  expect(await server.text('SELECT 1')).toBe('1');
  expect(server.clickhouse.pid).toBe(pid);
  await server.remove();
});
