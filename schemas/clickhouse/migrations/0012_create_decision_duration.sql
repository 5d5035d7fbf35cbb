-- Series: how long judged calls took to judge, in microseconds at the producer. Parts, key and replay as in 0011.
--
-- Apart from blocked_command_rate because merging sketches costs more than adding counts. The sketch is a DDSketch with 1 %
-- relative error: its bytes do not depend on the order of the values.

-- Hours.
CREATE TABLE IF NOT EXISTS decision_duration_v1
(
    org_id LowCardinality(String),
    repo String,
    bucket_start DateTime('UTC'),
    formula UInt16,
    decisions UInt64,
    duration AggregateFunction(quantilesDD(0.01, 0.5, 0.95, 0.99), UInt64),
    duration_us_max UInt64,
    facts UInt64,
    facts_hash UInt64,
    version UInt64
)
ENGINE = ReplacingMergeTree(version)
PARTITION BY toYYYYMM(bucket_start)
ORDER BY (org_id, repo, bucket_start, formula)
TTL bucket_start + toIntervalDay(731)
SETTINGS index_granularity = 2048, fsync_after_insert = 0, fsync_part_directory = 0;

-- Days.
CREATE TABLE IF NOT EXISTS decision_duration_day_v1
(
    org_id LowCardinality(String),
    repo String,
    bucket_start DateTime('UTC'),
    formula UInt16,
    decisions UInt64,
    duration AggregateFunction(quantilesDD(0.01, 0.5, 0.95, 0.99), UInt64),
    duration_us_max UInt64,
    version UInt64
)
ENGINE = ReplacingMergeTree(version)
PARTITION BY toYear(bucket_start)
ORDER BY (org_id, repo, bucket_start, formula)
TTL bucket_start + toIntervalDay(731)
SETTINGS index_granularity = 256, fsync_after_insert = 0, fsync_part_directory = 0;

-- Sketches by hour and day, for readers that merge them further.
CREATE VIEW IF NOT EXISTS decision_duration AS
SELECT org_id, repo, bucket_start, decisions, duration, duration_us_max
FROM decision_duration_v1 FINAL
WHERE formula = (SELECT argMax(formula, switched_at) FROM rollup_formula_v1 WHERE series = 'decision_duration') AND decisions > 0;

CREATE VIEW IF NOT EXISTS decision_duration_sketch_day AS
SELECT org_id, repo, bucket_start, decisions, duration, duration_us_max
FROM decision_duration_day_v1 FINAL
WHERE formula = (SELECT argMax(formula, switched_at) FROM rollup_formula_v1 WHERE series = 'decision_duration') AND decisions > 0;

-- Views of a repository.
CREATE VIEW IF NOT EXISTS decision_duration_hour AS
SELECT org_id, repo, d.bucket_start AS bucket_start, sum(d.decisions) AS decisions,
    quantilesDDMerge(0.01, 0.5, 0.95, 0.99)(d.duration) AS quantiles,
    quantiles[1] AS duration_us_p50, quantiles[2] AS duration_us_p95, quantiles[3] AS duration_us_p99, max(d.duration_us_max) AS duration_us_max
FROM decision_duration AS d
GROUP BY org_id, repo, bucket_start;

CREATE VIEW IF NOT EXISTS decision_duration_day AS
SELECT org_id, repo, d.bucket_start AS bucket_start, sum(d.decisions) AS decisions,
    quantilesDDMerge(0.01, 0.5, 0.95, 0.99)(d.duration) AS quantiles,
    quantiles[1] AS duration_us_p50, quantiles[2] AS duration_us_p95, quantiles[3] AS duration_us_p99, max(d.duration_us_max) AS duration_us_max
FROM decision_duration_day_v1 AS d FINAL
WHERE formula = (SELECT argMax(formula, switched_at) FROM rollup_formula_v1 WHERE series = 'decision_duration') AND d.decisions > 0
GROUP BY org_id, repo, bucket_start;

CREATE VIEW IF NOT EXISTS decision_duration_week AS
SELECT org_id, repo, toDateTime(toMonday(d.bucket_start), 'UTC') AS bucket_start, sum(d.decisions) AS decisions,
    quantilesDDMerge(0.01, 0.5, 0.95, 0.99)(d.duration) AS quantiles,
    quantiles[1] AS duration_us_p50, quantiles[2] AS duration_us_p95, quantiles[3] AS duration_us_p99, max(d.duration_us_max) AS duration_us_max
FROM decision_duration_day_v1 AS d FINAL
WHERE formula = (SELECT argMax(formula, switched_at) FROM rollup_formula_v1 WHERE series = 'decision_duration') AND d.decisions > 0
GROUP BY org_id, repo, bucket_start;

-- Views of the organisation.
CREATE VIEW IF NOT EXISTS decision_duration_org_hour AS
SELECT org_id, d.bucket_start AS bucket_start, sum(d.decisions) AS decisions,
    quantilesDDMerge(0.01, 0.5, 0.95, 0.99)(d.duration) AS quantiles,
    quantiles[1] AS duration_us_p50, quantiles[2] AS duration_us_p95, quantiles[3] AS duration_us_p99, max(d.duration_us_max) AS duration_us_max
FROM decision_duration AS d
GROUP BY org_id, bucket_start;

CREATE VIEW IF NOT EXISTS decision_duration_org_day AS
SELECT org_id, d.bucket_start AS bucket_start, sum(d.decisions) AS decisions,
    quantilesDDMerge(0.01, 0.5, 0.95, 0.99)(d.duration) AS quantiles,
    quantiles[1] AS duration_us_p50, quantiles[2] AS duration_us_p95, quantiles[3] AS duration_us_p99, max(d.duration_us_max) AS duration_us_max
FROM decision_duration_day_v1 AS d FINAL
WHERE formula = (SELECT argMax(formula, switched_at) FROM rollup_formula_v1 WHERE series = 'decision_duration') AND d.decisions > 0
GROUP BY org_id, bucket_start;

CREATE VIEW IF NOT EXISTS decision_duration_org_week AS
SELECT org_id, toDateTime(toMonday(d.bucket_start), 'UTC') AS bucket_start, sum(d.decisions) AS decisions,
    quantilesDDMerge(0.01, 0.5, 0.95, 0.99)(d.duration) AS quantiles,
    quantiles[1] AS duration_us_p50, quantiles[2] AS duration_us_p95, quantiles[3] AS duration_us_p99, max(d.duration_us_max) AS duration_us_max
FROM decision_duration_day_v1 AS d FINAL
WHERE formula = (SELECT argMax(formula, switched_at) FROM rollup_formula_v1 WHERE series = 'decision_duration') AND d.decisions > 0
GROUP BY org_id, bucket_start;
