-- Landing of metrics, one table per OTLP point kind, as the exporter writes them. Writer, reader, key and
-- partition as in 0001. No fact is read from metric points: delta sums would count a retried batch twice.

CREATE TABLE IF NOT EXISTS otel_metrics_gauge
(
    ResourceAttributes Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    ResourceSchemaUrl String CODEC(ZSTD(1)),
    ScopeName String CODEC(ZSTD(1)),
    ScopeVersion String CODEC(ZSTD(1)),
    ScopeAttributes Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    ScopeDroppedAttrCount UInt32,
    ScopeSchemaUrl String CODEC(ZSTD(1)),
    ServiceName LowCardinality(String) CODEC(ZSTD(1)),
    MetricName LowCardinality(String) CODEC(ZSTD(1)),
    MetricDescription String CODEC(ZSTD(1)),
    MetricUnit String CODEC(ZSTD(1)),
    Attributes Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    StartTimeUnix DateTime CODEC(Delta(4), ZSTD(1)),
    TimeUnix DateTime CODEC(Delta(4), ZSTD(1)),
    Flags UInt32,
    Value Float64 CODEC(ZSTD(1)),
    Exemplars Nested (FilteredAttributes Map(LowCardinality(String), String), TimeUnix DateTime, Value Float64, SpanId String, TraceId String) CODEC(ZSTD(1)),
    -- Ours. MATERIALIZED, so an INSERT that names the exporter's columns cannot set them.
    OrgId LowCardinality(String) MATERIALIZED ResourceAttributes['shieldwatch.tenant.org_id'],
    Repository String MATERIALIZED multiIf(
        ResourceAttributes['shieldwatch.tenant.repository'] != '', ResourceAttributes['shieldwatch.tenant.repository'],
        ResourceAttributes['vcs.owner.name'] != '', concat(ResourceAttributes['vcs.owner.name'], '/', ResourceAttributes['vcs.repository.name']),
        ResourceAttributes['vcs.repository.name']),
    IngestedAt DateTime64(3, 'UTC') MATERIALIZED now64(3, 'UTC'),
    ExpiresAt DateTime('UTC') MATERIALIZED toDateTime(IngestedAt, 'UTC') + toIntervalDay(
        coalesce(nullIf(toUInt16OrZero(ResourceAttributes['shieldwatch.tenant.retention_days']), 0), 90))
)
ENGINE = MergeTree
PARTITION BY toDate(IngestedAt)
ORDER BY (OrgId, toStartOfHour(TimeUnix), ServiceName, MetricName, TimeUnix)
TTL ExpiresAt
SETTINGS ttl_only_drop_parts = 0, index_granularity = 8192;

CREATE TABLE IF NOT EXISTS otel_metrics_sum
(
    ResourceAttributes Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    ResourceSchemaUrl String CODEC(ZSTD(1)),
    ScopeName String CODEC(ZSTD(1)),
    ScopeVersion String CODEC(ZSTD(1)),
    ScopeAttributes Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    ScopeDroppedAttrCount UInt32,
    ScopeSchemaUrl String CODEC(ZSTD(1)),
    ServiceName LowCardinality(String) CODEC(ZSTD(1)),
    MetricName LowCardinality(String) CODEC(ZSTD(1)),
    MetricDescription String CODEC(ZSTD(1)),
    MetricUnit String CODEC(ZSTD(1)),
    Attributes Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    StartTimeUnix DateTime CODEC(Delta(4), ZSTD(1)),
    TimeUnix DateTime CODEC(Delta(4), ZSTD(1)),
    Flags UInt32,
    Value Float64 CODEC(ZSTD(1)),
    Exemplars Nested (FilteredAttributes Map(LowCardinality(String), String), TimeUnix DateTime, Value Float64, SpanId String, TraceId String) CODEC(ZSTD(1)),
    AggregationTemporality Int32,
    IsMonotonic Boolean,
    -- Ours. MATERIALIZED, so an INSERT that names the exporter's columns cannot set them.
    OrgId LowCardinality(String) MATERIALIZED ResourceAttributes['shieldwatch.tenant.org_id'],
    Repository String MATERIALIZED multiIf(
        ResourceAttributes['shieldwatch.tenant.repository'] != '', ResourceAttributes['shieldwatch.tenant.repository'],
        ResourceAttributes['vcs.owner.name'] != '', concat(ResourceAttributes['vcs.owner.name'], '/', ResourceAttributes['vcs.repository.name']),
        ResourceAttributes['vcs.repository.name']),
    IngestedAt DateTime64(3, 'UTC') MATERIALIZED now64(3, 'UTC'),
    ExpiresAt DateTime('UTC') MATERIALIZED toDateTime(IngestedAt, 'UTC') + toIntervalDay(
        coalesce(nullIf(toUInt16OrZero(ResourceAttributes['shieldwatch.tenant.retention_days']), 0), 90))
)
ENGINE = MergeTree
PARTITION BY toDate(IngestedAt)
ORDER BY (OrgId, toStartOfHour(TimeUnix), ServiceName, MetricName, TimeUnix)
TTL ExpiresAt
SETTINGS ttl_only_drop_parts = 0, index_granularity = 8192;

