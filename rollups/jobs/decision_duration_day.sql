-- decision_duration by day, one row = one day of one repository.
-- Result: count, maximum and merged sketch of the hours of that day; a DDSketch does not depend on the order of
-- merging. A day without hours has decisions = 0. Reads decision_duration_v1 for the given days only.
INSERT INTO decision_duration_day_v1
    (org_id, repo, bucket_start, formula, decisions, duration, duration_us_max, version)
SELECT org_id, repo, day AS bucket_start, {formula:UInt16} AS formula,
    sum(n) AS decisions, quantilesDDMergeState(0.01, 0.5, 0.95, 0.99)(sketch) AS duration, max(greatest_us) AS duration_us_max,
    {version:UInt64} AS version
FROM
(
    SELECT org_id, repo, toStartOfDay(bucket_start) AS day, decisions AS n, duration AS sketch, duration_us_max AS greatest_us
    FROM decision_duration_v1 FINAL
    WHERE formula = {formula:UInt16} AND (org_id, repo, toStartOfDay(bucket_start)) IN {keys}
        AND bucket_start >= {from:DateTime('UTC')} AND bucket_start < {to:DateTime('UTC')} + toIntervalDay(1)
    UNION ALL
    SELECT key.1, key.2, toDateTime(key.3, 'UTC'), 0, arrayReduce('quantilesDDState(0.01, 0.5, 0.95, 0.99)', CAST([], 'Array(UInt64)')), 0
    FROM (SELECT arrayJoin({keys}) AS key)
)
GROUP BY org_id, repo, day
