-- Fact: one drift that `agentshield watch` or CI reported. Chain, identity, replay and retention as in 0003.
--
--   new_findings, resolved_findings   counts as reported
--   new_list, resolved_list           the findings themselves, from the events of the span; at most 500 of each
-- The event id is made from the lists, so the content hash leaves them out.

-- The fact.
CREATE TABLE IF NOT EXISTS drift_event_v1
(
    org_id LowCardinality(String),
    repo String,
    event_id String,
    occurred_at DateTime64(3, 'UTC'),
    score_previous UInt8,
    score_current UInt8,
    score_delta Int16,
    is_regression Bool,
    has_critical Bool,
    new_findings UInt32,
    resolved_findings UInt32,
    new_list Array(Tuple(finding_key String, id String, severity String, category String, title String, file String)),
    resolved_list Array(Tuple(finding_key String, id String, severity String, category String, title String, file String)),
    trace_id String,
    ingested_at DateTime64(3, 'UTC'),
    content_hash UInt64 MATERIALIZED cityHash64(score_previous, score_current, score_delta, is_regression, has_critical, new_findings,
        resolved_findings, trace_id)
)
ENGINE = ReplacingMergeTree(content_hash)
PARTITION BY toYYYYMM(occurred_at)
ORDER BY (org_id, repo, toStartOfHour(occurred_at), event_id, occurred_at)
TTL toDateTime(occurred_at) + toIntervalDay(730)
SETTINGS index_granularity = 2048;

CREATE VIEW IF NOT EXISTS drift_event AS SELECT * FROM drift_event_v1 FINAL;

-- Landing to fact and quarantine.
CREATE TABLE IF NOT EXISTS drift_event_in_v1
(
    org_id LowCardinality(String),
    repo String,
    event_id String,
    occurred_at DateTime64(3, 'UTC'),
    score_previous UInt8,
    score_current UInt8,
    score_delta Int16,
    is_regression Bool,
    has_critical Bool,
    new_findings UInt32,
    resolved_findings UInt32,
    new_list Array(Tuple(finding_key String, id String, severity String, category String, title String, file String)),
    resolved_list Array(Tuple(finding_key String, id String, severity String, category String, title String, file String)),
    trace_id String,
    ingested_at DateTime64(3, 'UTC'),
    problem LowCardinality(String)
)
ENGINE = Null;

CREATE MATERIALIZED VIEW IF NOT EXISTS drift_event_in_mv_v1 TO drift_event_in_v1 AS
WITH arrayMap((name, a) -> (name, (a['agentshield.finding.key'], a['agentshield.finding.id'], a['agentshield.finding.severity'],
    a['agentshield.finding.category'], a['agentshield.finding.title'], a['agentshield.finding.file'])),
    Events.Name, Events.Attributes) AS listed
SELECT
    OrgId AS org_id,
    Repository AS repo,
    if(SpanAttributes['shieldwatch.event.id'] != '', SpanAttributes['shieldwatch.event.id'], concat(TraceId, '-', SpanId)) AS event_id,
    coalesce(parseDateTime64BestEffortOrNull(SpanAttributes['agentshield.drift.timestamp'], 3, 'UTC'),
        toDateTime64(Timestamp, 3, 'UTC')) AS occurred_at,
    toUInt8OrZero(SpanAttributes['agentshield.drift.score.previous']) AS score_previous,
    toUInt8OrZero(SpanAttributes['agentshield.drift.score.current']) AS score_current,
    toInt16OrZero(SpanAttributes['agentshield.drift.score.delta']) AS score_delta,
    SpanAttributes['agentshield.drift.is_regression'] = 'true' AS is_regression,
    SpanAttributes['agentshield.drift.has_critical'] = 'true' AS has_critical,
    toUInt32OrZero(SpanAttributes['agentshield.drift.findings.new']) AS new_findings,
    toUInt32OrZero(SpanAttributes['agentshield.drift.findings.resolved']) AS resolved_findings,
    arraySlice(arrayMap(finding -> finding.2, arrayFilter(finding -> finding.1 = 'agentshield.finding.new', listed)), 1, 500) AS new_list,
    arraySlice(arrayMap(finding -> finding.2, arrayFilter(finding -> finding.1 = 'agentshield.finding.resolved', listed)), 1, 500) AS resolved_list,
    TraceId AS trace_id,
    IngestedAt AS ingested_at,
    multiIf(
        ifNull(toUInt8OrNull(SpanAttributes['agentshield.drift.score.current']) > 100, true), 'score missing or out of range',
        occurred_at > IngestedAt + toIntervalDay(1), 'timestamp in the future',
        occurred_at < IngestedAt - toIntervalDay(730), 'timestamp before the oldest facts',
        Repository = '', 'repository missing',
        '') AS problem
FROM otel_traces
WHERE OrgId != '' AND SpanName = 'agentshield.drift';

CREATE MATERIALIZED VIEW IF NOT EXISTS drift_event_mv_v1 TO drift_event_v1 AS
SELECT org_id, repo, event_id, occurred_at, score_previous, score_current, score_delta, is_regression, has_critical, new_findings,
    resolved_findings, new_list, resolved_list, trace_id, ingested_at
FROM drift_event_in_v1
WHERE problem = '';

CREATE MATERIALIZED VIEW IF NOT EXISTS quarantine_drift_event_mv_v1 TO quarantine_v1 AS
SELECT org_id, repo, 'drift_event' AS record, event_id, occurred_at, problem, trace_id, ingested_at
FROM drift_event_in_v1
WHERE problem != '';

-- Registers (0002).
CREATE MATERIALIZED VIEW IF NOT EXISTS dirty_hour_drift_event_mv_v1 TO dirty_hour_v1 AS
SELECT 'drift_event' AS fact, org_id, repo, bucket_start, now64(3, 'UTC') AS marked_at
FROM (SELECT DISTINCT org_id, repo, toStartOfHour(occurred_at) AS bucket_start FROM drift_event_v1);
