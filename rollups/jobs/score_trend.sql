-- score_trend, one bucket = one hour of one repository, apart by minimum severity and producer version.
-- Promise: last, least, greatest and sum of the scores of the deduplicated scans of that hour. "Last" is by
-- time of the report, then event id, never by arrival. Scans of 0 files are counted and score nothing.
-- Reads scan_v1 for the given keys alone; the head row is written even when no scan is left.
INSERT INTO score_trend_v1
    (org_id, repo, bucket_start, is_head, min_severity, producer_version, scans, empty_scans, score_sum, score_min, score_max,
     score_last, grade_last, score_secrets_last, score_permissions_last, score_hooks_last, score_mcp_last, score_agents_last,
     total_findings_last, critical_last, high_last, files_scanned_last, last_at, version)
WITH keys AS
(
    SELECT key.1 AS org_id, key.2 AS repo, key.3 AS bucket_start
    FROM (SELECT arrayJoin(arrayZip({orgs:Array(String)}, {repos:Array(String)}, {hours:Array(DateTime('UTC'))})) AS key)
)
SELECT org_id, repo, toStartOfHour(occurred_at) AS bucket_start, false AS is_head, min_severity, producer_version,
    countIf(files_scanned > 0) AS scans,
    countIf(files_scanned = 0) AS empty_scans,
    sumIf(score, files_scanned > 0) AS score_sum,
    minIf(score, files_scanned > 0) AS score_min,
    maxIf(score, files_scanned > 0) AS score_max,
    argMaxIf(score, (occurred_at, event_id), files_scanned > 0) AS score_last,
    argMaxIf(grade, (occurred_at, event_id), files_scanned > 0) AS grade_last,
    argMaxIf(score_secrets, (occurred_at, event_id), files_scanned > 0) AS score_secrets_last,
    argMaxIf(score_permissions, (occurred_at, event_id), files_scanned > 0) AS score_permissions_last,
    argMaxIf(score_hooks, (occurred_at, event_id), files_scanned > 0) AS score_hooks_last,
    argMaxIf(score_mcp, (occurred_at, event_id), files_scanned > 0) AS score_mcp_last,
    argMaxIf(score_agents, (occurred_at, event_id), files_scanned > 0) AS score_agents_last,
    argMaxIf(total_findings, (occurred_at, event_id), files_scanned > 0) AS total_findings_last,
    argMaxIf(critical, (occurred_at, event_id), files_scanned > 0) AS critical_last,
    argMaxIf(high, (occurred_at, event_id), files_scanned > 0) AS high_last,
    argMaxIf(files_scanned, (occurred_at, event_id), files_scanned > 0) AS files_scanned_last,
    maxIf(occurred_at, files_scanned > 0) AS last_at,
    {version:UInt64} AS version
FROM scan_v1 FINAL
WHERE (org_id, repo, toStartOfHour(occurred_at)) IN (SELECT org_id, repo, bucket_start FROM keys)
    AND occurred_at >= {from:DateTime('UTC')} AND occurred_at < {to:DateTime('UTC')} + toIntervalHour(1)
GROUP BY org_id, repo, bucket_start, min_severity, producer_version
UNION ALL
SELECT org_id, repo, bucket_start, true, '', '', 0, 0, 0, 0, 0, 0, '', 0, 0, 0, 0, 0, 0, 0, 0, 0, toDateTime64(0, 3, 'UTC'), {version:UInt64}
FROM keys
