-- drift_history, one row = one hour of one repository.
-- Result: the deduplicated drift of that hour with the range of its score changes; drift with a higher score that is
-- not a regression is an improvement. Also the changes between the hour's scans and the previous scan, by severity and
-- finding key, so that moved lines are not drift. The first scan of a repository is not drift, nor are findings that
-- only got a key of another scheme. Reads drift_event_v1, finding_transition and the heads of scan_posture for the
-- given keys only.
INSERT INTO drift_history_v1
    (org_id, repo, bucket_start, formula, drifts, regressions, improvements, critical_drifts, score_delta_min, score_delta_max,
     score_delta_sum, new_findings, resolved_findings, new_critical, new_high, new_medium, new_low, new_info, resolved_critical,
     resolved_high, resolved_medium, resolved_low, resolved_info, facts, facts_hash, version)
SELECT org_id, repo, bucket_start, {formula:UInt16} AS formula,
    countIf(what = 'drift') AS drifts,
    countIf(what = 'drift' AND is_regression) AS regressions,
    countIf(what = 'drift' AND NOT is_regression AND score_delta > 0) AS improvements,
    countIf(what = 'drift' AND has_critical) AS critical_drifts,
    minIf(score_delta, what = 'drift') AS score_delta_min,
    maxIf(score_delta, what = 'drift') AS score_delta_max,
    sumIf(score_delta, what = 'drift') AS score_delta_sum,
    sum(new_count) AS new_findings,
    sum(resolved_count) AS resolved_findings,
    countIf(what = 'change' AND change = 1 AND severity = 'critical') AS new_critical,
    countIf(what = 'change' AND change = 1 AND severity = 'high') AS new_high,
    countIf(what = 'change' AND change = 1 AND severity = 'medium') AS new_medium,
    countIf(what = 'change' AND change = 1 AND severity = 'low') AS new_low,
    countIf(what = 'change' AND change = 1 AND severity = 'info') AS new_info,
    countIf(what = 'change' AND change = -1 AND severity = 'critical') AS resolved_critical,
    countIf(what = 'change' AND change = -1 AND severity = 'high') AS resolved_high,
    countIf(what = 'change' AND change = -1 AND severity = 'medium') AS resolved_medium,
    countIf(what = 'change' AND change = -1 AND severity = 'low') AS resolved_low,
    countIf(what = 'change' AND change = -1 AND severity = 'info') AS resolved_info,
    sum(n) AS facts,
    sum(hash) AS facts_hash,
    {version:UInt64} AS version
FROM
(
    SELECT org_id, repo, toStartOfHour(occurred_at) AS bucket_start, 'drift' AS what, is_regression, has_critical, score_delta,
        new_findings AS new_count, resolved_findings AS resolved_count, 0 AS change, '' AS severity,
        toUInt64(1) AS n, cityHash64(event_id, occurred_at, content_hash) AS hash
    FROM drift_event_v1 FINAL
    WHERE (org_id, repo, toStartOfHour(occurred_at)) IN {keys}
        AND occurred_at >= {from:DateTime('UTC')} AND occurred_at < toDateTime64({to:DateTime('UTC')}, 3, 'UTC') + toIntervalHour(1)
    UNION ALL
    SELECT org_id, repo, bucket_start, 'change', false, false, 0, 0, 0, change, severity, toUInt64(0), toUInt64(0)
    FROM finding_transition
    WHERE (org_id, repo, bucket_start) IN {keys} AND previous_at > toDateTime64(0, 3, 'UTC') AND NOT is_rekeyed
    UNION ALL
    SELECT key.1, key.2, toDateTime(key.3, 'UTC'), '', false, false, 0, 0, 0, 0, '', toUInt64(0), toUInt64(0) FROM (SELECT arrayJoin({keys}) AS key)
)
GROUP BY org_id, repo, bucket_start
