import { IS_INJECTION_ATTEMPT } from '#schemas/clickhouse/injection-attempt.js';
import { isCounted } from '#schemas/clickhouse/judged-call.js';
import { PASSED } from './enforcement.js';
import { undelivered, waitingBuckets } from './pipeline.js';

/*
 * Queries of alert rules. Each returns rows of (text columns, one number): Grafana makes one alert per row, with the
 * text columns as labels. Windows count back from now(), so that neither macros nor `$` are needed. `scope` is the
 * condition on org_id, the first on every table. Rows without meaning (too little volume, no baseline) are left out:
 * they neither fire nor count as data.
 */

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
export function blockedBurn(scope: string, { longMinutes, shortMinutes, minDecisions, budget }: BurnWindows): string {
  const recent = `occurred_at > now64(3, 'UTC') - toIntervalMinute(${String(shortMinutes)})`;
  const where = `${scope} AND occurred_at > now64(3, 'UTC') - toIntervalMinute(${String(longMinutes)}) AND occurred_at <= now64(3, 'UTC')`;
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
export function injectionSpike(scope: string): string {
  const where = `${scope} AND occurred_at > now64(3, 'UTC') - toIntervalHour(1) AND occurred_at <= now64(3, 'UTC')`;
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
    WHERE ${scope} AND bucket_start >= toStartOfHour(now()) - toIntervalHour(169) AND bucket_start < toStartOfHour(now()) - toIntervalHour(1)
    GROUP BY org_id, repo
) AS usual USING (org_id, repo)
ORDER BY spike DESC`;
}

/**
 * Returns calls of this hour and the last that ran past a guard, for repositories with tool calls.
 */
export function guardPassed(scope: string): string {
  return `SELECT org_id, if(repo = '', 'not named', repo) AS repo, sumIf(ran, ${PASSED}) AS passed
FROM tool_call_outcomes_hour
WHERE ${scope} AND bucket_start >= toStartOfHour(now()) - toIntervalHour(1)
GROUP BY org_id, repo
ORDER BY passed DESC`;
}

/**
 * Returns sessions with calls that are not judged because the session is too large, and of which events arrived in the last
 * hour by the store's clock: the clock of the events is the agent's, who may hide calls so.
 */
export function sessionTooLarge(scope: string): string {
  const tooLarge = `${scope} AND repo = '' AND cause = 'session_too_large'`;
  return `SELECT org_id, countIf(marked > now64(3, 'UTC') - toIntervalHour(1)) AS sessions
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
export function newSecret(scope: string): string {
  return `SELECT r.org_id AS org_id, r.repo AS repo, countIf(e.is_open AND e.first_seen_at > now64(3, 'UTC') - toIntervalDay(1)) AS exposed
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
export function scoreDrop(scope: string): string {
  return `SELECT n.org_id AS org_id, n.repo AS repo, toInt32(b.score) - toInt32(n.score) AS points
FROM
(
    SELECT org_id, repo, score FROM repo_route WHERE ${scope}
) AS n
INNER JOIN
(
    SELECT org_id, repo, argMax(p.score, p.bucket_start) AS score
    FROM posture_interval AS p
    WHERE ${scope} AND bucket_start <= now() - toIntervalDay(1) AND valid_until > now() - toIntervalDay(1)
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
 * Returns how many seconds the oldest repository hour has waited for the jobs; 0 for an organisation without backlog.
 */
export function rollupLag(scope: string): string {
  return `SELECT o.org_id AS org_id, maxIf(greatest(0, dateDiff('second', w.marked, now64(3, 'UTC'))), w.org_id != '') AS lag
FROM
(
    SELECT DISTINCT org_id FROM repository_activity WHERE ${scope}
) AS o
LEFT JOIN
(
    ${waitingBuckets(scope)}
) AS w ON w.org_id = o.org_id
GROUP BY org_id
ORDER BY lag DESC`;
}

/**
 * Returns values masked in this hour and the last, divided by the mean of two hours in the previous 7 days (at least
 * 1).
 */
export function maskedSpike(scope: string): string {
  return `SELECT org_id, repo, if(recent < 10, 0, round(recent / greatest(1, usual), 1)) AS spike
FROM
(
    SELECT org_id, if(repo = '', 'not named', repo) AS repo,
        sumIf(m.masked, m.bucket_start >= toStartOfHour(now()) - toIntervalHour(1)) AS recent,
        sumIf(m.masked, m.bucket_start < toStartOfHour(now()) - toIntervalHour(1)) / 84 AS usual
    FROM masked_value_hour AS m
    WHERE ${scope} AND bucket_start >= toStartOfHour(now()) - toIntervalHour(169)
    GROUP BY org_id, repo
)
ORDER BY spike DESC`;
}

/** Returns records that collectors did not deliver in the last 15 minutes, by counter. */
export function dropping(scope: string): string {
  return `SELECT org AS org_id, counter, sum(rise) AS records
FROM
(
    ${undelivered(scope.replace('org_id', 'OrgId'), 'TimeUnix > now() - toIntervalMinute(15)')}
)
GROUP BY org_id, counter
ORDER BY records DESC`;
}
