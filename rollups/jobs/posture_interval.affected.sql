-- A new or deleted scan changes its own hour and the end of the previous posture.
WITH keys AS
(
    SELECT key.1 AS org_id, key.2 AS repo, toDateTime(key.3, 'UTC') AS bucket_start FROM (SELECT arrayJoin({keys}) AS key)
)
SELECT org_id, repo, bucket_start FROM keys
UNION DISTINCT
SELECT k.org_id, k.repo, max(p.bucket_start) AS bucket_start
FROM keys AS k
INNER JOIN (SELECT org_id, repo, bucket_start FROM scan_posture WHERE (org_id, repo) IN {repos} AND is_counted) AS p
    ON p.org_id = k.org_id AND p.repo = k.repo
WHERE p.bucket_start < k.bucket_start
GROUP BY k.org_id, k.repo, k.bucket_start