CREATE TABLE IF NOT EXISTS otel_metrics_histogram
(
    ResourceAttributes Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    ResourceSchemaUrl String CODEC(ZSTD(1)),
    ScopeName String CODEC(ZSTD(1)),
    ScopeVersion String CODEC(ZSTD(1)),
    ScopeAttributes Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    ScopeDroppedAttrCount UInt32,
    ScopeSchemaUrl String CODEC(ZSTD(1)),
    ServiceName LowCardinality(String) CODEC(ZSTD(1)),
    MetricName LowCardinality(String) CODEC(ZSTD(1)),
    MetricDescription String CODEC(ZSTD(1)),
    MetricUnit String CODEC(ZSTD(1)),
    Attributes Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    StartTimeUnix DateTime CODEC(Delta(4), ZSTD(1)),
    TimeUnix DateTime CODEC(Delta(4), ZSTD(1)),
    Flags UInt32,
    Count UInt64,
    Sum Float64,
    BucketCounts Array(UInt64) CODEC(ZSTD(1)),
    ExplicitBounds Array(Float64) CODEC(ZSTD(1)),
    Exemplars Nested (FilteredAttributes Map(LowCardinality(String), String), TimeUnix DateTime, Value Float64, SpanId String, TraceId String) CODEC(ZSTD(1)),
    Min Float64,
    Max Float64,
    AggregationTemporality Int32,
    -- Ours. MATERIALIZED, so an INSERT that names the exporter's columns cannot set them.
    OrgId LowCardinality(String) MATERIALIZED ResourceAttributes['shieldwatch.tenant.org_id'],
    Repository String MATERIALIZED multiIf(
        ResourceAttributes['shieldwatch.tenant.repository'] != '', ResourceAttributes['shieldwatch.tenant.repository'],
        ResourceAttributes['vcs.owner.name'] != '', concat(ResourceAttributes['vcs.owner.name'], '/', ResourceAttributes['vcs.repository.name']),
        ResourceAttributes['vcs.repository.name']),
    IngestedAt DateTime64(3, 'UTC') MATERIALIZED now64(3, 'UTC'),
    ExpiresAt DateTime('UTC') MATERIALIZED toDateTime(IngestedAt, 'UTC') + toIntervalDay(
        coalesce(nullIf(toUInt16OrZero(ResourceAttributes['shieldwatch.tenant.retention_days']), 0), 90))
)
ENGINE = MergeTree
PARTITION BY toDate(IngestedAt)
ORDER BY (OrgId, toStartOfHour(TimeUnix), ServiceName, MetricName, TimeUnix)
TTL ExpiresAt
SETTINGS ttl_only_drop_parts = 0, index_granularity = 8192;

