-- Series, all of them tables now: what 0007 folded from facts on every read is kept up by the jobs of rollups/.
-- Writer: those jobs. Reader: boards and the API through the views of 0009, jobs that build on other jobs.
--
-- Every bucket is (organisation, repository, hour) and is replaced as a whole, see 0005. Three columns more:
--   formula      which formula made the row. A changed formula fills the same table beside the old one, the views
--                show the formula that rollup_formula_v1 names, 0 unless it says otherwise. So formula is part of the key.
--   facts        how many facts the bucket was made of
--   facts_hash   the wrapping sum of their hashes, which does not depend on order. Held against the facts every night.
-- Tables with one row a bucket need no head: the row itself is there even when nothing is left.
-- Only aggregates that no order and no split of the data can change: integer sums, extremes with a total order,
-- sets as sorted arrays, quantilesDD.

ALTER TABLE blocked_command_rate_v1 ADD COLUMN IF NOT EXISTS formula UInt16,
    MODIFY ORDER BY (org_id, repo, bucket_start, is_head, tool, agent, rule_category, formula);
ALTER TABLE blocked_command_rate_v1 ADD COLUMN IF NOT EXISTS facts UInt64, ADD COLUMN IF NOT EXISTS facts_hash UInt64;

ALTER TABLE score_trend_v1 ADD COLUMN IF NOT EXISTS formula UInt16,
    MODIFY ORDER BY (org_id, repo, bucket_start, is_head, min_severity, producer_version, formula);
ALTER TABLE score_trend_v1 ADD COLUMN IF NOT EXISTS facts UInt64, ADD COLUMN IF NOT EXISTS facts_hash UInt64;

-- How long decisions took, microseconds at the producer. Apart from the counts, because merging sketches costs
-- more than summing counts. DDSketch with 1 % relative error: the same bytes whatever the order.
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
SETTINGS index_granularity = 2048;

-- Blocked injections out of all decisions. attempts_by_text is the fallback for guards that name no rule: blocked,
-- no category, and the reason reads like an injection. It is never part of attempts.
-- finding_hashes: the injection findings that scans of the hour showed, as a set, so that a day counts each once.
CREATE TABLE IF NOT EXISTS injection_attempt_rate_v1
(
    org_id LowCardinality(String),
    repo String,
    bucket_start DateTime('UTC'),
    formula UInt16,
    attempts UInt64,
    attempts_by_text UInt64,
    decisions UInt64,
    finding_hashes Array(UInt64),
    facts UInt64,
    facts_hash UInt64,
    version UInt64
)
ENGINE = ReplacingMergeTree(version)
PARTITION BY toYYYYMM(bucket_start)
ORDER BY (org_id, repo, bucket_start, formula)
TTL bucket_start + toIntervalDay(731)
SETTINGS index_granularity = 2048;

-- Who was heard from: one row for each producer that sent something in the hour. Producers are `scan`, `guard`
-- (decisions), `watch` (drifts) and the agents by their names. Silence is what lies between two of these rows and
-- after the last; the clock makes it, so no job has to.
-- sessions: hashes of the session ids, sorted, so that sessions an agent reports can be held against those a guard saw.
CREATE TABLE IF NOT EXISTS coverage_v1
(
    org_id LowCardinality(String),
    repo String,
    bucket_start DateTime('UTC'),
    is_head Bool,
    producer LowCardinality(String),
    formula UInt16,
    events UInt64,
    last_at DateTime64(3, 'UTC'),
    sessions Array(UInt64),
    facts UInt64,
    facts_hash UInt64,
    version UInt64
)
ENGINE = ReplacingMergeTree(version)
PARTITION BY toYYYYMM(bucket_start)
ORDER BY (org_id, repo, bucket_start, is_head, producer, formula)
TTL bucket_start + toIntervalDay(731)
SETTINGS index_granularity = 2048;

-- One narrow row a scan: what the jobs below need of it, so that none of them reads scans or findings of other
-- hours to find out which scan came before or after.
--   is_counted    it looked at files; a scan of nothing says nothing
--   is_detailed   and its findings are known one by one: a summary that names only counts can neither show nor fix any
--   severity_from the lowest severity it reports, 0 info to 4 critical: it says nothing of what lies below
-- route is AgentShield's fleet rule, first match wins.
CREATE TABLE IF NOT EXISTS scan_posture_v1
(
    org_id LowCardinality(String),
    repo String,
    bucket_start DateTime('UTC'),
    is_head Bool,
    scan_at DateTime64(3, 'UTC'),
    scan_id String,
    formula UInt16,
    severity_from UInt8,
    is_counted Bool,
    is_detailed Bool,
    score UInt8,
    critical UInt32,
    high UInt32,
    medium UInt32,
    low UInt32,
    info UInt32,
    risky_packages UInt32,
    is_policy_failed Bool,
    is_regressed Bool,
    is_invalid Bool,
    route LowCardinality(String),
    facts UInt64,
    facts_hash UInt64,
    version UInt64
)
ENGINE = ReplacingMergeTree(version)
PARTITION BY toYYYYMM(bucket_start)
ORDER BY (org_id, repo, bucket_start, is_head, scan_at, scan_id, formula)
TTL bucket_start + toIntervalDay(731)
SETTINGS index_granularity = 2048;

