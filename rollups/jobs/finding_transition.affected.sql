-- A scan is compared with the previous one, so a new or deleted scan changes its own hour and the next scan's; for each
-- severity that is the next scan that reports it.
WITH keys AS
(
    SELECT key.1 AS org_id, key.2 AS repo, toDateTime(key.3, 'UTC') AS bucket_start FROM (SELECT arrayJoin({keys}) AS key)
)
SELECT org_id, repo, bucket_start FROM keys
UNION DISTINCT
SELECT k.org_id, k.repo, min(p.bucket_start) AS bucket_start
FROM keys AS k
INNER JOIN
(
    SELECT org_id, repo, bucket_start, arrayJoin(range(toUInt8(severity_from), 5)) AS severity_rank
    FROM (SELECT DISTINCT org_id, repo, bucket_start, severity_from FROM scan_posture
          WHERE (org_id, repo) IN {repos} AND is_detailed AND bucket_start > {from:DateTime('UTC')})
) AS p ON p.org_id = k.org_id AND p.repo = k.repo
WHERE p.bucket_start > k.bucket_start
GROUP BY k.org_id, k.repo, k.bucket_start, p.severity_rank
