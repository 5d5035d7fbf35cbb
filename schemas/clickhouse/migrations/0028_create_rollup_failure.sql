-- Buckets that a rollup job could not compute, and those of later jobs that wait for them. A job goes on without such a
-- bucket, and tries it again.
--   repo, bucket_start   key of the bucket; of a session its id, and 1970-01-01
--   is_derived           the bucket itself could not be written; false: the marked key from which buckets are derived
--   attempts             failed attempts; 0: it only waits
--   waits_for            series whose failed bucket it waits for, or empty
--   reason               the engine's name for the error, such as MEMORY_LIMIT_EXCEEDED; never its text, which may quote rows
--   since                first failure, by the clock of the marks
-- Writer: the rollup worker, backfill. Reader: the rollup worker, `shieldwatch rollup status`, /readyz, /metrics, the pipeline
-- board and its alert, by the view `rollup_failure`.
-- Key: organisation, then the bucket of a job. Replay: of two passes the one that began later wins, as for the series.
-- Durability: as facts, because no mark leads to the bucket afterwards. Retention: 7 days after it was computed.
CREATE TABLE IF NOT EXISTS rollup_failure_v1
(
    org_id LowCardinality(String),
    series LowCardinality(String),
    formula UInt16,
    repo String,
    bucket_start DateTime('UTC'),
    is_derived Bool,
    is_open Bool,
    attempts UInt32,
    waits_for LowCardinality(String),
    reason LowCardinality(String),
    since DateTime64(3, 'UTC'),
    retry_at DateTime64(3, 'UTC'),
    version UInt64
)
ENGINE = ReplacingMergeTree(version)
ORDER BY (org_id, series, formula, repo, bucket_start, is_derived)
TTL toDateTime(retry_at) + toIntervalDay(7) DELETE WHERE NOT is_open;

CREATE VIEW IF NOT EXISTS rollup_failure AS
SELECT org_id, series, formula, repo, bucket_start, is_derived, attempts, waits_for, reason, since, retry_at
FROM rollup_failure_v1 FINAL
WHERE is_open;
