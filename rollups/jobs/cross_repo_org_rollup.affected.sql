-- A scan that comes or goes changes what its organisation shows from its own hour until the repository's next scan;
-- of these hours the ones in which some repository was scanned are kept.
WITH keys AS
(
    SELECT key.1 AS org_id, key.2 AS repo, key.3 AS bucket_start
    FROM (SELECT arrayJoin(arrayZip({orgs:Array(String)}, {repos:Array(String)}, {hours:Array(DateTime('UTC'))})) AS key)
),
until AS
(
    SELECT k.org_id AS org_id, k.repo AS repo, k.bucket_start AS bucket_start,
        minIf(p.bucket_start, p.bucket_start > k.bucket_start) AS first_after,
        if(first_after = toDateTime(0, 'UTC'), toDateTime('2106-02-07 06:00:00', 'UTC'), first_after) AS until
    FROM keys AS k
    LEFT JOIN (SELECT org_id, repo, bucket_start FROM posture_interval WHERE (org_id, repo) IN (SELECT org_id, repo FROM keys) AND bucket_start > {from:DateTime('UTC')}) AS p
        ON p.org_id = k.org_id AND p.repo = k.repo
    GROUP BY k.org_id, k.repo, k.bucket_start
)
SELECT DISTINCT org_id, '' AS repo, bucket_start FROM keys
UNION DISTINCT
SELECT DISTINCT u.org_id, '', p.bucket_start
FROM until AS u
INNER JOIN
(
    SELECT DISTINCT org_id, bucket_start FROM posture_interval
    WHERE org_id IN (SELECT org_id FROM keys) AND bucket_start >= {from:DateTime('UTC')} AND bucket_start < (SELECT max(until) FROM until)
) AS p ON p.org_id = u.org_id
WHERE p.bucket_start >= u.bucket_start AND p.bucket_start < u.until
