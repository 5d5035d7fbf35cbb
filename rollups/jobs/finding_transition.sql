-- finding_transition, one bucket = one hour of one repository; one row for each finding that a scan of the hour shows
-- and the one before it did not, or the other way round.
-- Promise: for each severity, consecutive scans that report it are compared by (category, finding key, occurrence).
-- Reads the narrow rows of scan_posture for the given repositories, and findings of the compared scans alone.
INSERT INTO finding_transition_v1
    (org_id, repo, bucket_start, is_head, severity, category, finding_key, occurrence, scan_at, scan_id, formula, change,
     previous_at, title, file, version)
WITH keys AS
(
    SELECT key.1 AS org_id, key.2 AS repo, key.3 AS bucket_start
    FROM (SELECT arrayJoin(arrayZip({orgs:Array(String)}, {repos:Array(String)}, {hours:Array(DateTime('UTC'))})) AS key)
),
pairs AS
(
    SELECT *
    FROM
    (
        SELECT org_id, repo, bucket_start, scan_at, scan_id, arrayJoin(range(toUInt8(severity_from), 5)) AS severity_rank,
            lagInFrame(scan_id) OVER before AS previous_id,
            lagInFrame(scan_at, 1, toDateTime64(0, 3, 'UTC')) OVER before AS previous_at
        FROM scan_posture
        WHERE (org_id, repo) IN (SELECT org_id, repo FROM keys) AND is_detailed AND bucket_start <= {to:DateTime('UTC')}
        WINDOW before AS (PARTITION BY org_id, repo, severity_rank ORDER BY scan_at, scan_id ROWS BETWEEN 1 PRECEDING AND CURRENT ROW)
    )
    WHERE (org_id, repo, bucket_start) IN (SELECT org_id, repo, bucket_start FROM keys)
),
shown AS
(
    SELECT org_id, repo, toStartOfHour(occurred_at) AS hour, scan_id, severity, category, finding_key, occurrence, title, file,
        indexOf(['info', 'low', 'medium', 'high', 'critical'], severity) - 1 AS severity_rank
    FROM finding_v1 FINAL
    WHERE (org_id, repo, toStartOfHour(occurred_at)) IN
    (
        SELECT org_id, repo, bucket_start FROM pairs UNION DISTINCT SELECT org_id, repo, toStartOfHour(previous_at) FROM pairs
    )
)
SELECT org_id, repo, bucket_start, false AS is_head, severity, category, finding_key, occurrence, scan_at, scan_id, {formula:UInt16} AS formula,
    toInt8(max(is_now)) - toInt8(max(was)) AS change, any(previous_at) AS previous_at, max(title) AS title, max(file) AS file,
    {version:UInt64} AS version
FROM
(
    SELECT p.org_id AS org_id, p.repo AS repo, p.bucket_start AS bucket_start, p.scan_at AS scan_at, p.scan_id AS scan_id, p.previous_at AS previous_at,
        f.severity AS severity, f.category AS category, f.finding_key AS finding_key, f.occurrence AS occurrence, f.title AS title, f.file AS file,
        1 AS is_now, 0 AS was
    FROM pairs AS p
    INNER JOIN shown AS f ON f.org_id = p.org_id AND f.repo = p.repo AND f.scan_id = p.scan_id AND f.severity_rank = p.severity_rank
        AND f.hour = p.bucket_start
    UNION ALL
    SELECT p.org_id, p.repo, p.bucket_start, p.scan_at, p.scan_id, p.previous_at, f.severity, f.category, f.finding_key, f.occurrence, f.title, f.file, 0, 1
    FROM pairs AS p
    INNER JOIN shown AS f ON f.org_id = p.org_id AND f.repo = p.repo AND f.scan_id = p.previous_id AND f.severity_rank = p.severity_rank
        AND f.hour = toStartOfHour(p.previous_at)
)
GROUP BY org_id, repo, bucket_start, scan_at, scan_id, severity, category, finding_key, occurrence
HAVING change != 0
UNION ALL
SELECT org_id, repo, bucket_start, true, '', '', '', 0, toDateTime64(0, 3, 'UTC'), '', {formula:UInt16}, 0, toDateTime64(0, 3, 'UTC'), '', '', {version:UInt64}
FROM keys
