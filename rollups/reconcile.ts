import { selectRows, type ClickHouseClient } from '#schemas/clickhouse/client.js';
import { FACT_DAYS } from '#schemas/clickhouse/facts.js';
import type { RollupJob } from './jobs.js';

/** Buckets with a younger mark are in progress and not compared. */
const IN_FLIGHT_SECONDS = 180;

/**
 * Compares one month of a series with its facts: each bucket by the count and hash of its facts, and, if it depends on
 * another series, by not being older than that. Marks differing buckets dirty; the workers recompute them. Frozen hours
 * are skipped. Differences are what a worker missed, so each is worth an investigation.
 *
 * @returns the number of buckets that differed.
 */
export async function reconcileMonth(client: ClickHouseClient, job: RollupJob, month: string): Promise<number> {
  if (job.scope === 'session') return reconcileSessions(client, job, month);
  const checks = [
    ...(job.hashed.length > 0 ? [byFacts(job)] : []),
    ...(job.after === undefined ? [] : [byVersion(job, job.after)]),
  ];
  let found = 0;
  for (const check of checks) {
    const stale = `SELECT DISTINCT org_id, repo, bucket_start FROM (${check})
      WHERE bucket_start > now() - toIntervalDay(${FACT_DAYS})
        AND (org_id, bucket_start) NOT IN (SELECT org_id, bucket_start FROM dirty_hour_v1 WHERE marked_at > now() - toIntervalSecond(${IN_FLIGHT_SECONDS}))`;
    const [row] = await selectRows<{ n: number }>(client, `SELECT count() AS n FROM (${stale})`, { month });
    if ((row?.n ?? 0) === 0) continue;
    found += row?.n ?? 0;
    // Any of its facts will do: a mark triggers every job of that fact.
    const fact = job.hashed[0] ?? job.facts[0] ?? '';
    await client.command({
      query: `INSERT INTO dirty_hour_v1 SELECT '${fact}', org_id, repo, bucket_start, now64(3) FROM (${stale})`,
      query_params: { month },
    });
  }
  return found;
}

/**
 * Compares what a job of sessions wrote: sessions with their events, and counts with the ledger that they count. A session is
 * stale if it changed after the job's newest version of it began, or if the job never wrote it; a bucket if it is older than
 * what it counts. Marks the sessions, which triggers all jobs of sessions.
 */
async function reconcileSessions(client: ClickHouseClient, job: RollupJob, month: string): Promise<number> {
  const stale =
    job.after === undefined || job.affected.length === 0 ? staleSessions(job) : sessionsOfStale(job, job.after);
  const [row] = await selectRows<{ n: number }>(client, `SELECT uniqExact(org_id, session_id) AS n FROM (${stale})`, {
    month,
  });
  if ((row?.n ?? 0) === 0) return 0;
  await client.command({
    query: `INSERT INTO session_hour_v1 SELECT org_id, session_id, h.repo, h.bucket_start, now64(3) FROM session_hour_v1 AS h
      WHERE (org_id, session_id) IN (${stale}) AND h.bucket_start > now() - toIntervalDay(${FACT_DAYS})
      ORDER BY h.bucket_start DESC LIMIT 1 BY org_id, session_id`,
    query_params: { month },
  });
  return row?.n ?? 0;
}

/** Returns sessions that a job wrote before they changed last, or not at all. */
function staleSessions(job: RollupJob): string {
  // Every session has a head in the ledger, unless it is too large.
  const ofLedger = job.name === 'tool_call_outcome' ? `AND (s.is_head OR s.cause = 'session_too_large')` : '';
  return `SELECT h.org_id AS org_id, h.session_id AS session_id
    FROM session_hour_v1 AS h
    LEFT JOIN (SELECT org_id, session_id, max(s.version) AS version FROM ${job.name}_v1 AS s WHERE s.formula = ${job.formula} ${ofLedger} GROUP BY org_id, session_id) AS w
      ON w.org_id = h.org_id AND w.session_id = h.session_id
    WHERE toStartOfMonth(h.bucket_start) = {month:Date} AND h.bucket_start > now() - toIntervalDay(${FACT_DAYS})
    GROUP BY h.org_id, h.session_id
    HAVING max(toUnixTimestamp64Micro(h.marked_at)) >= max(w.version) AND max(h.marked_at) <= now() - toIntervalSecond(${IN_FLIGHT_SECONDS})`;
}

