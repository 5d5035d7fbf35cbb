-- score_trend, one bucket = one hour of one repository, separated by minimum severity and producer version. Result:
-- last, lowest, highest and sum of the scores of that hour's deduplicated scans. "Last" is by time of the report, then
-- event id, never by arrival. Scans of 0 files are counted without a score. The components are those of the last scan,
-- NULL if it did not report them. Reads scan_v1 for the given keys only, once; the head row is written even without
-- scans.
INSERT INTO score_trend_v1
    (org_id, repo, bucket_start, is_head, min_severity, producer_version, formula, scans, empty_scans, score_sum, score_min, score_max,
     score_last, grade_last, score_secrets_last, score_permissions_last, score_hooks_last, score_mcp_last, score_agents_last,
     total_findings_last, critical_last, high_last, files_scanned_last, last_at, facts, facts_hash, version)
SELECT org_id, repo, bucket_start, grouping(min_severity) = 1 AS is_head, min_severity, producer_version, {formula:UInt16} AS formula,
    if(is_head, 0, countIf(is_scored)) AS scans,
    if(is_head, 0, sum(n) - scans) AS empty_scans,
    if(is_head, 0, sumIf(score, is_scored)) AS score_sum,
    if(is_head, 0, minIf(score, is_scored)) AS score_min,
    if(is_head, 0, maxIf(score, is_scored)) AS score_max,
    (argMaxIf((score, grade, score_secrets, score_permissions, score_hooks, score_mcp, score_agents,
        total_findings, critical, high, files_scanned, occurred_at), (occurred_at, event_id), is_scored) AS last).1,
    last.2, last.3, last.4, last.5, last.6, last.7, last.8, last.9, last.10, last.11, last.12,
    if(is_head, sum(n), 0) AS facts,
    if(is_head, sum(hash), 0) AS facts_hash,
    {version:UInt64} AS version
FROM
(
    SELECT org_id, repo, toStartOfHour(occurred_at) AS bucket_start, min_severity, producer_version, files_scanned > 0 AS is_scored,
        score, grade, score_secrets, score_permissions, score_hooks, score_mcp, score_agents, total_findings, critical, high,
        files_scanned, occurred_at, event_id, toUInt64(1) AS n, cityHash64(event_id, occurred_at, content_hash) AS hash
    FROM scan_v1 FINAL
    WHERE (org_id, repo, toStartOfHour(occurred_at)) IN {keys}
        AND occurred_at >= {from:DateTime('UTC')} AND occurred_at < toDateTime64({to:DateTime('UTC')}, 3, 'UTC') + toIntervalHour(1)
    UNION ALL
    SELECT key.1, key.2, toDateTime(key.3, 'UTC'), '', '', false, 0, '', NULL, NULL, NULL, NULL, NULL, 0, 0, 0, 0, toDateTime64(0, 3, 'UTC'), '', 0, 0 FROM (SELECT arrayJoin({keys}) AS key)
)
GROUP BY GROUPING SETS ((org_id, repo, bucket_start), (org_id, repo, bucket_start, min_severity, producer_version))
HAVING is_head OR sum(n) > 0
