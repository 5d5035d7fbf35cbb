-- Fact: one live drill: a real agent was started on a stand-in for its model, which asked for a call that a policy denies.
-- Chain, identity, replay and retention as in 0003.
--
--   seat     random id of a user on a machine
--   result   `proved`, or what happened instead (schemas/records/drill.ts)
-- The repository may be empty: a drill without a project. The holder of a token to ingest may claim any result, as with decisions.
-- A drill is no decision and no activity: no series, register of activity or version reads it, and its hours are marked for nobody.

-- The fact.
CREATE TABLE IF NOT EXISTS drill_event_v1
(
    org_id LowCardinality(String),
    repo String,
    event_id String,
    occurred_at DateTime64(3, 'UTC'),
    seat String,
    client LowCardinality(String),
    client_version LowCardinality(String),
    result LowCardinality(String),
    trace_id String,
    ingested_at DateTime64(3, 'UTC'),
    content_hash UInt64 MATERIALIZED cityHash64(seat, client, client_version, result, trace_id)
)
ENGINE = ReplacingMergeTree(content_hash)
PARTITION BY toYYYYMM(occurred_at)
ORDER BY (org_id, repo, toStartOfHour(occurred_at), event_id, occurred_at)
TTL toDateTime(occurred_at) + toIntervalDay(730)
SETTINGS index_granularity = 2048;

CREATE VIEW IF NOT EXISTS drill_event AS SELECT * FROM drill_event_v1 FINAL;

-- Landing to fact and quarantine.
CREATE TABLE IF NOT EXISTS drill_event_in_v1
(
    org_id LowCardinality(String),
    repo String,
    event_id String,
    occurred_at DateTime64(3, 'UTC'),
    seat String,
    client LowCardinality(String),
    client_version LowCardinality(String),
    result LowCardinality(String),
    trace_id String,
    ingested_at DateTime64(3, 'UTC'),
    problem LowCardinality(String)
)
ENGINE = Null;

CREATE MATERIALIZED VIEW IF NOT EXISTS drill_event_in_mv_v1 TO drill_event_in_v1 AS
SELECT
    OrgId AS org_id,
    Repository AS repo,
    if(SpanAttributes['shieldwatch.event.id'] != '', SpanAttributes['shieldwatch.event.id'], concat(TraceId, '-', SpanId)) AS event_id,
    toDateTime64(Timestamp, 3, 'UTC') AS occurred_at,
    SpanAttributes['shieldwatch.drill.seat'] AS seat,
    SpanAttributes['shieldwatch.drill.client'] AS client,
    substring(SpanAttributes['shieldwatch.drill.client.version'], 1, 50) AS client_version,
    SpanAttributes['shieldwatch.drill.result'] AS result,
    TraceId AS trace_id,
    IngestedAt AS ingested_at,
    multiIf(
        NOT match(SpanAttributes['shieldwatch.drill.seat'], '^[0-9a-f]{32}$'), 'seat missing or malformed',
        SpanAttributes['shieldwatch.drill.client'] NOT IN ('claude-code', 'codex', 'gemini-cli'), 'client missing or unknown',
        SpanAttributes['shieldwatch.drill.result'] NOT IN ('proved', 'no_hook', 'hook_failed', 'failed_open', 'policy_allowed', 'not_reported',
            'client_failed', 'timeout'), 'result missing or unknown',
        occurred_at > IngestedAt + toIntervalDay(1), 'timestamp in the future',
        occurred_at < IngestedAt - toIntervalDay(730), 'timestamp before the oldest facts',
        '') AS problem
FROM otel_traces
WHERE OrgId != '' AND SpanName = 'shieldwatch.drill';

CREATE MATERIALIZED VIEW IF NOT EXISTS drill_event_mv_v1 TO drill_event_v1 AS
SELECT org_id, repo, event_id, occurred_at, seat, client, client_version, result, trace_id, ingested_at
FROM drill_event_in_v1
WHERE problem = '';

CREATE MATERIALIZED VIEW IF NOT EXISTS quarantine_drill_event_mv_v1 TO quarantine_v1 AS
SELECT org_id, repo, 'drill_event' AS record, event_id, occurred_at, problem, trace_id, ingested_at
FROM drill_event_in_v1
WHERE problem != '';

-- What each seat has proved, per repository and client, now.
--   state   `proved`: the newest drill proved it, within 24 hours. `failed`: the newest drill did not. `overdue`: proved, but longer ago.
--   A drill that claims a time more than 5 minutes ahead counts when that time has come: clocks of seats are not trusted.
CREATE VIEW IF NOT EXISTS drill_seat AS
SELECT org_id, repo, seat, client, argMax(d.client_version, (d.occurred_at, d.event_id)) AS client_version, count() AS drills,
    max(d.occurred_at) AS last_drill_at, argMax(d.result, (d.occurred_at, d.event_id)) AS last_result,
    countIf(d.result = 'proved') AS proofs, nullIf(maxIf(d.occurred_at, d.result = 'proved'), toDateTime64(0, 3, 'UTC')) AS last_proof_at,
    multiIf(last_result != 'proved', 'failed', last_drill_at > now64(3, 'UTC') - toIntervalDay(1), 'proved', 'overdue') AS state
FROM drill_event_v1 AS d FINAL
WHERE d.occurred_at <= now64(3, 'UTC') + toIntervalMinute(5)
GROUP BY org_id, repo, seat, client;
