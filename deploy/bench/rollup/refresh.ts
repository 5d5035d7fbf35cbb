import { finished } from 'node:stream/promises';
import { ORACLE } from '#rollups/testing/history/oracle.js';
import { rollupJobs, type RollupJob } from '#rollups/jobs.js';
import { withKeys, type BucketKey } from '#rollups/bucket-key.js';
import { inOrder, Pass, recompute } from '#rollups/recompute.js';
import { createClickHouse, selectRows, type ClickHouseClient } from '#schemas/clickhouse/client.js';
import { migrateClickHouse } from '#schemas/clickhouse/migrate.js';
import type { BenchReport } from '../figure.js';
import { alternate, median, medianRatio } from '../measure.js';
import { fillFleet, lastHour, type FleetSize } from './fleet.js';

/** The naive query of each series that a job maintains. */
const NAIVE: Readonly<Record<string, string>> = {
  blocked_command_rate: 'blocked_command_rate_hour',
  decision_duration: 'decision_duration_day',
  injection_attempt_rate: 'injection_attempt_rate_hour',
  score_trend: 'score_trend_hour',
  coverage: 'coverage_activity',
  finding_transition: 'finding_transition',
  finding_lifecycle: 'finding_lifecycle_hour',
  drift_history: 'drift_history_hour',
  cross_repo_org_rollup: 'cross_repo_org_rollup_hour',
};

/**
 * One dirty hour, noon of a day, of the first repository of the third organisation: half of all events belong to larger
 * ones.
 */
const dirtyKey = (): BucketKey => ({
  orgId: 'org2',
  repo: 'acme/repo0',
  bucketStart: Math.floor(lastHour() / 86_400) * 86_400 - 3 * 86_400 + 13 * 3_600,
});

const job = (name: string): RollupJob => {
  const found = rollupJobs().find((one) => one.name === name);
  if (found === undefined) throw new Error(`no job ${name}`);
  return found;
};

/**
 * Measures the cost of one dirty (organisation, repository, hour) against the naive query, the rows in it, and a
 * history ten times as long.
 */
export async function refresh(
  report: BenchReport,
  client: ClickHouseClient,
  url: string,
  size: FleetSize,
  repeats: number,
): Promise<void> {
  const key = dirtyKey();
  const rate = job('blocked_command_rate');
  const plan = await selectRows<{ explain: string }>(client, `EXPLAIN indexes = 1 ${selectOf(rate, key)}`, bounds(key));
  report.note(
    `EXPLAIN of the refresh of blocked_command_rate:\n${plan.map(({ explain }) => `    ${explain}`).join('\n')}`,
  );

  const naive = (name: string) => timed(() => discard(client, ORACLE[NAIVE[name] ?? '']?.naive ?? '', { orgs: '' }));
  // As in a worker's pass: one version, taken first, and each job after the jobs it depends on.
  const refreshed = (jobs: readonly RollupJob[], on = client) =>
    timed(async () => {
      const pass = await Pass.begin(on);
      const failed = await inOrder(jobs, async (one) => {
        await recompute(on, one, { marked: [key] }, pass);
      });
      for (const error of failed.values()) throw error;
    });
  const one = await alternate(
    repeats,
    () => naive('blocked_command_rate'),
    () => refreshed([rate]),
  );
  report.figure({ metric: 'refresh_bucket_ratio', value: medianRatio(one), better: 'higher', floor: 40, goal: 100 });
  report.note(`blocked_command_rate: naive ${ms(one.map(({ a }) => a))}, one dirty hour ${ms(one.map(({ b }) => b))}`);

  const all = rollupJobs().filter(({ name, scope }) => name !== 'masked_value' && scope !== 'session');
  const everything = await alternate(
    Math.max(1, Math.floor(repeats / 3)),
    async () => {
      let sum = 0;
      for (const { name } of all) if (name in NAIVE) sum += await naive(name);
      return sum;
    },
    () => refreshed(all),
  );
  report.figure({
    metric: 'refresh_all_series_ratio',
    value: medianRatio(everything),
    better: 'higher',
    floor: 40,
    goal: 100,
  });
  report.note(
    `all series: naive ${ms(everything.map(({ a }) => a))}, one dirty hour and what it reaches ${ms(everything.map(({ b }) => b))}`,
  );

  await rowsRead(report, client, rate, key);
  await scale(report, client, url, size, repeats, rate, all, refreshed);
}

