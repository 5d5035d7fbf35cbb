-- Registers that every fact writes to: what could not become a fact, which hours changed, who reports, which values exist.
-- The materialized views that fill them stand beside each fact, in the files that follow.

-- Records that could not become a fact: a required value is missing or unknown, or the time is more than a day ahead or
-- older than the retention of facts. Stored by shape, never with content.
-- Writer: quarantine_<fact>_mv_v1. Reader: boards and people, by the view `quarantine`.
-- Key: organisation, record and problem, the columns that readers group by, then the identity.
-- Replay: a record that is delivered again replaces itself. Retention: 90 days.
CREATE TABLE IF NOT EXISTS quarantine_v1
(
    org_id LowCardinality(String),
    repo String,
    record LowCardinality(String),
    event_id String,
    occurred_at DateTime64(3, 'UTC'),
    problem LowCardinality(String),
    trace_id String,
    ingested_at DateTime64(3, 'UTC')
)
ENGINE = ReplacingMergeTree
PARTITION BY toYYYYMM(ingested_at)
ORDER BY (org_id, record, problem, repo, event_id, occurred_at)
TTL toDateTime(ingested_at) + toIntervalDay(90);

CREATE VIEW IF NOT EXISTS quarantine AS SELECT * FROM quarantine_v1 FINAL;

-- Marks of dirty hours: (fact, organisation, repository, hour) that an INSERT or a deletion changed.
-- Writer: dirty_hour_<fact>_mv_v1, deleteFacts, reconcile. Reader: the rollup worker, from its watermark on.
-- Key: fact and time of the mark, the range that a worker reads. Every worker sees every mark.
-- Replay: a second mark makes a job compute the same bucket once more; the result is the same. Retention: 30 days.
CREATE TABLE IF NOT EXISTS dirty_hour_v1
(
    fact LowCardinality(String),
    org_id LowCardinality(String),
    repo String,
    bucket_start DateTime('UTC'),
    marked_at DateTime64(3, 'UTC')
)
ENGINE = MergeTree
PARTITION BY toDate(marked_at)
ORDER BY (fact, marked_at)
TTL toDateTime(marked_at) + toIntervalDay(30);

-- First and last event of each repository.
-- Writer: repository_activity_<fact>_mv_v1. Reader: the gateway and boards, by the view `repository_activity`.
-- Key: organisation, repository. Replay: minimum and maximum do not change when an event comes again.
CREATE TABLE IF NOT EXISTS repository_activity_v1
(
    org_id LowCardinality(String),
    repo String,
    first_seen SimpleAggregateFunction(min, DateTime64(3, 'UTC')),
    last_seen SimpleAggregateFunction(max, DateTime64(3, 'UTC'))
)
ENGINE = AggregatingMergeTree
ORDER BY (org_id, repo);

CREATE VIEW IF NOT EXISTS repository_activity AS
SELECT org_id, repo, min(first_seen) AS first_seen_at, max(last_seen) AS last_seen_at
FROM repository_activity_v1
GROUP BY org_id, repo;

-- Values that people choose from, so that a variable of a board does not read millions of facts.
--   dimension   `agent` and `tool` of decisions, `rule` of decisions that blocked, `category` of findings
-- Writer: dimension_<fact>_mv_v1, and pruneDimensions (schemas/clickhouse/dimensions.ts), which removes values that no fact has
-- after a deletion. Reader: variables of boards, by the view `dimension`.
-- Key: organisation, dimension, value: what a variable asks for.
-- Replay: minimum and maximum do not change when a fact comes again. A deletion does not move first_seen or last_seen of a
-- value that remains. Retention: as that of facts.
CREATE TABLE IF NOT EXISTS dimension_v1
(
    org_id LowCardinality(String),
    dimension LowCardinality(String),
    value String,
    repo String,
    first_seen SimpleAggregateFunction(min, DateTime64(3, 'UTC')),
    last_seen SimpleAggregateFunction(max, DateTime64(3, 'UTC'))
)
ENGINE = AggregatingMergeTree
ORDER BY (org_id, dimension, value, repo)
TTL toDateTime(last_seen) + toIntervalDay(730);

CREATE VIEW IF NOT EXISTS dimension AS
SELECT org_id, dimension, value, repo, min(first_seen) AS first_seen_at, max(last_seen) AS last_seen_at
FROM dimension_v1
GROUP BY org_id, dimension, value, repo;

-- Programs that report, by version.
--   producer   `scan` (AgentShield), `guard` (senders of decisions, by service.name), `agent` (agents' own telemetry)
-- Writer: producer_version_<fact>_mv_v1, pruneDimensions. Reader: the coverage board, by the view `producer_version`.
-- Key, replay and retention as for dimension_v1.
CREATE TABLE IF NOT EXISTS producer_version_v1
(
    org_id LowCardinality(String),
    producer LowCardinality(String),
    program String,
    version String,
    repo String,
    first_seen SimpleAggregateFunction(min, DateTime64(3, 'UTC')),
    last_seen SimpleAggregateFunction(max, DateTime64(3, 'UTC'))
)
ENGINE = AggregatingMergeTree
ORDER BY (org_id, producer, program, version, repo)
TTL toDateTime(last_seen) + toIntervalDay(730);

CREATE VIEW IF NOT EXISTS producer_version AS
SELECT org_id, producer, program, version, repo, min(first_seen) AS first_seen_at, max(last_seen) AS last_seen_at
FROM producer_version_v1
GROUP BY org_id, producer, program, version, repo;
