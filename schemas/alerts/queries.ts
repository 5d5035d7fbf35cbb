import { IS_INJECTION_ATTEMPT } from '#schemas/clickhouse/injection-attempt.js';
import { isCounted } from '#schemas/clickhouse/judged-call.js';

/*
 * Queries of alert rules. Each returns rows of (text columns, one number): Grafana makes one alert per row, with the
 * text columns as labels, and the gateway a sample for Prometheus. Windows count back from `now`, so that neither macros
 * nor `$` are needed. `scope` is the condition on org_id, the first on every table. Rows without meaning (too little
 * volume, no baseline) are left out: they neither fire nor count as data.
 */

/** Evaluation time as an SQL expression of type DateTime64(3, 'UTC'). The default is the store's clock. */
export const NOW = "now64(3, 'UTC')";

/**
 * Calls that, if they ran, ran past a guard of Shieldwatch: it had denied them, or failed. One that a hook or a mod overruled
 * is among them; one that the user allowed is not.
 */
export const PASSED = "(outcome IN ('bypassed', 'failed_open') OR outcome = 'overruled' AND cause != 'user')";
/** Names of the Collector's internal counters of records that it did not deliver. */
export const UNDELIVERED_COUNTERS = [
  ...['receiver_refused', 'receiver_failed', 'exporter_send_failed', 'exporter_enqueue_failed'].flatMap((counter) =>
    ['spans', 'log_records', 'metric_points'].map((record) => `${counter}_${record}`),
  ),
  'exporter_set_aside',
  ...['spans', 'logs', 'datapoints'].map((record) => `processor_filter_${record}.filtered`),
];

/**
 * Returns hours that were marked dirty during the last hour and not recomputed since, as (repo, bucket, marked_at). A
 * job writes the server's time from before its read as the row's version, so a row older than the mark does not include
 * it. Buckets that a job could not compute wait from their first failure on.
 */
export function waitingBuckets(org: string, now: string = NOW): string {
  return `SELECT m.org_id AS org_id, m.repo AS repo, m.bucket_start AS bucket_start, m.marked AS marked
    FROM
    (
        SELECT org_id, repo, bucket_start, max(marked_at) AS marked
        FROM dirty_hour_v1
        WHERE ${org} AND fact IN ('scan', 'runtime_event', 'drift_event', 'agent_event') AND marked_at > ${now} - toIntervalHour(1)
        GROUP BY org_id, repo, bucket_start
    ) AS m
    LEFT JOIN
    (
        SELECT org_id, repo, bucket_start, max(version) AS computed
        FROM coverage_v1
        WHERE ${org} AND version > toUnixTimestamp64Milli(${now} - toIntervalHour(1)) * 1000
        GROUP BY org_id, repo, bucket_start
    ) AS c ON c.org_id = m.org_id AND c.repo = m.repo AND c.bucket_start = m.bucket_start
    WHERE c.computed < toUInt64(toUnixTimestamp64Milli(m.marked)) * 1000
    UNION ALL
    SELECT org_id, repo, bucket_start, since AS marked FROM rollup_failure WHERE ${org}`;
}

/**
 * Returns increases of collector counters, as (org, at, counter, attributes, rise). Our collector sends deltas; others
 * send cumulative values, of which each point counts its difference to the previous one. A value that falls was reset
 * to 0, and the first point of a series has no increase.
 */
export function counterIncreases(counters: readonly string[], org: string, time: string): string {
  return `SELECT org, at, counter, attributes, multiIf(is_delta, total, row_number() OVER w = 1, 0, total < before, total, total - before) AS rise
    FROM
    (
        SELECT OrgId AS org, TimeUnix AS at, substring(replaceOne(MetricName, '_total', ''), 9) AS counter, Attributes AS attributes, Value AS total, AggregationTemporality = 1 AS is_delta,
            cityHash64(OrgId, MetricName, mapSort(ResourceAttributes), mapSort(Attributes)) AS source, lagInFrame(Value) OVER (PARTITION BY source ORDER BY at) AS before
        FROM otel_metrics_sum
        WHERE ${org} AND ${time} AND MetricName IN (${counters.flatMap((name) => [`'otelcol_${name}'`, `'otelcol_${name}_total'`]).join(', ')})
    )
    WINDOW w AS (PARTITION BY source ORDER BY at)`;
}

