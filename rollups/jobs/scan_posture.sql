-- scan_posture, one bucket = one hour of one repository; one row per scan. Result: the values of the hour's
-- deduplicated scans, and whether all their findings are known individually: as many as the scan counts. A summary has
-- none, and findings in transit may arrive one by one. Findings belong to a scan by its id and have its time. Evidence
-- that is inconsistent, by its digest or its content, is invalid. Reads scan_v1 and finding_v1 for the given keys only.
-- The head stores count and hash of both.
INSERT INTO scan_posture_v1
    (org_id, repo, bucket_start, is_head, scan_at, scan_id, formula, severity_from, is_counted, is_detailed, key_scheme, score,
     critical, high, medium, low, info, risky_packages, is_policy_failed, is_regressed, is_invalid, route, facts, facts_hash, version)
WITH keys AS
(
    SELECT key.1 AS org_id, key.2 AS repo, toDateTime(key.3, 'UTC') AS bucket_start FROM (SELECT arrayJoin({keys}) AS key)
),
shown AS
(
    SELECT org_id, repo, toStartOfHour(occurred_at) AS bucket_start, scan_id, count() AS n,
        sum(cityHash64(event_id, occurred_at, content_hash)) AS hash
    FROM finding_v1 FINAL
    WHERE (org_id, repo, toStartOfHour(occurred_at)) IN {keys}
        AND occurred_at >= {from:DateTime('UTC')} AND occurred_at < toDateTime64({to:DateTime('UTC')}, 3, 'UTC') + toIntervalHour(1)
    GROUP BY org_id, repo, bucket_start, scan_id
),
scans AS
(
    SELECT *, toStartOfHour(occurred_at) AS bucket_start, content_hash
    FROM scan_v1 FINAL
    WHERE (org_id, repo, toStartOfHour(occurred_at)) IN {keys}
        AND occurred_at >= {from:DateTime('UTC')} AND occurred_at < toDateTime64({to:DateTime('UTC')}, 3, 'UTC') + toIntervalHour(1)
)
SELECT s.org_id, s.repo, s.bucket_start, false AS is_head, s.occurred_at AS scan_at, s.event_id AS scan_id, {formula:UInt16} AS formula,
    toUInt8(greatest(indexOf(['info', 'low', 'medium', 'high', 'critical'], s.min_severity), 1) - 1) AS severity_from,
    s.files_scanned > 0 AS is_counted,
    s.files_scanned > 0 AND f.n >= greatest(s.total_findings, s.critical + s.high + s.medium + s.low + s.info) AS is_detailed,
    s.key_scheme,
    s.score, s.critical, s.high, s.medium, s.low, s.info,
    s.packages_risky AS risky_packages,
    s.policy_status = 'failed' AS is_policy_failed,
    s.baseline_status = 'regressed' AS is_regressed,
    s.integrity IN ('mismatch', 'suspect') AS is_invalid,
    multiIf(is_invalid, 'invalid',
        s.critical + s.high + s.packages_critical + s.packages_high > 0, 'security-blocker',
        is_policy_failed, 'policy-review',
        is_regressed, 'baseline-regression',
        risky_packages > 0, 'supply-chain-review',
        'ready') AS route,
    toUInt64(0) AS facts, toUInt64(0) AS facts_hash, {version:UInt64} AS version
FROM scans AS s
LEFT JOIN shown AS f ON f.org_id = s.org_id AND f.repo = s.repo AND f.bucket_start = s.bucket_start AND f.scan_id = s.event_id
UNION ALL
SELECT org_id, repo, bucket_start, true, toDateTime64(0, 3, 'UTC'), '', {formula:UInt16}, 0, false, false, '', 0, 0, 0, 0, 0, 0, 0,
    false, false, false, '', sum(n), sum(hash), {version:UInt64}
FROM
(
    SELECT org_id, repo, bucket_start, n, hash FROM shown
    UNION ALL
    SELECT org_id, repo, bucket_start, 1, cityHash64(event_id, occurred_at, content_hash) FROM scans
    UNION ALL
    SELECT org_id, repo, bucket_start, 0, 0 FROM keys
)
GROUP BY org_id, repo, bucket_start
