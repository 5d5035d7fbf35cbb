-- State of the rollup jobs: how far they are, which formula is shown, what each run did. Nothing here belongs to one
-- organisation, and no tenant reads it.

-- Watermark of each job: marks at or before settled_until are done.
-- Writer, reader: the rollup worker. Key: job. Replay: the greatest settled_until remains.
CREATE TABLE IF NOT EXISTS rollup_watermark_v1
(
    job LowCardinality(String),
    settled_until DateTime64(3, 'UTC'),
    updated_at DateTime64(3, 'UTC') DEFAULT now64(3, 'UTC')
)
ENGINE = ReplacingMergeTree(settled_until)
ORDER BY job;

-- Which formula of a series is shown. No row: formula 0.
-- Writer: `shieldwatch rollup backfill`, once it is complete. Reader: every view of a series.
-- Key: series and time of the switch; the last switch counts.
CREATE TABLE IF NOT EXISTS rollup_formula_v1
(
    series LowCardinality(String),
    formula UInt16,
    switched_at DateTime64(6, 'UTC') DEFAULT now64(6, 'UTC')
)
ENGINE = MergeTree
ORDER BY (series, switched_at);

-- One row for each INSERT into a series: version of its rows, cost and lag.
--   lag_ms    age of the oldest mark that the run worked off
--   backlog   buckets that waited when the pass began
--   rows_*    NULL where the engine does not report them (chDB does not, for an INSERT)
-- Writer: the rollup worker. Reader: `shieldwatch rollup status`, explain, the pipeline board, by the views below.
-- Key: series and version, by which a point's run is found. Retention: 90 days.
CREATE TABLE IF NOT EXISTS rollup_run_v1
(
    series LowCardinality(String),
    formula UInt16,
    version UInt64,
    worker String,
    cause LowCardinality(String),
    finished_at DateTime64(3, 'UTC'),
    buckets UInt64,
    backlog UInt64,
    lag_ms UInt64,
    duration_ms UInt64,
    rows_read Nullable(UInt64),
    rows_written Nullable(UInt64)
)
ENGINE = MergeTree
PARTITION BY toDate(finished_at)
ORDER BY (series, version)
TTL toDateTime(finished_at) + toIntervalDay(90);

CREATE VIEW IF NOT EXISTS rollup_run AS
SELECT *, fromUnixTimestamp64Micro(toInt64(version), 'UTC') AS started_at FROM rollup_run_v1;

CREATE VIEW IF NOT EXISTS rollup_cost_hour AS
SELECT series, toStartOfHour(r.finished_at) AS bucket_start,
    count() AS runs, sum(r.buckets) AS buckets, max(r.backlog) AS backlog_max, max(r.lag_ms) AS lag_ms_max,
    quantileExactIf(0.95)(r.lag_ms, r.cause = 'mark') AS lag_ms_p95, sum(r.duration_ms) AS duration_ms, sum(r.rows_read) AS rows_read,
        sum(r.rows_written) AS rows_written
FROM rollup_run_v1 AS r
GROUP BY series, bucket_start;

CREATE VIEW IF NOT EXISTS rollup_cost_day AS
SELECT series, toStartOfDay(toDateTime(r.finished_at)) AS bucket_start,
    count() AS runs, sum(r.buckets) AS buckets, max(r.backlog) AS backlog_max, max(r.lag_ms) AS lag_ms_max,
    quantileExactIf(0.95)(r.lag_ms, r.cause = 'mark') AS lag_ms_p95, sum(r.duration_ms) AS duration_ms, sum(r.rows_read) AS rows_read,
        sum(r.rows_written) AS rows_written
FROM rollup_run_v1 AS r
GROUP BY series, bucket_start;

CREATE VIEW IF NOT EXISTS rollup_cost_week AS
SELECT series, toDateTime(toMonday(r.finished_at), 'UTC') AS bucket_start,
    count() AS runs, sum(r.buckets) AS buckets, max(r.backlog) AS backlog_max, max(r.lag_ms) AS lag_ms_max,
    quantileExactIf(0.95)(r.lag_ms, r.cause = 'mark') AS lag_ms_p95, sum(r.duration_ms) AS duration_ms, sum(r.rows_read) AS rows_read,
        sum(r.rows_written) AS rows_written
FROM rollup_run_v1 AS r
GROUP BY series, bucket_start;
