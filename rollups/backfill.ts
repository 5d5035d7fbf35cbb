import { selectRows, type ClickHouseClient } from '#schemas/clickhouse/client.js';
import { FACT_DAYS } from '#schemas/clickhouse/facts.js';
import type { RollupJob } from './jobs.js';
import { attempt } from './attempt.js';
import type { BucketKey } from './bucket-key.js';
import { Pass } from './recompute.js';
import { PassFailures, readFailures, writeFailures } from './failures.js';
import { recordRuns, type Run } from './runs.js';

/** A month of one job: the unit of a backfill, so that progress can be shown. */
export interface JobMonth {
  /** Public name; a series may have one job for its hours and one for its days. */
  series: string;
  job: string;
  formula: number;
  /** First day, `YYYY-MM-01`, UTC. */
  month: string;
}

/**
 * Returns the months in which a job has facts or buckets, oldest first. Frozen hours, older than the facts, are left
 * out.
 */
export async function monthsOf(client: ClickHouseClient, job: RollupJob): Promise<JobMonth[]> {
  const sources = [
    ...job.facts.map((fact) => `SELECT DISTINCT toStartOfMonth(occurred_at) AS begin FROM ${fact}_v1`),
    ...(job.scope === 'session' ? [] : [`SELECT DISTINCT toStartOfMonth(bucket_start) FROM ${job.name}_v1`]),
  ];
  const rows = await selectRows<{ month: string }>(
    client,
    `SELECT DISTINCT toString(begin) AS month FROM (${sources.join(' UNION ALL ')}) WHERE begin > today() - ${FACT_DAYS} ORDER BY month`,
  );
  return rows.map(({ month }) => ({ series: job.series, job: job.name, formula: job.formula, month }));
}

/** What a backfill did: buckets recomputed, and keys that could not be, which the worker tries again. */
export interface Backfilled {
  buckets: number;
  failed: number;
}

/**
 * Recomputes every bucket of a month that has or had facts; replaces existing buckets.
 *
 * @param only limits it to one repository.
 */
export async function backfillMonth(
  client: ClickHouseClient,
  job: RollupJob,
  month: string,
  only?: { orgId: string; repo: string },
): Promise<Backfilled> {
  const bound = only === undefined ? '' : 'AND org_id = {orgId:String} AND repo = {repo:String}';
  const inMonth = (column: string): string =>
    `toStartOfMonth(${column}) = {month:Date} AND ${column} > now() - toIntervalDay(${FACT_DAYS})`;
  const key =
    job.scope === 'session'
      ? `org_id, session_id AS key_repo, toDateTime(0, 'UTC') AS bucket_start`
      : 'org_id, repo AS key_repo, toStartOfHour(occurred_at) AS bucket_start';
  const sources = job.facts.map(
    (fact) => `SELECT DISTINCT ${key} FROM ${fact}_v1 WHERE ${inMonth('occurred_at')} ${bound}`,
  );
  // Buckets without facts; those of the organisation follow from its repositories', a session's from its places.
  if (job.scope === 'repo')
    sources.push(
      `SELECT DISTINCT org_id, repo AS key_repo, bucket_start FROM ${job.name}_v1 WHERE formula = ${job.formula} AND ${inMonth('bucket_start')} ${bound}`,
    );
  const keys = await selectRows<BucketKey>(
    client,
    `SELECT DISTINCT org_id AS orgId, key_repo AS repo, toUnixTimestamp(bucket_start) AS bucketStart FROM (${sources.join(' UNION ALL ')})`,
    { month, ...only },
  );
  const runs: Run[] = [];
  const pass = await Pass.begin(client);
  const failures = new PassFailures(await readFailures(client));
  try {
    const { buckets } = await attempt(client, pass, {
      job,
      due: keys,
      failures,
      now: pass.beganAt,
      retryBy: Infinity,
      onInsert: (insert) =>
        runs.push({ ...insert, cause: 'backfill', backlog: keys.length, lagMs: 0, finishedAt: Date.now() }),
    });
    return { buckets, failed: failures.changed().filter(({ isOpen }) => isOpen).length };
  } finally {
    await writeFailures(client, failures.changed(), pass.version);
    await recordRuns(client, 'backfill', runs);
  }
}

/** Returns the formula of a series that views show. */
export async function activeFormula(client: ClickHouseClient, series: string): Promise<number> {
  const rows = await selectRows<{ formula: number }>(
    client,
    'SELECT argMax(formula, switched_at) AS formula FROM rollup_formula_v1 WHERE series = {series:String}',
    { series },
  );
  return rows[0]?.formula ?? 0;
}

/** Switches the views to another formula; both are maintained while both are jobs. */
export async function switchFormula(client: ClickHouseClient, series: string, formula: number): Promise<void> {
  await client.insert({
    table: 'rollup_formula_v1',
    columns: ['series', 'formula'],
    values: [{ series, formula }],
    format: 'JSONEachRow',
  });
}
