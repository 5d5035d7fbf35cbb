import { hourOrDay, inFactRange, inLongerRange, inRange, inShortRange } from './resolution.js';
import { ORG, SCOPE } from './scope.js';

const PARTS = ['secrets', 'permissions', 'hooks', 'mcp', 'agents'] as const;

/**
 * Returns the five components of the score over time, from the last scan of each bucket; none if that scan did not
 * report them, or scanned 0 files.
 */
export function scoreBreakdown(): string {
  return `SELECT time, ${PARTS.map((part) => `toFloat64(argMax(tuple(part_${part}), at).1) AS ${part}`).join(', ')}
FROM
(
    SELECT toDateTime(s.occurred_at, 'UTC') AS time, s.occurred_at AS at, ${PARTS.map((part) => `s.score_${part} AS part_${part}`).join(', ')}
    FROM scan AS s
    WHERE ${SCOPE} AND ${inShortRange('occurred_at')} AND files_scanned > 0
    UNION ALL
    SELECT ${hourOrDay('bucket_start')} AS time, assumeNotNull(last_at) AS at, ${PARTS.map((part) => `score_${part}_last AS part_${part}`).join(', ')}
    FROM score_trend_hour
    WHERE ${SCOPE} AND ${inLongerRange('bucket_start')} AND scans > 0
)
GROUP BY time
ORDER BY time`;
}

/** Returns one column of the newest scan: one row, or no row without scans. */
export function newestScan(column: string, as: string): string {
  return `SELECT ${column} AS ${as}
FROM scan
WHERE ${SCOPE} AND files_scanned > 0 AND occurred_at < $__toTime_ms
ORDER BY occurred_at DESC, event_id DESC
LIMIT 1`;
}

/**
 * Returns findings with their state up to the end of the range, 500 rows. new and regressed: appeared in the range
 * (regressed: had been fixed before); open: since before it, or continues under a new key; fixed: resolved in it.
 * Filtered by severity, confidence and category; the confidence is that of the scan that reported it.
 */
export function findingLifecycle(): string {
  return `WITH life AS
(
    SELECT repo, severity, category, finding_key, occurrence,
        argMax(t.change, (t.scan_at, t.scan_id)) AS last_change, max(t.scan_at) AS changed_at,
        maxIf(t.scan_at, t.change = 1) AS opened_at, argMaxIf(t.scan_id, t.scan_at, t.change = 1) AS opened_by,
        countIf(t.change = -1 AND NOT t.is_rekeyed) AS fixes, argMax(t.is_rekeyed, (t.scan_at, t.scan_id)) AS is_renamed, argMax(t.title, (t.scan_at, t.scan_id)) AS title, argMax(t.file, (t.scan_at, t.scan_id)) AS file
    FROM finding_transition AS t
    WHERE ${SCOPE} AND scan_at < $__toTime_ms AND severity IN (\${severity:singlequote}) AND $__conditionalAll(category IN (\${category:singlequote}), $category)
    GROUP BY repo, severity, category, finding_key, occurrence
    HAVING last_change = 1 OR (changed_at >= $__fromTime AND NOT is_renamed)
), told AS
(
    SELECT DISTINCT scan_id, finding_key, occurrence, runtime_confidence
    FROM finding
    WHERE ${ORG} AND (repo, toStartOfHour(occurred_at)) IN (SELECT repo, toStartOfHour(opened_at) FROM life) AND scan_id IN (SELECT opened_by FROM life)
)
SELECT multiIf(last_change = -1, 'fixed', opened_at < $__fromTime OR is_renamed, 'open', fixes > 0, 'regressed', 'new') AS state,
    l.severity AS severity, l.category AS category, l.title AS title, l.file AS file,
    if(told.runtime_confidence = '', 'not told', told.runtime_confidence) AS confidence,
    l.opened_at AS opened_at, if(last_change = -1, toNullable(l.changed_at), NULL) AS fixed_at
FROM life AS l
LEFT JOIN told ON told.scan_id = l.opened_by AND told.finding_key = l.finding_key AND told.occurrence = l.occurrence
WHERE confidence IN (\${confidence:singlequote})
ORDER BY indexOf(['regressed', 'new', 'open', 'fixed'], state), indexOf(['critical', 'high', 'medium', 'low', 'info'], severity), opened_at DESC, title
LIMIT 500`;
}

/**
 * Returns findings that appeared and went away between scans, over time. The first scan of a repository is not drift.
 */
export function driftOverTime(): string {
  return `SELECT ${hourOrDay('bucket_start')} AS time,
    sum(d.new_critical + d.new_high + d.new_medium + d.new_low + d.new_info) AS appeared,
    sum(d.resolved_critical + d.resolved_high + d.resolved_medium + d.resolved_low + d.resolved_info) AS went_away
FROM drift_history_hour AS d
WHERE ${SCOPE} AND ${inRange('bucket_start')}
GROUP BY time
HAVING appeared + went_away > 0
ORDER BY time`;
}

/** Returns drift as watch and CI reported it, newest first; 100 rows. */
export function drifts(): string {
  return `SELECT occurred_at, repo, if(is_regression, 'worse', 'not worse') AS verdict, toInt32(score_delta) AS score_delta, toInt32(score_current) AS score, new_findings, resolved_findings,
    if(has_critical, 'yes', 'no') AS critical
FROM drift_event
WHERE ${SCOPE} AND ${inFactRange('occurred_at')}
ORDER BY occurred_at DESC
LIMIT 100`;
}

/** Returns the same as annotations. */
export function driftMarks(): string {
  return `SELECT occurred_at AS time, concat(repo, ': score ', toString(score_previous), ' to ', toString(score_current), ', ', toString(new_findings), ' new, ', toString(resolved_findings), ' gone') AS text,
    if(is_regression, 'regression', 'drift') AS tags
FROM drift_event
WHERE ${SCOPE} AND ${inFactRange('occurred_at')}
ORDER BY time
LIMIT 200`;
}

/** Returns scans of the range, newest first, with the results of their gates and the CI run; 100 rows. */
export function scans(): string {
  return `SELECT occurred_at, toInt32(score) AS score, grade, if(policy_status = '', 'not run', policy_status) AS policy, if(baseline_status = '', 'not run', baseline_status) AS baseline, if(integrity = '', 'no pack', integrity) AS evidence,
    policy_exceptions_active AS exceptions, files_scanned, if(provider = '', 'local', provider) AS provider, ci_workflow, ci_run_id, substring(ci_sha, 1, 10) AS commit, repo
FROM scan
WHERE ${SCOPE} AND ${inFactRange('occurred_at')}
ORDER BY occurred_at DESC
LIMIT 100`;
}
