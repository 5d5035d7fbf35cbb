import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { packageRoot } from '#schemas/root.js';
import { startClickHouse } from './process.js';
import { readerHeaders, startTestServer, until, type TestServer } from '../../testing/clickhouse-server.js';

const isGone = (pid: number): boolean => {
  try {
    process.kill(pid, 0);
    return false;
  } catch {
    return true;
  }
};

describe("the engine's own process", () => {
  let server: TestServer;
  beforeAll(async () => {
    server = await startTestServer();
  });
  afterAll(() => server.remove());

  test('restarts after kill -9 during inserts, with every acknowledged batch and none in part', async () => {
    await server.text('CREATE TABLE batch (batch UInt32, n UInt32) ENGINE = MergeTree ORDER BY batch');
    const acknowledged = new Set<number>();
    const rows = 500;
    let next = 0;
    let isOver = false;
    const write = async (): Promise<void> => {
      while (!isOver) {
        const batch = next++;
        const body = Array.from({ length: rows }, (_, n) => `${batch}\t${n}\n`).join('');
        const response = await server.query(body, { query: 'INSERT INTO batch FORMAT TSV' }).catch(() => undefined);
        if (response?.status === 200) acknowledged.add(batch);
        else
          await until(
            'the server answers',
            async () => (await fetch(`${server.clickhouse.address}/ping`)).ok || isOver,
          );
      }
    };
    const writers = [write(), write(), write()];
    for (let kills = 0; kills < 3; kills++) {
      const enough = acknowledged.size + 30;
      await until('some batches are in', () => acknowledged.size >= enough);
      const { pid } = server.clickhouse;
      process.kill(pid, 'SIGKILL');
      await until(
        'it is back',
        async () => server.clickhouse.pid !== pid && (await fetch(`${server.clickhouse.address}/ping`)).ok,
      );
    }
    isOver = true;
    await Promise.all(writers);
    const counts = (await server.text('SELECT batch, count() FROM batch GROUP BY batch'))
      .split('\n')
      .map((line) => line.split('\t').map(Number));
    expect(counts.every(([, count]) => count === rows)).toBe(true);
    const stored = new Set(counts.map(([batch]) => batch));
    expect([...acknowledged].filter((batch) => !stored.has(batch))).toEqual([]);
    expect(server.log.filter((line) => line.includes('restarting it')).length).toBe(3);
  });

  test('reports a data folder in use and a port in use in one line each', async () => {
    await expect(startClickHouse({ dataDir: server.dataDir, port: 0 })).rejects.toMatchObject({
      code: 'DATA_DIR_LOCKED',
      message: `the data folder ${server.dataDir} is in use by another process`,
    });
    const other = createServer().listen(0, '127.0.0.1');
    await once(other, 'listening');
    const { port } = other.address() as AddressInfo;
    const dataDir = await mkdtemp(join(tmpdir(), 'shieldwatch-clickhouse-'));
    await expect(startClickHouse({ dataDir, port })).rejects.toMatchObject({
      code: 'PORT_IN_USE',
      message: expect.stringMatching(new RegExp(`^port ${port} is in use`)) as string,
    });
    other.close();
    await rm(dataDir, { recursive: true });
  });
});

test('lets running queries end on stop, keeps data for the next start and removes leftovers', async () => {
  const server = await startTestServer();
  await server.text('CREATE TABLE kept (a UInt8) ENGINE = MergeTree ORDER BY a');
  await server.text('INSERT INTO kept VALUES (1)');
  const { pid } = server.clickhouse;
  const running = server.text('SELECT sleep(1), count() FROM kept');
  await until(
    'it runs',
    async () => (await server.text("SELECT count() FROM system.processes WHERE query LIKE '%sleep(1)%'")) > '1',
  );
  await server.clickhouse.stop();
  expect(await running).toBe('0\t1');
  expect(isGone(pid)).toBe(true);

  await writeFile(join(server.dataDir, 'spool', 'insert-left'), 'x');
  const again = await startClickHouse({ dataDir: server.dataDir, port: 0 });
  expect(await readdir(join(server.dataDir, 'spool'))).not.toContain('insert-left');
  expect(again.url.replace(/:\d+$/, '')).toBe(server.clickhouse.url.replace(/:\d+$/, ''));
  expect(
    await (
      await fetch(again.address, { method: 'POST', body: 'SELECT a FROM kept', headers: readerHeaders(again) })
    ).text(),
  ).toBe('1\n');
  await again.stop();
  await rm(server.dataDir, { recursive: true });
});

test('ends with its parent', async () => {
  const dataDir = await mkdtemp(join(tmpdir(), 'shieldwatch-clickhouse-'));
  const parent = join(dataDir, 'parent.mjs');
  const built = join(packageRoot(), 'dist/deploy/embedded/clickhouse/process.js');
  await writeFile(
    parent,
    `import { startClickHouse } from ${JSON.stringify(built)};
    const { pid } = await startClickHouse({ dataDir: ${JSON.stringify(dataDir)}, port: 0 }); process.send(pid);`,
  );
  const child = fork(parent, [], { execArgv: [], env: { ...process.env, NODE_OPTIONS: '' } });
  const [pid] = (await once(child, 'message')) as [number];
  child.kill('SIGKILL');
  await until('the engine is gone', () => isGone(pid));
  await rm(dataDir, { recursive: true });
});
