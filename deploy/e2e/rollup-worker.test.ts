import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { copyMigratedClickHouse } from '#deploy/testing/store-template.js';
import { createClickHouse, selectRows, type ClickHouseClient } from '#schemas/clickhouse/client.js';
import { migrateClickHouse } from '#schemas/clickhouse/migrate.js';
import { packageRoot } from '#schemas/root.js';
import { startClickHouse, type EmbeddedClickHouse } from '../embedded/clickhouse/process.js';
import { until } from '../testing/stack.js';

let folder: string;
let server: EmbeddedClickHouse;
let client: ClickHouseClient;
const workers: ChildProcess[] = [];
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'shieldwatch-worker-'));
  await copyMigratedClickHouse(folder);
  server = await startClickHouse({ dataDir: folder, port: 0 });
  await migrateClickHouse({ url: server.url });
  client = createClickHouse({ url: server.url });
});
afterAll(async () => {
  for (const worker of workers) worker.kill('SIGKILL');
  await client.close();
  await server.stop();
  await rm(folder, { recursive: true, force: true });
});

/** `shieldwatch rollup run` against a named server, as an operator starts it. */
function startWorker(shard: string): ChildProcess {
  const cli = join(packageRoot(), 'dist/deploy/cli.js');
  const worker = spawn(process.execPath, [cli, 'rollup', 'run', '--shard', shard], {
    env: { ...process.env, CLICKHOUSE_URL: server.url },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  workers.push(worker);
  return worker;
}

const ORGS = Array.from({ length: 12 }, (_, i) => `org-${i}`);
const decide = (id: string): Promise<unknown> =>
  client.insert({
    table: 'runtime_event_v1',
    format: 'JSONEachRow',
    values: ORGS.map((org_id) => ({
      org_id,
      repo: 'acme/app',
      event_id: id,
      occurred_at: Date.now() - 3_600_000,
      tool: 'Bash',
      decision: 'block',
    })),
  });
const counted = async (): Promise<Map<string, number>> =>
  new Map(
    (
      await selectRows<{ org: string; blocked: number }>(
        client,
        'SELECT org_id AS org, sum(blocked) AS blocked FROM blocked_command_rate_day GROUP BY org_id',
      )
    ).map(({ org, blocked }) => [org, blocked]),
  );

describe('shieldwatch rollup run --shard i/n', () => {
  it('works on its share of the organisations on a named server; the shares together cover all', async () => {
    await decide('first');
    const one = startWorker('1/2');
    const first = await until('one share is there', async () => {
      const orgs = await counted();
      return orgs.size > 0 ? orgs : undefined;
    });
    const share = await selectRows<{ org: string }>(
      client,
      'SELECT org_id AS org FROM dirty_hour_v1 WHERE cityHash64(org_id) % 2 = 0 GROUP BY org_id ORDER BY org_id',
    );
    expect([...first.keys()].sort()).toEqual(share.map(({ org }) => org));
    expect(first.size).toBeLessThan(ORGS.length);

    const two = startWorker('2/2');
    await until('both shares are there', async () => (await counted()).size === ORGS.length);
    await decide('second');
    await until('what came later is there too', async () =>
      [...(await counted()).values()].every((blocked) => blocked === 2),
    );
    // Each share progresses by itself.
    const jobs = (
      await selectRows<{ job: string }>(
        client,
        `SELECT DISTINCT job FROM rollup_watermark_v1 WHERE startsWith(job, 'blocked_command_rate#') ORDER BY job`,
      )
    ).map(({ job }) => job);
    expect(jobs).toEqual(['blocked_command_rate#0/2', 'blocked_command_rate#1/2']);
    // How late, how much waited and what it cost are series too.
    expect(
      await selectRows(
        client,
        `SELECT count() > 0 AS is_there, min(lag_ms_p95) > 0 AS is_late, min(backlog_max) > 0 AS waited, min(runs) > 0 AS ran FROM rollup_cost_hour WHERE series = 'blocked_command_rate'`,
      ),
    ).toEqual([{ is_there: 1, is_late: 1, waited: 1, ran: 1 }]);

    for (const worker of [one, two]) {
      worker.kill('SIGINT');
      expect((await once(worker, 'exit'))[0]).toBe(0);
    }
  });
});
