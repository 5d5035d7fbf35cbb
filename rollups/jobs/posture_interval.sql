-- posture_interval, one row = one hour of one repository: the posture of its last scan, and until when it holds.
-- Result: the row with the greatest (time, id) among the hour's scans of at least one file; valid_until is the
-- repository's next hour with such a scan. Hours without one have scans = 0. Reads the narrow rows of scan_posture for
-- the given repositories.
INSERT INTO posture_interval_v1
    (org_id, repo, bucket_start, formula, valid_until, scans, scan_id, scan_at, score, critical, high, medium, low, info,
     risky_packages, is_policy_failed, is_regressed, is_invalid, route, version)
SELECT k.org_id, k.repo, k.bucket_start, {formula:UInt16} AS formula, p.valid_until, p.scans,
    p.last.1, p.last.2, p.last.3, p.last.4, p.last.5, p.last.6, p.last.7, p.last.8, p.last.9, p.last.10, p.last.11, p.last.12, p.last.13,
    {version:UInt64} AS version
FROM (SELECT key.1 AS org_id, key.2 AS repo, toDateTime(key.3, 'UTC') AS bucket_start FROM (SELECT arrayJoin({keys}) AS key)) AS k
LEFT JOIN
(
    SELECT org_id, repo, bucket_start, count() AS scans,
        argMax((scan_id, scan_at, score, critical, high, medium, low, info, risky_packages, is_policy_failed, is_regressed, is_invalid, route), (scan_at, scan_id)) AS last,
        leadInFrame(bucket_start, 1, toDateTime('2106-02-07 06:00:00', 'UTC')) OVER hours_of_repo AS valid_until
    FROM scan_posture
    WHERE (org_id, repo) IN {repos} AND is_counted AND bucket_start >= {from:DateTime('UTC')}
    GROUP BY org_id, repo, bucket_start
    WINDOW hours_of_repo AS (PARTITION BY org_id, repo ORDER BY bucket_start ROWS BETWEEN CURRENT ROW AND 1 FOLLOWING)
) AS p USING (org_id, repo, bucket_start)