/** Returns records that collectors did not deliver, as (org, at, counter, rise). */
export function undelivered(org: string, time: string): string {
  return counterIncreases(UNDELIVERED_COUNTERS, org, time);
}

interface BurnWindows {
  longMinutes: number;
  /** The short window. Ends the alert soon after the blocking ends. */
  shortMinutes: number;
  /** Decisions that the long window needs. */
  minDecisions: number;
  /** Normal blocked rate, 0 to 1. */
  budget: number;
}

/** Returns the burn rate: the lower of both windows, so that both must burn. */
export function blockedBurn(
  scope: string,
  now: string,
  { longMinutes, shortMinutes, minDecisions, budget }: BurnWindows,
): string {
  const recent = `occurred_at > ${now} - toIntervalMinute(${String(shortMinutes)})`;
  const where = `${scope} AND occurred_at > ${now} - toIntervalMinute(${String(longMinutes)}) AND occurred_at <= ${now}`;
  return `SELECT org_id, repo, round(least(countIf(decision = 'block') / count(), countIf(decision = 'block' AND ${recent}) / countIf(${recent})) / ${String(budget)}, 1) AS burn
FROM runtime_event
WHERE ${where}
    AND ${isCounted(where)}
GROUP BY org_id, repo
HAVING count() >= ${String(minDecisions)} AND countIf(${recent}) > 0
ORDER BY burn DESC`;
}

/**
 * Returns injection attempts blocked in the last hour, divided by the hourly mean of the previous 7 days (at least 1).
 */
export function injectionSpike(scope: string, now: string): string {
  const where = `${scope} AND occurred_at > ${now} - toIntervalHour(1) AND occurred_at <= ${now}`;
  return `SELECT org_id, repo, if(attempts < 5, 0, round(attempts / greatest(1, ifNull(mean, 0)), 1)) AS spike
FROM
(
    SELECT org_id, repo, countIf(${IS_INJECTION_ATTEMPT}) AS attempts
    FROM runtime_event
    WHERE ${where}
        AND ${isCounted(where)}
    GROUP BY org_id, repo
) AS last
LEFT JOIN
(
    SELECT org_id, repo, toNullable(sum(i.attempts) / 168) AS mean
    FROM injection_attempt_rate AS i
    WHERE ${scope} AND bucket_start >= toStartOfHour(${now}) - toIntervalHour(169) AND bucket_start < toStartOfHour(${now}) - toIntervalHour(1)
    GROUP BY org_id, repo
) AS usual USING (org_id, repo)
ORDER BY spike DESC`;
}

/**
 * Returns calls of this hour and the last that ran past a guard, for repositories with tool calls.
 */
export function guardPassed(scope: string, now: string): string {
  return `SELECT org_id, if(repo = '', 'not named', repo) AS repo, sumIf(ran, ${PASSED}) AS passed
FROM tool_call_outcomes_hour
WHERE ${scope} AND bucket_start >= toStartOfHour(${now}) - toIntervalHour(1)
GROUP BY org_id, repo
ORDER BY passed DESC`;
}

/**
 * Returns sessions with calls that are not judged because the session is too large, and of which events arrived in the last
 * hour by the store's clock: the clock of the events is the agent's, who may hide calls so.
 */
export function sessionTooLarge(scope: string, now: string): string {
  const tooLarge = `${scope} AND repo = '' AND cause = 'session_too_large'`;
  return `SELECT org_id, countIf(marked > ${now} - toIntervalHour(1)) AS sessions
FROM
(
    SELECT org_id, session_id, max(h.marked_at) AS marked
    FROM session_hour_v1 AS h
    WHERE ${scope} AND (org_id, session_id) IN
    (
        SELECT org_id, session_id
        FROM tool_call_outcome
        WHERE ${tooLarge} AND (org_id, bucket_start) IN (SELECT org_id, bucket_start FROM tool_call_outcomes_hour WHERE ${tooLarge})
    )
    GROUP BY org_id, session_id
)
GROUP BY org_id
ORDER BY sessions DESC`;
}

/**
 * Returns critical secrets that first appeared, or reappeared, in a scan of the last 24 hours and are still present.
 */
