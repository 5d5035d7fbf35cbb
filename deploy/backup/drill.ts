import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { backfillMonth, monthsOf } from '#rollups/backfill.js';
import { rollupJobs, type RollupJob } from '#rollups/jobs.js';
import { selectRows, type ClickHouseClient } from '#schemas/clickhouse/client.js';
import { verifyTrails } from './audit.js';
import { restoreBackup, type Restored, type RestoreSettings } from './restore.js';

/** Result of a restore that was tried and removed. */
export interface DrillResult extends Restored {
  readonly problems: readonly string[];
  readonly unchecked: readonly string[];
  /** Series that were recomputed from all facts. */
  readonly series: number;
  readonly restoreMs: number;
}

/**
 * Restores a backup into a temporary folder, recomputes every series from all facts and compares it with the restored one,
 * verifies the audit trails, and removes the folder.
 *
 * @throws CommandError when the backup cannot be restored.
 */
export async function drill(
  path: string,
  key: Buffer | undefined,
  onProgress: (line: string) => void,
  prepare?: RestoreSettings['prepare'],
): Promise<DrillResult> {
  const root = await mkdtemp(join(tmpdir(), 'shieldwatch-drill-'));
  const problems: string[] = [];
  const unchecked: string[] = [];
  const jobs = rollupJobs();
  const startedAt = performance.now();
  let restoreMs = 0;
  try {
    const restored = await restoreBackup({
      path,
      key,
      dataDir: join(root, 'data'),
      keysFrom: undefined,
      onProgress,
      prepare,
      inspect: async (stores, folder, manifest) => {
        restoreMs = Math.round(performance.now() - startedAt);
        problems.push(...(await compareSeries(stores.clickhouse, jobs, onProgress)));
        const trails = await verifyTrails(folder, manifest);
        problems.push(...trails.problems);
        unchecked.push(...trails.unchecked);
      },
    });
    return { ...restored, problems, unchecked, series: jobs.length, restoreMs };
  } finally {
    await rm(root, { recursive: true, force: true });
  }
}

/** Recomputes every series from all facts; returns a line for each that differs from what was restored. */
async function compareSeries(
  client: ClickHouseClient,
  jobs: readonly RollupJob[],
  onProgress: (line: string) => void,
): Promise<string[]> {
  const before = new Map<string, string>();
  for (const { name } of jobs) before.set(name, await digestOf(client, name));
  for (const job of jobs) {
    for (const { month } of await monthsOf(client, job)) await backfillMonth(client, job, month);
    onProgress(`recomputed ${job.name}`);
  }
  const differing: string[] = [];
  for (const { name } of jobs)
    if ((await digestOf(client, name)) !== before.get(name))
      differing.push(`series ${name}: differs from a recomputation from all facts`);
  return differing;
}

/** Hashes the rows of a series that its views show: those of the newest version of each bucket, without the version. */
async function digestOf(client: ClickHouseClient, series: string): Promise<string> {
  const table = `${series}_v1`;
  const columns = await selectRows<{ name: string; type: string }>(
    client,
    'SELECT name, type FROM system.columns WHERE database = currentDatabase() AND table = {table:String} ORDER BY position',
    { table },
  );
  const names = columns.map(({ name }) => name);
  const bucket = names.includes('bucket_start')
    ? ['org_id', 'repo', 'bucket_start', 'session_id']
    : ['org_id', 'session_id'];
  const key = [...bucket.filter((name) => names.includes(name)), 'formula'].join(', ');
  const values = columns
    .filter(({ name }) => name !== 'version')
    .map(({ name, type }) => {
      if (type.startsWith('AggregateFunction(')) return `toString(finalizeAggregation(${name}))`;
      // Sums of floating point numbers depend on their order.
      return type === 'Float64' ? `toString(round(${name}, 6))` : `toString(${name})`;
    });
  const [row] = await selectRows<{ digest: string }>(
    client,
    `SELECT concat(toString(count()), ' ', toString(sum(cityHash64(${values.join(', ')})))) AS digest
     FROM (SELECT DISTINCT ${names.join(', ')} FROM (
       SELECT * FROM ${table} WHERE (${key}, version) IN (SELECT ${key}, max(version) FROM ${table} GROUP BY ${key})))`,
  );
  return row?.digest ?? '';
}
