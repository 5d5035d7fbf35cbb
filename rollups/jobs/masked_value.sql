-- masked_value, one row = one hour of one repository.
-- Promise: how many deduplicated records had something masked on their way in, and how many values.
-- Reads masking_event_v1 for the given keys alone.
INSERT INTO masked_value_v1 (org_id, repo, bucket_start, formula, records, masked, facts, facts_hash, version)
WITH keys AS
(
    SELECT key.1 AS org_id, key.2 AS repo, key.3 AS bucket_start
    FROM (SELECT arrayJoin(arrayZip({orgs:Array(String)}, {repos:Array(String)}, {hours:Array(DateTime('UTC'))})) AS key)
)
SELECT org_id, repo, bucket_start, {formula:UInt16} AS formula, sum(n) AS records, sum(values) AS masked,
    sum(n) AS facts, sum(hash) AS facts_hash, {version:UInt64} AS version
FROM
(
    SELECT org_id, repo, toStartOfHour(occurred_at) AS bucket_start, masked AS values, toUInt64(1) AS n,
        cityHash64(event_id, occurred_at, content_hash) AS hash
    FROM masking_event_v1 FINAL
    WHERE (org_id, repo, toStartOfHour(occurred_at)) IN (SELECT org_id, repo, bucket_start FROM keys)
        AND occurred_at >= {from:DateTime('UTC')} AND occurred_at < {to:DateTime('UTC')} + toIntervalHour(1)
    UNION ALL
    SELECT org_id, repo, bucket_start, 0, toUInt64(0), toUInt64(0) FROM keys
)
GROUP BY org_id, repo, bucket_start
