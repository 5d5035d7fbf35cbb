-- finding_lifecycle by day, one row = one day of one repository, severities and categories as arrays.
-- Result: findings that appeared, reappeared and were fixed in the hours of that day, summed; open is that of the last
-- hour. Reads finding_lifecycle_v1 for the given days only.
INSERT INTO finding_lifecycle_day_v1
    (org_id, repo, bucket_start, formula, severities, categories, new, regressed, fixed, fix_seconds, open, version)
SELECT org_id, repo, day AS bucket_start, {formula:UInt16} AS formula,
    groupArrayIf(severity, is_group) AS severities, groupArrayIf(category, is_group) AS categories,
    groupArrayIf(n, is_group) AS new, groupArrayIf(r, is_group) AS regressed, groupArrayIf(f, is_group) AS fixed,
    groupArrayIf(s, is_group) AS fix_seconds, groupArrayIf(o, is_group) AS open,
    {version:UInt64} AS version
FROM
(
    SELECT org_id, repo, toStartOfDay(h.bucket_start) AS day, severity, category,
        sum(new) AS n, sum(regressed) AS r, sum(fixed) AS f, sum(fix_seconds) AS s, argMax(open, h.bucket_start) AS o, true AS is_group
    FROM
    (
        SELECT *, max(version) OVER (PARTITION BY org_id, repo, bucket_start) AS head_version
        FROM finding_lifecycle_v1 FINAL
        WHERE formula = {formula:UInt16} AND (org_id, repo, toStartOfDay(bucket_start)) IN {keys}
        AND bucket_start >= {from:DateTime('UTC')} AND bucket_start < {to:DateTime('UTC')} + toIntervalDay(1)
    ) AS h
    WHERE version = head_version AND NOT is_head
    GROUP BY org_id, repo, day, severity, category
    UNION ALL
    SELECT key.1, key.2, toDateTime(key.3, 'UTC'), '', '', 0, 0, 0, 0, 0, false
    FROM (SELECT arrayJoin({keys}) AS key)
)
GROUP BY org_id, repo, day
