-- Series: values that redaction masked, and the records they were in. Parts, key and replay as in 0011; days and weeks are
-- folded from hours at each read.

-- Hours.
CREATE TABLE IF NOT EXISTS masked_value_v1
(
    org_id LowCardinality(String),
    repo String,
    bucket_start DateTime('UTC'),
    formula UInt16,
    records UInt64,
    masked UInt64,
    facts UInt64,
    facts_hash UInt64,
    version UInt64,
    kinds Map(LowCardinality(String), UInt64)
)
ENGINE = ReplacingMergeTree(version)
PARTITION BY toYYYYMM(bucket_start)
ORDER BY (org_id, repo, bucket_start, formula)
TTL bucket_start + toIntervalDay(731)
SETTINGS index_granularity = 2048, fsync_after_insert = 0, fsync_part_directory = 0;

-- Views of a repository.
CREATE VIEW IF NOT EXISTS masked_value_hour AS
SELECT org_id, repo, bucket_start, records, masked
FROM masked_value_v1 FINAL
WHERE formula = (SELECT argMax(formula, switched_at) FROM rollup_formula_v1 WHERE series = 'masked_value') AND records > 0;

CREATE VIEW IF NOT EXISTS masked_value_day AS
SELECT org_id, repo, toStartOfDay(h.bucket_start) AS bucket_start,
    sum(h.records) AS records, sum(h.masked) AS masked
FROM masked_value_hour AS h
GROUP BY org_id, repo, bucket_start;

CREATE VIEW IF NOT EXISTS masked_value_week AS
SELECT org_id, repo, toDateTime(toMonday(h.bucket_start), 'UTC') AS bucket_start,
    sum(h.records) AS records, sum(h.masked) AS masked
FROM masked_value_hour AS h
GROUP BY org_id, repo, bucket_start;

-- Views of the organisation.
CREATE VIEW IF NOT EXISTS masked_value_org_hour AS
SELECT org_id, h.bucket_start AS bucket_start,
    sum(h.records) AS records, sum(h.masked) AS masked
FROM masked_value_hour AS h
GROUP BY org_id, bucket_start;

CREATE VIEW IF NOT EXISTS masked_value_org_day AS
SELECT org_id, toStartOfDay(h.bucket_start) AS bucket_start,
    sum(h.records) AS records, sum(h.masked) AS masked
FROM masked_value_hour AS h
GROUP BY org_id, bucket_start;

CREATE VIEW IF NOT EXISTS masked_value_org_week AS
SELECT org_id, toDateTime(toMonday(h.bucket_start), 'UTC') AS bucket_start,
    sum(h.records) AS records, sum(h.masked) AS masked
FROM masked_value_hour AS h
GROUP BY org_id, bucket_start;

-- By kind. Hours without kinds are `not told`.
CREATE VIEW IF NOT EXISTS masked_kind_hour AS
SELECT org_id, repo, bucket_start, pair.1 AS kind, pair.2 AS masked
FROM
(
    SELECT org_id, repo, bucket_start, arrayJoin(if(empty(kinds), [('not told', m.masked)],
        arrayZip(arrayMap(kind -> toString(kind), mapKeys(kinds)), mapValues(kinds)))) AS pair
    FROM masked_value_v1 AS m FINAL
    WHERE formula = (SELECT argMax(formula, switched_at) FROM rollup_formula_v1 WHERE series = 'masked_value') AND records > 0
);
