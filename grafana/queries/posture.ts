import { ORG, SCOPE } from './scope.js';

/**
 * Returns the posture of each repository at up to 60 moments, as (time, repo, score, critical, high, medium, low,
 * info): the values of its newest scan at that moment. Moments are whole hours apart and end at the end of the range
 * (or now). Reads only the intervals that overlap the range; each yields only the moments inside it.
 */
function postureSteps(): string {
  return `SELECT toDateTime(range_end - step * moment, 'UTC') AS time, repo, score, critical, high, medium, low, info
    FROM
    (
        SELECT *, toInt64(toUnixTimestamp($__fromTime)) AS range_start, toInt64(toUnixTimestamp(least($__toTime, now()))) AS range_end,
            toInt64(greatest(1, ceil((range_end - range_start) / 216000))) * 3600 AS step,
            toInt64(toUnixTimestamp(bucket_start)) AS starts, toInt64(toUnixTimestamp(valid_until)) AS ends,
            arrayJoin(range(
                toUInt32(if(ends > range_end, 0, intDiv(range_end - ends, step) + 1)),
                toUInt32(least(61, greatest(0, intDiv(range_end - greatest(starts, range_start), step) + 1))))) AS moment
        FROM posture_interval
        WHERE ${SCOPE} AND bucket_start <= $__toTime AND bucket_start <= now() AND valid_until > $__fromTime
    )
    WHERE range_end >= range_start`;
}

/** Returns lowest, mean and highest score of the repositories over time. */
export function scoreBand(): string {
  return `SELECT time, max(score) AS highest, avg(score) AS mean, min(score) AS lowest
FROM
(
    ${postureSteps()}
)
GROUP BY time
ORDER BY time`;
}

/**
 * Returns findings by severity over time, as the newest scan of each repository at that moment counts them, added up.
 */
export function countedBySeverity(): string {
  return `SELECT time, sum(p.critical) AS critical, sum(p.high) AS high, sum(p.medium) AS medium, sum(p.low) AS low, sum(p.info) AS info
FROM
(
    ${postureSteps()}
) AS p
GROUP BY time
ORDER BY time`;
}

/**
 * Returns one word: whether the fleet may be promoted, by the rules of AgentShield's operator readback. A repository
 * whose newest scan requires a review blocks until a person approved or dismissed the review item of that scan. NULL
 * without scans.
 */
export function fleetStatus(): string {
  return `SELECT if(count() = 0, NULL, multiIf(countIf(r.route = 'invalid') > 0, 'invalid-evidence', countIf(r.route != 'ready' AND d.decided != 1) > 0, 'blocked', 'ready')) AS status_now
FROM
(
    SELECT repo, scan_id, toString(route) AS route FROM repo_route WHERE ${ORG}
) AS r
LEFT JOIN
(
    SELECT repo, JSONExtractString(detail, 'bundleDigest') AS scan_id, JSONExtractString(detail, 'route') AS route, argMax(state IN ('approved', 'dismissed'), (occurred_at, event_id)) AS decided
    FROM control_event
    WHERE ${ORG} AND kind = 'review_item' AND state IN ('open', 'approved', 'dismissed')
    GROUP BY repo, scan_id, route
) AS d ON d.repo = r.repo AND d.scan_id = r.scan_id AND d.route = r.route`;
}

/** Returns the current values of the organisation: one row, all NULL without scans. */
export function fleetNow(column: string): string {
  return `SELECT if(count() = 0, NULL, any(${column})) AS ${column}_now
FROM cross_repo_org_rollup
WHERE ${ORG}`;
}

/** Returns critical findings in the newest scans of the chosen repositories. NULL without scans. */
export function countedNow(): string {
  return `SELECT if(count() = 0, NULL, sum(r.critical)) AS critical_counted
FROM repo_route AS r
WHERE ${SCOPE}`;
}

/**
 * Returns every repository with the values of its newest scan, lowest score first: 200 rows. `change` is relative to
 * the score in force when the range began, or the first one in it.
 */
export function rankedRepositories(): string {
  return `SELECT repo, r.score AS score, toInt32(r.score) - toInt32(ifNull(b.score, r.score)) AS change, r.critical AS critical, r.high AS high,
    r.route AS route, r.scanned_at AS scanned_at
FROM
(
    SELECT repo, score, critical, high, route, scanned_at
    FROM repo_route
    WHERE ${SCOPE}
) AS r
LEFT JOIN
(
    SELECT repo, toNullable(argMin(p.score, p.bucket_start)) AS score
    FROM posture_interval AS p
    WHERE ${SCOPE} AND bucket_start <= $__toTime AND valid_until > $__fromTime
    GROUP BY repo
) AS b USING (repo)
ORDER BY score, critical DESC, high DESC, repo
LIMIT 200`;
}

/** Returns the repositories with the largest score changes in the range, at most ten, falls first. */
export function largestScoreChanges(): string {
  return `SELECT repo, change
FROM
(
    ${rankedRepositories()}
)
WHERE change != 0
ORDER BY abs(change) DESC, repo
LIMIT 10`;
}

/** Returns failed gates: newest scans whose policy failed or whose baseline regressed, with details. */
export function failingGates(): string {
  return `WITH newest AS
(
    SELECT repo, scan_id, route FROM repo_route WHERE ${SCOPE} AND (is_policy_failed OR is_regressed)
)
SELECT repo, multiIf(policy_status = 'failed' AND baseline_status = 'regressed', 'policy and baseline', policy_status = 'failed', 'policy', 'baseline') AS gate,
    if(policy_status = 'failed', concat(policy_name, if(policy_pack = '', '', concat(' (', policy_pack, ')'))), '') AS policy,
    policy_violations AS violations, toInt32(score) AS score, policy_min_score AS min_score,
    baseline_new AS new_findings, baseline_score_delta AS score_delta, occurred_at
FROM scan
WHERE ${ORG} AND repo IN (SELECT repo FROM newest) AND event_id IN (SELECT scan_id FROM newest)
ORDER BY occurred_at DESC
LIMIT 100`;
}
