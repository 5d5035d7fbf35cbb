-- injection_attempt_rate by day, one row = one day of one repository.
-- Result: the sums of the hours of that day, and the union of their sets of injection findings, so that each counts
-- once. Reads injection_attempt_rate_v1 for the given days only.
INSERT INTO injection_attempt_rate_day_v1
    (org_id, repo, bucket_start, formula, attempts, attempts_by_text, decisions, finding_hashes, version)
SELECT org_id, repo, day AS bucket_start, {formula:UInt16} AS formula,
    sum(a) AS attempts, sum(t) AS attempts_by_text, sum(n) AS decisions, arraySort(groupUniqArrayArray(hashes)) AS finding_hashes,
    {version:UInt64} AS version
FROM
(
    SELECT org_id, repo, toStartOfDay(bucket_start) AS day, attempts AS a, attempts_by_text AS t, decisions AS n, finding_hashes AS hashes
    FROM injection_attempt_rate_v1 FINAL
    WHERE formula = {formula:UInt16} AND (org_id, repo, toStartOfDay(bucket_start)) IN {keys}
        AND bucket_start >= {from:DateTime('UTC')} AND bucket_start < {to:DateTime('UTC')} + toIntervalDay(1)
    UNION ALL
    SELECT key.1, key.2, toDateTime(key.3, 'UTC'), 0, 0, 0, []
    FROM (SELECT arrayJoin({keys}) AS key)
)
GROUP BY org_id, repo, day