-- The posture an hour leaves behind, and until which hour it holds: from this hour's last scan to the repository's
-- next hour with one. valid_until of the newest is the end of time. The indices let a reader that asks for one
-- moment skip what ended before it or begins after it.
CREATE TABLE IF NOT EXISTS posture_interval_v1
(
    org_id LowCardinality(String),
    repo String,
    bucket_start DateTime('UTC'),
    formula UInt16,
    valid_until DateTime('UTC'),
    scans UInt64,
    scan_id String,
    scan_at DateTime64(3, 'UTC'),
    score UInt8,
    critical UInt32,
    high UInt32,
    medium UInt32,
    low UInt32,
    info UInt32,
    risky_packages UInt32,
    is_policy_failed Bool,
    is_regressed Bool,
    is_invalid Bool,
    route LowCardinality(String),
    version UInt64,
    INDEX idx_valid_until valid_until TYPE minmax GRANULARITY 1,
    INDEX idx_bucket_start bucket_start TYPE minmax GRANULARITY 1
)
ENGINE = ReplacingMergeTree(version)
PARTITION BY toYYYYMM(bucket_start)
ORDER BY (org_id, repo, bucket_start, formula)
TTL bucket_start + toIntervalDay(731)
SETTINGS index_granularity = 2048;

-- Every appearance (change 1) and disappearance (change -1) of a finding, at the scan that first shows it or first
-- does not, compared with the scan before that looked at findings of this severity. previous_at is that scan's
-- time, 1970 where there was none. By finding key and occurrence, so moved lines change nothing.
CREATE TABLE IF NOT EXISTS finding_transition_v1
(
    org_id LowCardinality(String),
    repo String,
    bucket_start DateTime('UTC'),
    is_head Bool,
    severity LowCardinality(String),
    category LowCardinality(String),
    finding_key String,
    occurrence UInt32,
    scan_at DateTime64(3, 'UTC'),
    scan_id String,
    formula UInt16,
    change Int8,
    previous_at DateTime64(3, 'UTC'),
    title String,
    file String,
    version UInt64
)
ENGINE = ReplacingMergeTree(version)
PARTITION BY toYYYYMM(bucket_start)
ORDER BY (org_id, repo, bucket_start, is_head, severity, category, finding_key, occurrence, scan_at, scan_id, formula)
TTL bucket_start + toIntervalDay(731)
SETTINGS index_granularity = 2048;

-- Findings by severity and category: what appeared for the first time, came back, was fixed, and stood open after
-- the hour's last scan. fix_seconds is the sum over what was fixed of the time since it appeared.
CREATE TABLE IF NOT EXISTS finding_lifecycle_v1
(
    org_id LowCardinality(String),
    repo String,
    bucket_start DateTime('UTC'),
    is_head Bool,
    severity LowCardinality(String),
    category LowCardinality(String),
    formula UInt16,
    new UInt64,
    regressed UInt64,
    fixed UInt64,
    fix_seconds UInt64,
    open UInt64,
    version UInt64
)
ENGINE = ReplacingMergeTree(version)
PARTITION BY toYYYYMM(bucket_start)
ORDER BY (org_id, repo, bucket_start, is_head, severity, category, formula)
TTL bucket_start + toIntervalDay(731)
SETTINGS index_granularity = 2048;

-- Drifts as `agentshield watch` and CI report them, and beside them what scans show to have changed since the scan
-- before, by severity. The first scan of a repository is no drift.
CREATE TABLE IF NOT EXISTS drift_history_v1
(
    org_id LowCardinality(String),
    repo String,
    bucket_start DateTime('UTC'),
    formula UInt16,
    drifts UInt64,
    regressions UInt64,
    improvements UInt64,
    critical_drifts UInt64,
    score_delta_min Int16,
    score_delta_max Int16,
    score_delta_sum Int64,
    new_findings UInt64,
    resolved_findings UInt64,
    new_critical UInt64,
    new_high UInt64,
    new_medium UInt64,
    new_low UInt64,
    new_info UInt64,
    resolved_critical UInt64,
    resolved_high UInt64,
    resolved_medium UInt64,
    resolved_low UInt64,
    resolved_info UInt64,
    facts UInt64,
    facts_hash UInt64,
    version UInt64
)
ENGINE = ReplacingMergeTree(version)
PARTITION BY toYYYYMM(bucket_start)
ORDER BY (org_id, repo, bucket_start, formula)
TTL bucket_start + toIntervalDay(731)
SETTINGS index_granularity = 2048;

