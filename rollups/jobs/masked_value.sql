-- masked_value, one row = one hour of one repository.
-- Result: the number of deduplicated records with masked values, the number of values, and their kinds. Reads
-- masking_event_v1 for the given keys only.
INSERT INTO masked_value_v1 (org_id, repo, bucket_start, formula, records, masked, kinds, facts, facts_hash, version)
SELECT org_id, repo, bucket_start, {formula:UInt16} AS formula, sum(n) AS records, sum(values) AS masked, sumMap(by_kind) AS kinds,
    sum(n) AS facts, sum(hash) AS facts_hash, {version:UInt64} AS version
FROM
(
    SELECT org_id, repo, toStartOfHour(occurred_at) AS bucket_start, masked AS values, kinds AS by_kind, toUInt64(1) AS n,
        cityHash64(event_id, occurred_at, content_hash) AS hash
    FROM masking_event_v1 FINAL
    WHERE (org_id, repo, toStartOfHour(occurred_at)) IN {keys}
        AND occurred_at >= {from:DateTime('UTC')} AND occurred_at < toDateTime64({to:DateTime('UTC')}, 3, 'UTC') + toIntervalHour(1)
    UNION ALL
    SELECT key.1, key.2, toDateTime(key.3, 'UTC'), 0, CAST(map(), 'Map(LowCardinality(String), UInt32)'), toUInt64(0), toUInt64(0) FROM (SELECT arrayJoin({keys}) AS key)
)
GROUP BY org_id, repo, bucket_start