/** Over the ten hours of a working day, each refreshed alone, because the number of granules per hour varies. */
async function rowsRead(report: BenchReport, client: ClickHouseClient, rate: RollupJob, key: BucketKey): Promise<void> {
  let read = 0;
  let dirty = 0;
  for (let hour = 0; hour < 10; hour++) {
    const one = { ...key, bucketStart: key.bucketStart + (4 - hour) * 3_600 };
    const [facts] = await selectRows<{ n: number }>(
      client,
      `SELECT count() AS n FROM runtime_event_v1 FINAL WHERE org_id = {orgId:String} AND repo = {repo:String} AND toStartOfHour(occurred_at) = toDateTime({bucketStart:UInt32}, 'UTC')`,
      { ...one },
    );
    read += await rowsReadBy(client, selectOf(rate, one), bounds(one));
    dirty += facts?.n ?? Number.NaN;
  }
  report.figure({ metric: 'rows_read_ratio', value: read / dirty, better: 'lower', floor: 4, goal: 2 });
  report.note(`${read} rows read for ${dirty} in ten dirty hours`);
}

async function scale(
  report: BenchReport,
  client: ClickHouseClient,
  url: string,
  size: FleetSize,
  repeats: number,
  rate: RollupJob,
  all: readonly RollupJob[],
  refreshed: (jobs: readonly RollupJob[], on?: ClickHouseClient) => Promise<number>,
): Promise<void> {
  const database = 'bench_tenth';
  await migrateClickHouse({ url, database });
  const tenth = createClickHouse({ url, database, requestTimeoutMs: 600_000 });
  try {
    await fillFleet(tenth, { ...size, events: size.events / 10, days: Math.max(5, size.days / 10) }, report);
    for (const [metric, jobs] of [
      ['refresh_bucket_10x_history_ratio', [rate]],
      ['refresh_all_series_10x_history_ratio', all],
    ] as const) {
      const pairs = await alternate(
        repeats * 3,
        () => refreshed(jobs, client),
        () => refreshed(jobs, tenth),
      );
      report.figure({ metric, value: medianRatio(pairs), better: 'lower', floor: 1.5, goal: 1.1 });
      report.note(`${metric}: ${ms(pairs.map(({ b }) => b))} at a tenth, ${ms(pairs.map(({ a }) => a))} at the whole`);
    }
  } finally {
    await tenth.close();
  }
}

/** Runs a query to its end and discards its rows. */
async function discard(client: ClickHouseClient, sql: string, params: Record<string, unknown>): Promise<void> {
  const { stream } = await client.exec({
    query: `SELECT * FROM (${sql}) FORMAT Null`,
    query_params: params,
    clickhouse_settings: { max_execution_time: 600 },
  });
  await finished(stream.resume());
}

/** Returns the number of table rows that a query reads. */
async function rowsReadBy(client: ClickHouseClient, sql: string, params: Record<string, unknown>): Promise<number> {
  const { statistics } = await (await client.query({ query: sql, query_params: params, format: 'JSON' })).json();
  return statistics?.rows_read ?? Number.NaN;
}

/** Returns a job's SELECT, without the INSERT. */
function selectOf({ sql }: RollupJob, key: BucketKey): string {
  return withKeys(sql.slice(sql.indexOf('\nSELECT') + 1), [key]);
}
const bounds = ({ bucketStart }: BucketKey): Record<string, unknown> => ({
  from: bucketStart,
  to: bucketStart,
  version: 1,
  formula: 0,
});

async function timed(work: () => Promise<unknown>): Promise<number> {
  const startedAt = performance.now();
  await work();
  return performance.now() - startedAt;
}

const ms = (values: readonly number[]): string => `${median(values).toFixed(1)} ms`;