CREATE TABLE IF NOT EXISTS otel_metrics_exponential_histogram
(
    ResourceAttributes Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    ResourceSchemaUrl String CODEC(ZSTD(1)),
    ScopeName String CODEC(ZSTD(1)),
    ScopeVersion String CODEC(ZSTD(1)),
    ScopeAttributes Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    ScopeDroppedAttrCount UInt32,
    ScopeSchemaUrl String CODEC(ZSTD(1)),
    ServiceName LowCardinality(String) CODEC(ZSTD(1)),
    MetricName LowCardinality(String) CODEC(ZSTD(1)),
    MetricDescription String CODEC(ZSTD(1)),
    MetricUnit String CODEC(ZSTD(1)),
    Attributes Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    StartTimeUnix DateTime CODEC(Delta(4), ZSTD(1)),
    TimeUnix DateTime CODEC(Delta(4), ZSTD(1)),
    Flags UInt32,
    Count UInt64,
    Sum Float64,
    Scale Int32,
    ZeroCount UInt64,
    PositiveOffset Int32,
    PositiveBucketCounts Array(UInt64) CODEC(ZSTD(1)),
    NegativeOffset Int32,
    NegativeBucketCounts Array(UInt64) CODEC(ZSTD(1)),
    Exemplars Nested (FilteredAttributes Map(LowCardinality(String), String), TimeUnix DateTime, Value Float64, SpanId String, TraceId String) CODEC(ZSTD(1)),
    Min Float64,
    Max Float64,
    AggregationTemporality Int32,
    -- Ours. MATERIALIZED, so an INSERT that names the exporter's columns cannot set them.
    OrgId LowCardinality(String) MATERIALIZED ResourceAttributes['shieldwatch.tenant.org_id'],
    Repository String MATERIALIZED multiIf(
        ResourceAttributes['shieldwatch.tenant.repository'] != '', ResourceAttributes['shieldwatch.tenant.repository'],
        ResourceAttributes['vcs.owner.name'] != '', concat(ResourceAttributes['vcs.owner.name'], '/', ResourceAttributes['vcs.repository.name']),
        ResourceAttributes['vcs.repository.name']),
    IngestedAt DateTime64(3, 'UTC') MATERIALIZED now64(3, 'UTC'),
    ExpiresAt DateTime('UTC') MATERIALIZED toDateTime(IngestedAt, 'UTC') + toIntervalDay(
        coalesce(nullIf(toUInt16OrZero(ResourceAttributes['shieldwatch.tenant.retention_days']), 0), 90))
)
ENGINE = MergeTree
PARTITION BY toDate(IngestedAt)
ORDER BY (OrgId, toStartOfHour(TimeUnix), ServiceName, MetricName, TimeUnix)
TTL ExpiresAt
SETTINGS ttl_only_drop_parts = 0, index_granularity = 8192;

CREATE TABLE IF NOT EXISTS otel_metrics_summary
(
    ResourceAttributes Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    ResourceSchemaUrl String CODEC(ZSTD(1)),
    ScopeName String CODEC(ZSTD(1)),
    ScopeVersion String CODEC(ZSTD(1)),
    ScopeAttributes Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    ScopeDroppedAttrCount UInt32,
    ScopeSchemaUrl String CODEC(ZSTD(1)),
    ServiceName LowCardinality(String) CODEC(ZSTD(1)),
    MetricName LowCardinality(String) CODEC(ZSTD(1)),
    MetricDescription String CODEC(ZSTD(1)),
    MetricUnit String CODEC(ZSTD(1)),
    Attributes Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    StartTimeUnix DateTime CODEC(Delta(4), ZSTD(1)),
    TimeUnix DateTime CODEC(Delta(4), ZSTD(1)),
    Flags UInt32,
    Count UInt64,
    Sum Float64,
    ValueAtQuantiles Nested (Quantile Float64, Value Float64) CODEC(ZSTD(1)),
    -- Ours. MATERIALIZED, so an INSERT that names the exporter's columns cannot set them.
    OrgId LowCardinality(String) MATERIALIZED ResourceAttributes['shieldwatch.tenant.org_id'],
    Repository String MATERIALIZED multiIf(
        ResourceAttributes['shieldwatch.tenant.repository'] != '', ResourceAttributes['shieldwatch.tenant.repository'],
        ResourceAttributes['vcs.owner.name'] != '', concat(ResourceAttributes['vcs.owner.name'], '/', ResourceAttributes['vcs.repository.name']),
        ResourceAttributes['vcs.repository.name']),
    IngestedAt DateTime64(3, 'UTC') MATERIALIZED now64(3, 'UTC'),
    ExpiresAt DateTime('UTC') MATERIALIZED toDateTime(IngestedAt, 'UTC') + toIntervalDay(
        coalesce(nullIf(toUInt16OrZero(ResourceAttributes['shieldwatch.tenant.retention_days']), 0), 90))
)
ENGINE = MergeTree
PARTITION BY toDate(IngestedAt)
ORDER BY (OrgId, toStartOfHour(TimeUnix), ServiceName, MetricName, TimeUnix)
TTL ExpiresAt
SETTINGS ttl_only_drop_parts = 0, index_granularity = 8192;