/** Returns the sessions with calls in buckets that are older than the same bucket of `after`. */
function sessionsOfStale(job: RollupJob, after: string): string {
  const bucket = job.grain === 'day' ? 'toStartOfDay(t.bucket_start)' : 't.bucket_start';
  return `SELECT DISTINCT t.org_id AS org_id, t.session_id AS session_id
    FROM tool_call_outcome_v1 AS t
    WHERE toStartOfMonth(t.bucket_start) = {month:Date} AND t.bucket_start > now() - toIntervalDay(${FACT_DAYS})
      AND (t.org_id, t.repo, ${bucket}) IN (
        SELECT org_id, repo, bucket_start FROM (${byVersion(job, after)})
        WHERE version < toUnixTimestamp64Micro(now64(6)) - ${IN_FLIGHT_SECONDS * 1_000_000})`;
}

/** Returns buckets that differ from their facts. */
function byFacts(job: RollupJob): string {
  const facts = job.hashed.map(
    (
      fact,
    ) => `SELECT org_id, repo, toStartOfHour(occurred_at) AS bucket_start, toInt64(count()) AS n, toInt64(sum(cityHash64(event_id, occurred_at, content_hash))) AS hash
      FROM ${fact}_v1 FINAL WHERE toStartOfMonth(occurred_at) = {month:Date} GROUP BY org_id, repo, bucket_start`,
  );
  return `SELECT org_id, repo, bucket_start, sum(n) AS n, sum(hash) AS hash
    FROM (
      ${facts.join('\nUNION ALL\n')}
      UNION ALL
      SELECT org_id, repo, bucket_start, -toInt64(h.facts) AS n, -toInt64(h.facts_hash) AS hash
      FROM (
        SELECT org_id, repo, t.bucket_start AS bucket_start, argMax(t.facts, (t.version, t.facts)) AS facts, argMax(t.facts_hash, (t.version, t.facts)) AS facts_hash
        FROM ${job.name}_v1 AS t WHERE t.formula = ${job.formula} AND toStartOfMonth(t.bucket_start) = {month:Date}
        GROUP BY org_id, repo, bucket_start
      ) AS h
    )
    GROUP BY org_id, repo, bucket_start
    HAVING n != 0 OR hash != 0`;
}

/**
 * Returns buckets older than the same bucket of the series they depend on (for a day: than its newest hour), or
 * missing, with the version of that series.
 */
function byVersion(job: RollupJob, after: string): string {
  const ours = job.scope === 'org' ? 'org_id, bucket_start' : 'org_id, repo, bucket_start';
  const bucket = job.grain === 'day' ? 'toStartOfDay(t.bucket_start)' : 't.bucket_start';
  return `SELECT b.org_id AS org_id, b.repo AS repo, b.bucket_start AS bucket_start, b.version AS version
    FROM (SELECT org_id, repo, ${bucket} AS bucket_start, max(t.version) AS version FROM ${after}_v1 AS t WHERE toStartOfMonth(t.bucket_start) = {month:Date} GROUP BY org_id, repo, bucket_start) AS b
    LEFT JOIN (SELECT ${ours.replace('bucket_start', 't.bucket_start AS bucket_start')}, max(t.version) AS version FROM ${job.name}_v1 AS t
      WHERE t.formula = ${job.formula} AND toStartOfMonth(t.bucket_start) = {month:Date} GROUP BY ${ours}) AS o USING (${ours})
    WHERE o.version < b.version`;
}
