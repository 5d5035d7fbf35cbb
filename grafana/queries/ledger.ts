import { SEVERITIES } from '#schemas/records/enums.js';
import { hoursOrDays, inRange } from './resolution.js';
import { ORG, SCOPE } from './scope.js';

/** Below this number of fixes a mean is not shown. */
export const MIN_FIXES = 3;

/** Returns one number: open findings of a severity, as in the list. NULL without scans. */
export function openNow(severity: 'critical' | 'high'): string {
  return `SELECT if((SELECT count() FROM repo_route WHERE ${SCOPE}) = 0, NULL, count()) AS ${severity}_open
FROM open_finding
WHERE ${SCOPE} AND severity = '${severity}'`;
}

/**
 * Returns open findings by severity at up to 61 moments, whole hours apart, ending at the end of the range (or now):
 * findings that appeared until then minus those that were resolved. No rows before the first change.
 */
export function openOverTime(): string {
  const counts = SEVERITIES.map((severity) => `sum(${severity}s) OVER moments AS ${severity}`).join(', ');
  const changes = SEVERITIES.map((severity) => `sumIf(t.change, severity = '${severity}') AS ${severity}s`).join(', ');
  return `WITH toInt64(toUnixTimestamp($__fromTime)) AS range_start, toInt64(toUnixTimestamp(least($__toTime, now()))) AS range_end,
    toInt64(greatest(1, ceil((range_end - range_start) / 216000))) * 3600 AS step, intDiv(greatest(0, range_end - range_start), step) AS last_moment
SELECT DISTINCT toDateTime(range_end - step * moment, 'UTC') AS time, ${SEVERITIES.join(', ')}
FROM
(
    SELECT moment, sum(changes) OVER moments AS changes_until, ${counts}
    FROM
    (
        SELECT least(last_moment, intDiv(range_end - toInt64(ceil(toUnixTimestamp64Milli(t.scan_at) / 1000)), step)) AS moment, count() AS changes, ${changes}
        FROM finding_transition AS t
        WHERE ${SCOPE} AND scan_at <= $__toTime_ms AND scan_at <= now64(3, 'UTC')
        GROUP BY moment
        UNION ALL
        SELECT toInt64(arrayJoin(range(toUInt64(last_moment + 1)))) AS moment, 0, ${SEVERITIES.map(() => '0').join(', ')}
    )
    WINDOW moments AS (ORDER BY moment DESC RANGE BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)
)
WHERE range_end >= range_start AND changes_until > 0
ORDER BY time`;
}

/** Returns the lifecycle of findings over the range, in buckets. */
function lifecycle(columns: string): string {
  return hoursOrDays({ hours: 'finding_lifecycle_hour', days: 'finding_lifecycle_day' }, columns, SCOPE);
}

/** Returns findings that appeared, reappeared and were fixed, over time. */
export function findingFlow(): string {
  return `SELECT bucket_start AS time, sum(new) AS appeared, sum(regressed) AS came_back, sum(fixes) AS fixed
FROM
(
    ${lifecycle('bucket_start, new, regressed, fixed AS fixes')}
)
GROUP BY time
HAVING appeared + came_back + fixed > 0
ORDER BY time`;
}

/** Returns one number of the range's flow. NULL if no scan in the range listed its findings. */
export function flowTotal(what: 'new' | 'regressed' | 'fixed'): string {
  return `SELECT if((SELECT count() FROM scan_posture WHERE ${SCOPE} AND ${inRange('bucket_start')} AND is_detailed) = 0, NULL, sum(${what})) AS findings
FROM
(
    ${lifecycle(what)}
)`;
}

/**
 * Returns by severity, most severe first: open findings, the age of the oldest, findings fixed in the range and their
 * mean time to repair. mttr is -1 for fewer than three fixes, NULL for none.
 */
export function repairBySeverity(): string {
  return `SELECT severity, sum(open_now) AS open_findings, max(oldest_age) AS oldest, sum(fixes) AS fixed_findings,
    multiIf(fixed_findings = 0, NULL, fixed_findings < ${String(MIN_FIXES)}, -1, sum(seconds) / fixed_findings) AS mttr
FROM
(
    SELECT severity, count() AS open_now, toNullable(dateDiff('second', min(opened_at), now64(3, 'UTC'))) AS oldest_age, toUInt64(0) AS fixes, toUInt64(0) AS seconds
    FROM open_finding
    WHERE ${SCOPE}
    GROUP BY severity
    UNION ALL
    SELECT severity, toUInt64(0), NULL, sum(fixed), sum(fix_seconds)
    FROM
    (
        ${lifecycle('severity, fixed, fix_seconds')}
    )
    GROUP BY severity
)
GROUP BY severity
ORDER BY indexOf(['critical', 'high', 'medium', 'low', 'info'], severity)`;
}

/** Returns the oldest open findings, most severe first; 200 rows. */
export function oldestOpen(): string {
  return `SELECT severity, repo, category, title, file, opened_at, dateDiff('second', opened_at, now64(3, 'UTC')) AS open_for, recurrences
FROM open_finding
WHERE ${SCOPE}
ORDER BY indexOf(['critical', 'high', 'medium', 'low', 'info'], severity), opened_at, repo, title
LIMIT 200`;
}

/** Returns accepted risks: exceptions in each repository's policy as its newest scan counted them; 200 rows. */
export function acceptedRisks(): string {
  return `SELECT repo, if(policy_pack = '', policy_name, concat(policy_name, ' (', policy_pack, ')')) AS policy, exceptions_active, exceptions_expiring_soon, exceptions_expired, occurred_at
FROM policy_eval
WHERE ${ORG} AND exceptions_total > 0
    AND (repo, scan_id) IN (SELECT repo, scan_id FROM repo_route WHERE ${SCOPE})
ORDER BY exceptions_expired DESC, exceptions_expiring_soon DESC, exceptions_active DESC, repo
LIMIT 200`;
}

/**
 * Returns findings that a person accepted or muted and that are still open: first those whose time is over, then by end
 * date; 200 rows. `state` is `run out` if the accepted time is over.
 */
export function acceptedFindings(): string {
  return `SELECT if(isNotNull(ends) AND ends <= now(), 'run out', t.status) AS state, o.severity AS severity, t.repo AS repo, o.title AS title, o.file AS file,
    parseDateTimeBestEffortOrNull(t.until, 'UTC') AS ends, t.changed_at AS decided_at
FROM
(
    SELECT repo, finding_key, status, until, changed_at FROM finding_triage WHERE ${SCOPE} AND status IN ('accepted', 'muted')
) AS t
INNER JOIN
(
    SELECT repo, finding_key, any(f.severity) AS severity, any(f.title) AS title, any(f.file) AS file
    FROM open_finding AS f
    WHERE ${SCOPE} AND (repo, finding_key) IN (SELECT repo, finding_key FROM finding_triage WHERE ${SCOPE})
    GROUP BY repo, finding_key
) AS o ON o.repo = t.repo AND o.finding_key = t.finding_key
ORDER BY state = 'run out' DESC, isNull(ends), ends, repo, title
LIMIT 200`;
}
