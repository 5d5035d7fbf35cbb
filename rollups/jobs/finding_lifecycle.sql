-- finding_lifecycle, one bucket = one hour of one repository, by severity and category.
-- Result: findings that appeared for the first time, that reappeared, and that were fixed, with their time to fix; open
-- is the number of findings in the hour's last scan that reports their severity. Reads finding_transition and
-- scan_posture for the given repositories, and the findings of those last scans only.
INSERT INTO finding_lifecycle_v1
    (org_id, repo, bucket_start, is_head, severity, category, formula, new, regressed, fixed, fix_seconds, open, version)
WITH last_scan AS
(
    SELECT org_id, repo, bucket_start, severity_rank, argMax(scan_id, (scan_at, scan_id)) AS last_id
    FROM
    (
        SELECT org_id, repo, bucket_start, scan_at, scan_id, arrayJoin(range(toUInt8(severity_from), 5)) AS severity_rank
        FROM scan_posture
        WHERE (org_id, repo, bucket_start) IN {keys} AND is_detailed
    )
    GROUP BY org_id, repo, bucket_start, severity_rank
),
changes AS
(
    SELECT org_id, repo, bucket_start, severity, category, change, is_rekeyed, scan_at,
        lagInFrame(scan_at, 1, toDateTime64(0, 3, 'UTC')) OVER life AS changed_before_at
    FROM finding_transition
    WHERE (org_id, repo) IN {repos} AND bucket_start <= {to:DateTime('UTC')}
    WINDOW life AS (PARTITION BY org_id, repo, severity, category, finding_key, occurrence ORDER BY scan_at, scan_id ROWS BETWEEN 1 PRECEDING AND CURRENT ROW)
)
SELECT org_id, repo, bucket_start, false AS is_head, severity, category, {formula:UInt16} AS formula,
    sum(is_new) AS new, sum(is_regressed) AS regressed, sum(is_fixed) AS fixed, sum(seconds) AS fix_seconds, sum(is_open) AS open,
    {version:UInt64} AS version
FROM
(
    SELECT org_id, repo, bucket_start, severity, category,
        change = 1 AND NOT is_rekeyed AND changed_before_at = toDateTime64(0, 3, 'UTC') AS is_new,
        change = 1 AND NOT is_rekeyed AND NOT is_new AS is_regressed,
        change = -1 AND NOT is_rekeyed AS is_fixed,
        if(is_fixed, toUInt64(dateDiff('second', changed_before_at, scan_at)), 0) AS seconds,
        0 AS is_open
    FROM changes
    WHERE (org_id, repo, bucket_start) IN {keys}
    UNION ALL
    SELECT f.org_id, f.repo, f.hour, f.severity, f.category, 0, 0, 0, toUInt64(0), 1
    FROM
    (
        SELECT org_id, repo, toStartOfHour(occurred_at) AS hour, scan_id, severity, category,
            indexOf(['info', 'low', 'medium', 'high', 'critical'], severity) - 1 AS severity_rank
        FROM finding_v1 FINAL
        WHERE (org_id, repo, toStartOfHour(occurred_at)) IN {keys}
        AND occurred_at >= {from:DateTime('UTC')} AND occurred_at < toDateTime64({to:DateTime('UTC')}, 3, 'UTC') + toIntervalHour(1)
    ) AS f
    INNER JOIN last_scan AS s ON s.org_id = f.org_id AND s.repo = f.repo AND s.bucket_start = f.hour
        AND s.last_id = f.scan_id AND s.severity_rank = f.severity_rank
)
GROUP BY org_id, repo, bucket_start, severity, category
UNION ALL
SELECT key.1, key.2, toDateTime(key.3, 'UTC'), true, '', '', {formula:UInt16}, 0, 0, 0, 0, 0, {version:UInt64} FROM (SELECT arrayJoin({keys}) AS key)
