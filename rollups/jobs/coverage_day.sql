-- coverage by day, one row = one day of one repository, its producers as arrays.
-- Result: events, first hour, last event and the union of the sets of sessions over the hours of that day. Reads
-- coverage_v1 for the given days only.
INSERT INTO coverage_day_v1
    (org_id, repo, bucket_start, formula, producers, events, first_hours, last_ats, sessions, version)
SELECT org_id, repo, day AS bucket_start, {formula:UInt16} AS formula,
    groupArrayIf(producer, is_group) AS producers, groupArrayIf(n, is_group) AS events, groupArrayIf(first_hour, is_group) AS first_hours,
    groupArrayIf(last, is_group) AS last_ats, groupArrayIf(heard, is_group) AS sessions,
    {version:UInt64} AS version
FROM
(
    SELECT org_id, repo, toStartOfDay(h.bucket_start) AS day, producer, sum(events) AS n, min(h.bucket_start) AS first_hour,
        max(last_at) AS last, arraySort(groupUniqArrayArray(sessions)) AS heard, true AS is_group
    FROM
    (
        SELECT *, max(version) OVER (PARTITION BY org_id, repo, bucket_start) AS head_version
        FROM coverage_v1 FINAL
        WHERE formula = {formula:UInt16} AND (org_id, repo, toStartOfDay(bucket_start)) IN {keys}
        AND bucket_start >= {from:DateTime('UTC')} AND bucket_start < {to:DateTime('UTC')} + toIntervalDay(1)
    ) AS h
    WHERE version = head_version AND NOT is_head
    GROUP BY org_id, repo, day, producer
    UNION ALL
    SELECT key.1, key.2, toDateTime(key.3, 'UTC'), '', 0, toDateTime(0, 'UTC'), toDateTime64(0, 3, 'UTC'), [], false
    FROM (SELECT arrayJoin({keys}) AS key)
)
GROUP BY org_id, repo, day
