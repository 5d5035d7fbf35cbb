-- A new or deleted scan changes its organisation's values from its own hour until the repository's next scan. Of these
-- hours, those in which some repository was scanned are kept.
SELECT DISTINCT org_id, '' AS repo, arrayJoin(arrayPushFront(arrayFilter(hour -> hour >= bucket_start AND hour < until, hours), bucket_start)) AS bucket_start
FROM
(
    SELECT k.org_id AS org_id, k.bucket_start AS bucket_start, p.hours AS hours,
        arrayMin(arrayPushBack(arrayMap(scan -> scan.2, arrayFilter(scan -> scan.1 = k.repo AND scan.2 > k.bucket_start, p.scans)),
            toDateTime('2106-02-07 06:00:00', 'UTC'))) AS until
    FROM (SELECT key.1 AS org_id, key.2 AS repo, toDateTime(key.3, 'UTC') AS bucket_start FROM (SELECT arrayJoin({keys}) AS key)) AS k
    LEFT JOIN
    (
        SELECT org_id, groupUniqArray(bucket_start) AS hours, groupArray((repo, bucket_start)) AS scans
        FROM posture_interval
        WHERE org_id IN {orgs} AND bucket_start >= {from:DateTime('UTC')}
        GROUP BY org_id
    ) AS p USING (org_id)
)
