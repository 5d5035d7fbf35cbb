-- Landing: what the collector's clickhouse exporter (v0.161.0) inserts, column for column, in our own DDL.
-- Writer: the collector, or the gateway's own landing where there is no collector. Reader: the views of
-- 0002 and people who look at raw telemetry. Delivery is at least once, so rows here may repeat; facts do not.
-- Key: organisation first, then the hour, so that one tenant's time range is one stretch of the table.
-- Partition: the day of arrival, not of the event: one INSERT touches one partition whatever times a
-- client claims, and a day expires as a whole.

CREATE TABLE IF NOT EXISTS otel_traces
(
    Timestamp DateTime64(9) CODEC(Delta(8), ZSTD(1)),
    TraceId String CODEC(ZSTD(1)),
    SpanId String CODEC(ZSTD(1)),
    ParentSpanId String CODEC(ZSTD(1)),
    TraceState String CODEC(ZSTD(1)),
    SpanName LowCardinality(String) CODEC(ZSTD(1)),
    SpanKind LowCardinality(String) CODEC(ZSTD(1)),
    ServiceName LowCardinality(String) CODEC(ZSTD(1)),
    ResourceAttributes Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    ScopeName String CODEC(ZSTD(1)),
    ScopeVersion String CODEC(ZSTD(1)),
    SpanAttributes Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    Duration UInt64 CODEC(ZSTD(1)),
    StatusCode LowCardinality(String) CODEC(ZSTD(1)),
    StatusMessage String CODEC(ZSTD(1)),
    Events Nested (Timestamp DateTime64(9), Name LowCardinality(String), Attributes Map(LowCardinality(String), String)) CODEC(ZSTD(1)),
    Links Nested (TraceId String, SpanId String, TraceState String, Attributes Map(LowCardinality(String), String)) CODEC(ZSTD(1)),
    -- Ours. MATERIALIZED, so an INSERT that names the exporter's columns cannot set them.
    OrgId LowCardinality(String) MATERIALIZED ResourceAttributes['shieldwatch.tenant.org_id'],
    Repository String MATERIALIZED multiIf(
        ResourceAttributes['shieldwatch.tenant.repository'] != '', ResourceAttributes['shieldwatch.tenant.repository'],
        ResourceAttributes['vcs.owner.name'] != '', concat(ResourceAttributes['vcs.owner.name'], '/', ResourceAttributes['vcs.repository.name']),
        ResourceAttributes['vcs.repository.name']),
    IngestedAt DateTime64(3, 'UTC') MATERIALIZED now64(3, 'UTC'),
    ExpiresAt DateTime('UTC') MATERIALIZED toDateTime(IngestedAt, 'UTC') + toIntervalDay(
        coalesce(nullIf(toUInt16OrZero(ResourceAttributes['shieldwatch.tenant.retention_days']), 0), 90)),
    INDEX idx_trace_id TraceId TYPE bloom_filter(0.001) GRANULARITY 1
)
ENGINE = MergeTree
PARTITION BY toDate(IngestedAt)
ORDER BY (OrgId, toStartOfHour(Timestamp), ServiceName, SpanName, Timestamp)
TTL ExpiresAt
SETTINGS ttl_only_drop_parts = 0, index_granularity = 8192;

CREATE TABLE IF NOT EXISTS otel_logs
(
    Timestamp DateTime64(9) CODEC(Delta(8), ZSTD(1)),
    TraceId String CODEC(ZSTD(1)),
    SpanId String CODEC(ZSTD(1)),
    TraceFlags UInt8,
    SeverityText LowCardinality(String) CODEC(ZSTD(1)),
    SeverityNumber UInt8,
    ServiceName LowCardinality(String) CODEC(ZSTD(1)),
    Body String CODEC(ZSTD(1)),
    ResourceSchemaUrl LowCardinality(String) CODEC(ZSTD(1)),
    ResourceAttributes Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    ScopeSchemaUrl LowCardinality(String) CODEC(ZSTD(1)),
    ScopeName String CODEC(ZSTD(1)),
    ScopeVersion LowCardinality(String) CODEC(ZSTD(1)),
    ScopeAttributes Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    LogAttributes Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    EventName String CODEC(ZSTD(1)),
    -- Ours. MATERIALIZED, so an INSERT that names the exporter's columns cannot set them.
    OrgId LowCardinality(String) MATERIALIZED ResourceAttributes['shieldwatch.tenant.org_id'],
    Repository String MATERIALIZED multiIf(
        ResourceAttributes['shieldwatch.tenant.repository'] != '', ResourceAttributes['shieldwatch.tenant.repository'],
        ResourceAttributes['vcs.owner.name'] != '', concat(ResourceAttributes['vcs.owner.name'], '/', ResourceAttributes['vcs.repository.name']),
        ResourceAttributes['vcs.repository.name']),
    IngestedAt DateTime64(3, 'UTC') MATERIALIZED now64(3, 'UTC'),
    ExpiresAt DateTime('UTC') MATERIALIZED toDateTime(IngestedAt, 'UTC') + toIntervalDay(
        coalesce(nullIf(toUInt16OrZero(ResourceAttributes['shieldwatch.tenant.retention_days']), 0), 90)),
    INDEX idx_trace_id TraceId TYPE bloom_filter(0.001) GRANULARITY 1
)
ENGINE = MergeTree
PARTITION BY toDate(IngestedAt)
ORDER BY (OrgId, toStartOfHour(Timestamp), ServiceName, Timestamp)
TTL ExpiresAt
SETTINGS ttl_only_drop_parts = 0, index_granularity = 8192;
