-- decision_duration, one row = one hour of one repository.
-- Result: count, maximum and quantile sketch of the decision time of that hour's judgements that count for their calls
-- (as in blocked_command_rate). The sketch is a DDSketch: equal for the same set of values, in any order of arrival or
-- merging. Reads runtime_event_v1 for the given keys only, and the other judgements of their calls.
INSERT INTO decision_duration_v1
    (org_id, repo, bucket_start, formula, decisions, duration, duration_us_max, facts, facts_hash, version)
SELECT org_id, repo, bucket_start, {formula:UInt16} AS formula,
    countIf(counts) AS decisions,
    quantilesDDStateIf(0.01, 0.5, 0.95, 0.99)(duration_us, counts) AS duration,
    maxIf(duration_us, counts) AS duration_us_max,
    sum(n) AS facts,
    sum(hash) AS facts_hash,
    {version:UInt64} AS version
FROM
(
    SELECT org_id, repo, toStartOfHour(occurred_at) AS bucket_start, duration_us, {is_counted} AS counts, toUInt64(1) AS n,
        cityHash64(event_id, occurred_at, content_hash) AS hash
    FROM runtime_event_v1 FINAL
    WHERE (org_id, repo, toStartOfHour(occurred_at)) IN {keys}
        AND occurred_at >= {from:DateTime('UTC')} AND occurred_at < toDateTime64({to:DateTime('UTC')}, 3, 'UTC') + toIntervalHour(1)
    UNION ALL
    SELECT key.1, key.2, toDateTime(key.3, 'UTC'), toUInt64(0), false, toUInt64(0), toUInt64(0) FROM (SELECT arrayJoin({keys}) AS key)
)
GROUP BY org_id, repo, bucket_start
