-- Whether a finding is new or reappeared depends on its earlier appearances, and the time to fix on the last of them.
-- So a change in an hour affects, for each of its findings, the finding's next appearance and its next fix. Rows of any
-- version are included, because a deleted transition leaves one.
WITH keys AS
(
    SELECT key.1 AS org_id, key.2 AS repo, toDateTime(key.3, 'UTC') AS bucket_start FROM (SELECT arrayJoin({keys}) AS key)
)
SELECT org_id, repo, bucket_start FROM keys
UNION DISTINCT
SELECT k.org_id, k.repo, min(t.bucket_start) AS bucket_start
FROM
(
    SELECT DISTINCT org_id, repo, bucket_start, severity, category, finding_key, occurrence
    FROM finding_transition_v1
    WHERE (org_id, repo, bucket_start) IN {keys} AND NOT is_head
) AS k
INNER JOIN
(
    SELECT org_id, repo, bucket_start, severity, category, finding_key, occurrence, change
    FROM finding_transition
    WHERE (org_id, repo) IN {repos} AND bucket_start > {from:DateTime('UTC')}
) AS t ON t.org_id = k.org_id AND t.repo = k.repo AND t.severity = k.severity AND t.category = k.category
    AND t.finding_key = k.finding_key AND t.occurrence = k.occurrence
WHERE t.bucket_start > k.bucket_start
GROUP BY k.org_id, k.repo, k.bucket_start, k.severity, k.category, k.finding_key, k.occurrence, t.change