export function newSecret(scope: string, now: string): string {
  return `SELECT r.org_id AS org_id, r.repo AS repo, countIf(e.is_open AND e.first_seen_at > ${now} - toIntervalDay(1)) AS exposed
FROM
(
    SELECT org_id, repo FROM repo_route WHERE ${scope}
) AS r
LEFT JOIN
(
    SELECT org_id, repo, is_open, first_seen_at FROM secret_exposure_events WHERE ${scope}
) AS e ON e.org_id = r.org_id AND e.repo = r.repo
GROUP BY org_id, repo
ORDER BY exposed DESC`;
}

/**
 * Returns how many points the newest score is below the score in force 24 hours ago, for repositories that have both.
 */
export function scoreDrop(scope: string, now: string): string {
  return `SELECT n.org_id AS org_id, n.repo AS repo, toInt32(b.score) - toInt32(n.score) AS points
FROM
(
    SELECT org_id, repo, score FROM repo_route WHERE ${scope}
) AS n
INNER JOIN
(
    SELECT org_id, repo, argMax(p.score, p.bucket_start) AS score
    FROM posture_interval AS p
    WHERE ${scope} AND bucket_start <= ${now} - toIntervalDay(1) AND valid_until > ${now} - toIntervalDay(1)
    GROUP BY org_id, repo
) AS b ON b.org_id = n.org_id AND b.repo = n.repo
ORDER BY points DESC`;
}

/**
 * Returns a producer's silence divided by the allowed silence: guards 1 day, scans 7 days. After 30 days it is retired.
 */
export function silence(scope: string): string {
  return `SELECT org_id, repo, producer, round(assumeNotNull(silent_seconds) / if(producer = 'guard', 86400, 604800), 2) AS silent_times
FROM coverage
WHERE ${scope} AND producer IN ('scan', 'guard') AND state != 'never' AND silent_seconds < 2592000
ORDER BY silent_times DESC`;
}

/**
 * Returns for each seat that has ever proved that its agent obeys the guard: days since the last proof, at least 2 if
 * the newest drill failed. After 30 days without a drill a seat is retired.
 */
export function drillOverdue(scope: string, now: string): string {
  return `SELECT org_id, if(repo = '', 'not named', repo) AS repo, client, seat, round(greatest(dateDiff('second', assumeNotNull(last_proof_at), ${now}) / 86400, if(state = 'failed', 2, 0)), 2) AS days
FROM drill_seat
WHERE ${scope} AND proofs > 0 AND last_drill_at > ${now} - toIntervalDay(30)
ORDER BY days DESC`;
}

/**
 * Returns how many seconds the oldest repository hour has waited for the jobs; 0 for an organisation without backlog.
 */
export function rollupLag(scope: string, now: string): string {
  return `SELECT o.org_id AS org_id, maxIf(greatest(0, dateDiff('second', w.marked, ${now})), w.org_id != '') AS lag
FROM
(
    SELECT DISTINCT org_id FROM repository_activity WHERE ${scope}
) AS o
LEFT JOIN
(
    ${waitingBuckets(scope, now)}
) AS w ON w.org_id = o.org_id
GROUP BY org_id
ORDER BY lag DESC`;
}

/**
 * Returns values masked in this hour and the last, divided by the mean of two hours in the previous 7 days (at least
 * 1).
 */
export function maskedSpike(scope: string, now: string): string {
  return `SELECT org_id, repo, if(recent < 10, 0, round(recent / greatest(1, usual), 1)) AS spike
FROM
(
    SELECT org_id, if(repo = '', 'not named', repo) AS repo,
        sumIf(m.masked, m.bucket_start >= toStartOfHour(${now}) - toIntervalHour(1)) AS recent,
        sumIf(m.masked, m.bucket_start < toStartOfHour(${now}) - toIntervalHour(1)) / 84 AS usual
    FROM masked_value_hour AS m
    WHERE ${scope} AND bucket_start >= toStartOfHour(${now}) - toIntervalHour(169)
    GROUP BY org_id, repo
)
ORDER BY spike DESC`;
}

/** Returns records that collectors did not deliver in the last 15 minutes, by counter. */
export function dropping(scope: string, now: string): string {
  return `SELECT org AS org_id, counter, sum(rise) AS records
FROM
(
    ${undelivered(scope.replace('org_id', 'OrgId'), `TimeUnix > ${now} - toIntervalMinute(15)`)}
)
GROUP BY org_id, counter
ORDER BY records DESC`;
}