-- The organisation after each hour in which one of its repositories was scanned: the newest posture of every
-- repository, folded. scans is 0 where that hour's scans are gone.
CREATE TABLE IF NOT EXISTS cross_repo_org_rollup_v1
(
    org_id LowCardinality(String),
    bucket_start DateTime('UTC'),
    formula UInt16,
    scans UInt64,
    repos UInt64,
    score_sum UInt64,
    score_min UInt8,
    critical UInt64,
    high UInt64,
    medium UInt64,
    low UInt64,
    info UInt64,
    policy_failures UInt64,
    baseline_regressions UInt64,
    risky_packages UInt64,
    invalid UInt64,
    security_blocker UInt64,
    policy_review UInt64,
    baseline_regression UInt64,
    supply_chain_review UInt64,
    ready UInt64,
    version UInt64
)
ENGINE = ReplacingMergeTree(version)
PARTITION BY toYYYYMM(bucket_start)
ORDER BY (org_id, bucket_start, formula)
TTL bucket_start + toIntervalDay(731)
SETTINGS index_granularity = 2048;

-- Which formula of a series people see. Nothing here: formula 0. Writer: `shieldwatch rollup backfill --switch`.
CREATE TABLE IF NOT EXISTS rollup_formula_v1
(
    series LowCardinality(String),
    formula UInt16,
    switched_at DateTime64(6, 'UTC') DEFAULT now64(6, 'UTC')
)
ENGINE = MergeTree
ORDER BY (series, switched_at);

-- What the jobs did: one row for each INSERT into a series, the version its rows carry, what it cost, how late it
-- was. lag_ms is the age of the oldest mark that it worked off, backlog the buckets that were waiting when the pass
-- began; rows are NULL where the store does not tell them (chDB does not, of an INSERT). Counts over all organisations, nothing of any one: it has no organisation and no tenant reads it.
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

-- Records in which something was masked on the way in: the collector's redaction notes how many values it masked.
-- The number alone; what was masked is gone. Writer: the two views below. Key, folding and life as in 0003.
CREATE TABLE IF NOT EXISTS masking_event_v1
(
    org_id LowCardinality(String),
    repo String,
    event_id String,
    occurred_at DateTime64(3, 'UTC'),
    record LowCardinality(String),
    masked UInt32,
    ingested_at DateTime64(3, 'UTC'),
    content_hash UInt64 MATERIALIZED cityHash64(record, masked)
)
ENGINE = ReplacingMergeTree(content_hash)
PARTITION BY toYYYYMM(occurred_at)
ORDER BY (org_id, repo, toStartOfHour(occurred_at), event_id, occurred_at)
TTL toDateTime(occurred_at) + toIntervalDay(730)
SETTINGS index_granularity = 2048;

CREATE MATERIALIZED VIEW IF NOT EXISTS masking_event_traces_mv_v1 TO masking_event_v1 AS
SELECT OrgId AS org_id, Repository AS repo, concat(TraceId, '-', SpanId) AS event_id, toDateTime64(Timestamp, 3, 'UTC') AS occurred_at,
    'span' AS record, toUInt32OrZero(SpanAttributes['redaction.masked.count']) AS masked, IngestedAt AS ingested_at
FROM otel_traces
WHERE OrgId != '' AND masked > 0 AND occurred_at BETWEEN IngestedAt - toIntervalDay(730) AND IngestedAt + toIntervalDay(1);

CREATE MATERIALIZED VIEW IF NOT EXISTS masking_event_logs_mv_v1 TO masking_event_v1 AS
SELECT OrgId AS org_id, Repository AS repo,
    lower(hex(sipHash128(Timestamp, TraceId, SpanId, ServiceName, Body, mapSort(LogAttributes)))) AS event_id,
    toDateTime64(Timestamp, 3, 'UTC') AS occurred_at, 'log' AS record,
    toUInt32OrZero(LogAttributes['redaction.masked.count']) + toUInt32OrZero(LogAttributes['redaction.body.masked.count']) AS masked,
    IngestedAt AS ingested_at
FROM otel_logs
WHERE OrgId != '' AND masked > 0 AND occurred_at BETWEEN IngestedAt - toIntervalDay(730) AND IngestedAt + toIntervalDay(1);

CREATE MATERIALIZED VIEW IF NOT EXISTS dirty_hour_masking_event_mv_v1 TO dirty_hour_v1 AS
SELECT 'masking_event' AS fact, org_id, repo, bucket_start, now64(3, 'UTC') AS marked_at
FROM (SELECT DISTINCT org_id, repo, toStartOfHour(occurred_at) AS bucket_start FROM masking_event_v1);

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
    version UInt64
)
ENGINE = ReplacingMergeTree(version)
PARTITION BY toYYYYMM(bucket_start)
ORDER BY (org_id, repo, bucket_start, formula)
TTL bucket_start + toIntervalDay(731)
SETTINGS index_granularity = 2048;
