-- Fact: one span or log record in which redaction masked something. Holds counts by kind; the values are gone.
--
-- Writer: the two views below, straight from landing: a count needs no quarantine. Reader: the job of masked_value (0016).
-- Key, deduplication, replay and retention as in 0003.
--
-- The collector and the gateway note shieldwatch.redaction.masked.<kind> on each record; clients cannot set it, both remove it
-- first. The stock collector image notes numbers without kinds (redaction.masked.count for attributes,
-- redaction.body.masked.count for bodies): their kind is `not told`.
-- Counts of a resource's own attributes stand on the resource, beside each of its records, and are not read here; the
-- collector's metric otelcol_processor_secretredaction_masked has them.

-- The fact.
CREATE TABLE IF NOT EXISTS masking_event_v1
(
    org_id LowCardinality(String),
    repo String,
    event_id String,
    occurred_at DateTime64(3, 'UTC'),
    record LowCardinality(String),
    masked UInt32,
    ingested_at DateTime64(3, 'UTC'),
    content_hash UInt64 MATERIALIZED cityHash64(record, masked),
    kinds Map(LowCardinality(String), UInt32)
)
ENGINE = ReplacingMergeTree(content_hash)
PARTITION BY toYYYYMM(occurred_at)
ORDER BY (org_id, repo, toStartOfHour(occurred_at), event_id, occurred_at)
TTL toDateTime(occurred_at) + toIntervalDay(730)
SETTINGS index_granularity = 2048;

-- Landing to fact.
CREATE MATERIALIZED VIEW IF NOT EXISTS masking_event_traces_mv_v2 TO masking_event_v1 AS
SELECT OrgId AS org_id, Repository AS repo, concat(TraceId, '-', SpanId) AS event_id, toDateTime64(Timestamp, 3, 'UTC') AS occurred_at,
    'span' AS record,
    mapFilter((kind, count) -> count > 0, mapApply((key, value) -> (multiIf(startsWith(key, 'shieldwatch.redaction.masked.'), substring(key, 30),
        'not told'), toUInt32OrZero(value)),
        mapFilter((key, value) -> startsWith(key, 'shieldwatch.redaction.masked.') OR key = 'redaction.masked.count', SpanAttributes))) AS kinds,
    toUInt32(arraySum(mapValues(kinds))) AS masked, IngestedAt AS ingested_at
FROM otel_traces
WHERE OrgId != '' AND mapContainsKeyLike(SpanAttributes, '%redaction.masked.%') AND masked > 0
    AND occurred_at BETWEEN IngestedAt - toIntervalDay(730) AND IngestedAt + toIntervalDay(1);

CREATE MATERIALIZED VIEW IF NOT EXISTS masking_event_logs_mv_v2 TO masking_event_v1 AS
SELECT OrgId AS org_id, Repository AS repo,
    lower(hex(sipHash128(Timestamp, TraceId, SpanId, ServiceName, Body, mapSort(LogAttributes)))) AS event_id,
    toDateTime64(Timestamp, 3, 'UTC') AS occurred_at, 'log' AS record,
    mapFilter((kind, count) -> count > 0, mapApply((key, value) -> (multiIf(startsWith(key, 'shieldwatch.redaction.masked.'), substring(key, 30),
        key = 'redaction.masked.count', 'not told', 'not told (body)'), toUInt32OrZero(value)),
        mapFilter((key, value) -> startsWith(key, 'shieldwatch.redaction.masked.') OR key IN ('redaction.masked.count',
            'redaction.body.masked.count'), LogAttributes))) AS kinds,
    toUInt32(arraySum(mapValues(kinds))) AS masked, IngestedAt AS ingested_at
FROM otel_logs
WHERE OrgId != '' AND mapContainsKeyLike(LogAttributes, '%redaction.%masked.%') AND masked > 0
    AND occurred_at BETWEEN IngestedAt - toIntervalDay(730) AND IngestedAt + toIntervalDay(1);

-- Register (0002).
CREATE MATERIALIZED VIEW IF NOT EXISTS dirty_hour_masking_event_mv_v1 TO dirty_hour_v1 AS
SELECT 'masking_event' AS fact, org_id, repo, bucket_start, now64(3, 'UTC') AS marked_at
FROM (SELECT DISTINCT org_id, repo, toStartOfHour(occurred_at) AS bucket_start FROM masking_event_v1);
