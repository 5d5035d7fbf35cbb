-- posture_interval, one row = one hour of one repository: the posture its last scan leaves, and until when it holds.
-- Promise: the row is that of the greatest (time, id) among the hour's scans that looked at files; valid_until is the
-- repository's next hour with such a scan. Hours without one have scans = 0.
-- Reads the narrow rows of scan_posture for the given repositories.
INSERT INTO posture_interval_v1
    (org_id, repo, bucket_start, formula, valid_until, scans, scan_id, scan_at, score, critical, high, medium, low, info,
     risky_packages, is_policy_failed, is_regressed, is_invalid, route, version)
WITH keys AS
(
    SELECT key.1 AS org_id, key.2 AS repo, key.3 AS bucket_start
    FROM (SELECT arrayJoin(arrayZip({orgs:Array(String)}, {repos:Array(String)}, {hours:Array(DateTime('UTC'))})) AS key)
),
scans AS
(
    SELECT * FROM scan_posture WHERE (org_id, repo) IN (SELECT org_id, repo FROM keys) AND is_counted AND bucket_start >= {from:DateTime('UTC')}
),
hours AS
(
    SELECT org_id, repo, bucket_start, leadInFrame(bucket_start, 1, toDateTime('2106-02-07 06:00:00', 'UTC')) OVER hours_of_repo AS valid_until
    FROM (SELECT DISTINCT org_id, repo, bucket_start FROM scans)
    WINDOW hours_of_repo AS (PARTITION BY org_id, repo ORDER BY bucket_start ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING)
)
SELECT k.org_id, k.repo, k.bucket_start, {formula:UInt16} AS formula, any(h.valid_until) AS valid_until,
    countIf(s.scan_id != '') AS scans,
    (argMax((s.scan_id, s.scan_at, s.score, s.critical, s.high, s.medium, s.low, s.info, s.risky_packages,
        s.is_policy_failed, s.is_regressed, s.is_invalid, s.route), (s.scan_at, s.scan_id)) AS last).1,
    last.2, last.3, last.4, last.5, last.6, last.7, last.8, last.9, last.10, last.11, last.12, last.13,
    {version:UInt64} AS version
FROM keys AS k
LEFT JOIN scans AS s ON s.org_id = k.org_id AND s.repo = k.repo AND s.bucket_start = k.bucket_start
LEFT JOIN hours AS h ON h.org_id = k.org_id AND h.repo = k.repo AND h.bucket_start = k.bucket_start
GROUP BY k.org_id, k.repo, k.bucket_start
