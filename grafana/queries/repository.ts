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

const RANKS = "['info', 'low', 'medium', 'high', 'critical']";

/**
 * The baseline that people set here last, beside the newest scan, as `pair`: one row a repository; and as `changes` each
 * finding of either, of severities that both report. As the API compares them (ingest/queries/baseline-comparison.ts).
 * `why` is empty where they compare.
 */
const SINCE_BASELINE = `base AS
(
    SELECT repo, argMax(JSONExtractString(detail, 'eventId'), (c.occurred_at, c.event_id)) AS base_id, max(c.occurred_at) AS set_at
    FROM control_event AS c
    WHERE ${SCOPE} AND kind = 'baseline' AND c.occurred_at < $__toTime_ms
    GROUP BY repo
), shown AS
(
    SELECT repo, scan_id, scan_at, toInt32(p.score) AS score, severity_from, if(critical + high + medium + low + info = 0, '', toString(key_scheme)) AS scheme
    FROM scan_posture AS p
    WHERE ${SCOPE} AND is_detailed AND scan_at < $__toTime_ms
), pair AS
(
    SELECT b.repo AS repo, any(b.base_id) AS base_id, any(b.set_at) AS set_at, countIf(s.scan_id = b.base_id) > 0 AS is_known,
        argMinIf((s.scan_at, s.score, s.severity_from, s.scheme), s.scan_at, s.scan_id = b.base_id) AS was,
        argMax((s.scan_at, s.score, s.severity_from, s.scheme), (s.scan_at, s.scan_id)) AS newest, argMax(s.scan_id, (s.scan_at, s.scan_id)) AS newest_id,
        greatest(was.3, newest.3) AS severity_from,
        multiIf(base_id = '', 'set by an older version: set it again', NOT is_known, 'its findings are not known one by one, or not yet',
            was.4 != '' AND newest.4 != '' AND was.4 != newest.4, 'the finding keys use another scheme', '') AS why
    FROM base AS b
    LEFT JOIN shown AS s ON s.repo = b.repo
    GROUP BY b.repo
), changes AS
(
    SELECT f.repo AS repo, f.severity AS severity, f.category AS category, f.finding_key AS finding_key, f.occurrence AS occurrence,
        max(f.scan_id = p.newest_id) AS is_in, max(f.scan_id = p.base_id) AS was_in, any(f.title) AS title, any(f.file) AS file
    FROM
    (
        SELECT repo, scan_id, severity, category, finding_key, occurrence, title, file
        FROM finding
        WHERE ${SCOPE} AND scan_id IN (SELECT arrayJoin([base_id, newest_id]) FROM pair WHERE why = '')
            AND occurred_at IN (SELECT arrayJoin([was.1, newest.1]) FROM pair WHERE why = '')
    ) AS f
    INNER JOIN (SELECT repo, base_id, newest_id, severity_from FROM pair WHERE why = '') AS p ON p.repo = f.repo
    WHERE indexOf(${RANKS}, f.severity) > p.severity_from
    GROUP BY f.repo, f.severity, f.category, f.finding_key, f.occurrence
)`;

/** The newest scan against the baseline that people set here: one row a repository, none without a baseline. */
export function againstBaseline(): string {
  return `WITH ${SINCE_BASELINE}
SELECT multiIf(added > 0 OR score_delta < 0, 'worse', why != '', 'not compared', 'not worse') AS verdict, why,
    if(why = '', toNullable(countIf(is_in AND NOT was_in)), NULL) AS added,
    if(why = '', toNullable(countIf(is_in AND NOT was_in AND severity = 'critical')), NULL) AS added_critical,
    if(why = '', toNullable(countIf(is_in AND NOT was_in AND severity = 'high')), NULL) AS added_high,
    if(why = '', toNullable(countIf(was_in AND NOT is_in)), NULL) AS resolved,
    if(why = '', toNullable(countIf(was_in AND is_in)), NULL) AS unchanged,
    if(is_known AND was.3 = newest.3, toNullable(newest.2 - was.2), NULL) AS score_delta,
    if(is_known, toNullable(was.1), NULL) AS baseline_at, set_at, p.repo AS repo
FROM pair AS p
LEFT JOIN changes AS c ON c.repo = p.repo
GROUP BY p.repo, why, is_known, was, newest, set_at
ORDER BY repo`;
}

/** Findings that the newest scan shows and the baseline did not, and the other way round; 200 rows. */
export function changedSinceBaseline(): string {
  return `WITH ${SINCE_BASELINE}
SELECT if(is_in, 'new', 'gone') AS state, severity, category, title, file, repo
FROM changes
WHERE is_in != was_in
ORDER BY state = 'gone', indexOf(${RANKS}, severity) DESC, title, finding_key, occurrence
LIMIT 200`;
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
