-- Landing: telemetry as OTLP delivers it. One table for spans, one for log records, one for each kind of metric point, with
-- the columns of the OpenTelemetry Collector's ClickHouse exporter (v0.161.0) and four columns more.
--
-- Writer: the collector's exporter, or the gateway where no collector runs. Delivery is at-least-once: rows may repeat.
-- Reader: the <fact>_in_mv_v1 views of the files that follow, reconcile and rebuild (schemas/clickhouse/facts.ts), people.
-- Key: organisation, then hour: the rows of one tenant and time range are one contiguous range of the table.
-- Partition: day of arrival, not of the event. An INSERT touches one partition whichever times a client claims, and rows of
-- one day expire together.
-- Replay: a batch that is sent again is stored again. Facts deduplicate, so no count changes.
-- Retention: days of the organisation's plan, stamped on the resource; 90 where it is absent.
--
-- The last four are MATERIALIZED: an INSERT that names them is refused, so no client chooses its organisation.
--   OrgId        organisation, from the resource attribute that the collector or the gateway stamps
--   Repository   the repository's one name, by the rules of canonicalRepository() in schemas/records/repository.ts: a bound
--                token's repository, else the one that vcs.* claims; ASCII letters in lower case except on hosts whose paths
--                are case-sensitive; without the host where that is github.com
--   IngestedAt   time of arrival
--   ExpiresAt    end of retention
--
-- Codec: attributes are most of the bytes on disk. ZSTD(6) stores 200,000 spans of coding agents in 57 bytes a span, ZSTD(1)
-- in 75 (npm run bench -- store disk); an INSERT of 10,000 spans takes some 10 ms more CPU. Ids do not compress.

-- Spans.
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
    ResourceAttributes Map(LowCardinality(String), String) CODEC(ZSTD(6)),
    ScopeName String CODEC(ZSTD(1)),
    ScopeVersion String CODEC(ZSTD(1)),
    SpanAttributes Map(LowCardinality(String), String) CODEC(ZSTD(6)),
    Duration UInt64 CODEC(ZSTD(1)),
    StatusCode LowCardinality(String) CODEC(ZSTD(1)),
    StatusMessage String CODEC(ZSTD(1)),
    Events Nested (Timestamp DateTime64(9), Name LowCardinality(String), Attributes Map(LowCardinality(String), String)) CODEC(ZSTD(1)),
    Links Nested (TraceId String, SpanId String, TraceState String, Attributes Map(LowCardinality(String), String)) CODEC(ZSTD(1)),
    OrgId LowCardinality(String) MATERIALIZED ResourceAttributes['shieldwatch.tenant.org_id'],
    Repository String MATERIALIZED multiIf(
        position(multiIf(
            ResourceAttributes['shieldwatch.tenant.repository'] != '', ResourceAttributes['shieldwatch.tenant.repository'],
            ResourceAttributes['vcs.owner.name'] != '', concat(ResourceAttributes['vcs.owner.name'], '/', ResourceAttributes['vcs.repository.name']),
            ResourceAttributes['vcs.repository.name']) AS claimed, '/') = 0, claimed,
        match(claimed, '(?i)^([^/]+[.])?(googlesource[.]com|amazonaws[.]com|sr[.]ht|kernel[.]org)/'),
            concat(lower(substringIndex(claimed, '/', 1)), substring(claimed, position(claimed, '/'))),
        match(claimed, '(?i)^github[.]com/[^/]+/[^/]+$'), lower(substring(claimed, 12)),
        lower(claimed)),
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

-- Log records.
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
    ResourceAttributes Map(LowCardinality(String), String) CODEC(ZSTD(6)),
    ScopeSchemaUrl LowCardinality(String) CODEC(ZSTD(1)),
    ScopeName String CODEC(ZSTD(1)),
    ScopeVersion LowCardinality(String) CODEC(ZSTD(1)),
    ScopeAttributes Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    LogAttributes Map(LowCardinality(String), String) CODEC(ZSTD(6)),
    EventName String CODEC(ZSTD(1)),
    OrgId LowCardinality(String) MATERIALIZED ResourceAttributes['shieldwatch.tenant.org_id'],
    Repository String MATERIALIZED multiIf(
        position(multiIf(
            ResourceAttributes['shieldwatch.tenant.repository'] != '', ResourceAttributes['shieldwatch.tenant.repository'],
            ResourceAttributes['vcs.owner.name'] != '', concat(ResourceAttributes['vcs.owner.name'], '/', ResourceAttributes['vcs.repository.name']),
            ResourceAttributes['vcs.repository.name']) AS claimed, '/') = 0, claimed,
        match(claimed, '(?i)^([^/]+[.])?(googlesource[.]com|amazonaws[.]com|sr[.]ht|kernel[.]org)/'),
            concat(lower(substringIndex(claimed, '/', 1)), substring(claimed, position(claimed, '/'))),
        match(claimed, '(?i)^github[.]com/[^/]+/[^/]+$'), lower(substring(claimed, 12)),
        lower(claimed)),
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

-- Metric points, one table for each kind of OTLP point. No fact is read from them: a retried batch of delta sums would count
-- twice.
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
    Exemplars Nested (FilteredAttributes Map(LowCardinality(String), String), TimeUnix DateTime, Value Float64, SpanId String,
        TraceId String) CODEC(ZSTD(1)),
    OrgId LowCardinality(String) MATERIALIZED ResourceAttributes['shieldwatch.tenant.org_id'],
    Repository String MATERIALIZED multiIf(
        position(multiIf(
            ResourceAttributes['shieldwatch.tenant.repository'] != '', ResourceAttributes['shieldwatch.tenant.repository'],
            ResourceAttributes['vcs.owner.name'] != '', concat(ResourceAttributes['vcs.owner.name'], '/', ResourceAttributes['vcs.repository.name']),
            ResourceAttributes['vcs.repository.name']) AS claimed, '/') = 0, claimed,
        match(claimed, '(?i)^([^/]+[.])?(googlesource[.]com|amazonaws[.]com|sr[.]ht|kernel[.]org)/'),
            concat(lower(substringIndex(claimed, '/', 1)), substring(claimed, position(claimed, '/'))),
        match(claimed, '(?i)^github[.]com/[^/]+/[^/]+$'), lower(substring(claimed, 12)),
        lower(claimed)),
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
    Exemplars Nested (FilteredAttributes Map(LowCardinality(String), String), TimeUnix DateTime, Value Float64, SpanId String,
        TraceId String) CODEC(ZSTD(1)),
    AggregationTemporality Int32,
    IsMonotonic Boolean,
    OrgId LowCardinality(String) MATERIALIZED ResourceAttributes['shieldwatch.tenant.org_id'],
    Repository String MATERIALIZED multiIf(
        position(multiIf(
            ResourceAttributes['shieldwatch.tenant.repository'] != '', ResourceAttributes['shieldwatch.tenant.repository'],
            ResourceAttributes['vcs.owner.name'] != '', concat(ResourceAttributes['vcs.owner.name'], '/', ResourceAttributes['vcs.repository.name']),
            ResourceAttributes['vcs.repository.name']) AS claimed, '/') = 0, claimed,
        match(claimed, '(?i)^([^/]+[.])?(googlesource[.]com|amazonaws[.]com|sr[.]ht|kernel[.]org)/'),
            concat(lower(substringIndex(claimed, '/', 1)), substring(claimed, position(claimed, '/'))),
        match(claimed, '(?i)^github[.]com/[^/]+/[^/]+$'), lower(substring(claimed, 12)),
        lower(claimed)),
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
    Exemplars Nested (FilteredAttributes Map(LowCardinality(String), String), TimeUnix DateTime, Value Float64, SpanId String,
        TraceId String) CODEC(ZSTD(1)),
    Min Float64,
    Max Float64,
    AggregationTemporality Int32,
    OrgId LowCardinality(String) MATERIALIZED ResourceAttributes['shieldwatch.tenant.org_id'],
    Repository String MATERIALIZED multiIf(
        position(multiIf(
            ResourceAttributes['shieldwatch.tenant.repository'] != '', ResourceAttributes['shieldwatch.tenant.repository'],
            ResourceAttributes['vcs.owner.name'] != '', concat(ResourceAttributes['vcs.owner.name'], '/', ResourceAttributes['vcs.repository.name']),
            ResourceAttributes['vcs.repository.name']) AS claimed, '/') = 0, claimed,
        match(claimed, '(?i)^([^/]+[.])?(googlesource[.]com|amazonaws[.]com|sr[.]ht|kernel[.]org)/'),
            concat(lower(substringIndex(claimed, '/', 1)), substring(claimed, position(claimed, '/'))),
        match(claimed, '(?i)^github[.]com/[^/]+/[^/]+$'), lower(substring(claimed, 12)),
        lower(claimed)),
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
    Exemplars Nested (FilteredAttributes Map(LowCardinality(String), String), TimeUnix DateTime, Value Float64, SpanId String,
        TraceId String) CODEC(ZSTD(1)),
    Min Float64,
    Max Float64,
    AggregationTemporality Int32,
    OrgId LowCardinality(String) MATERIALIZED ResourceAttributes['shieldwatch.tenant.org_id'],
    Repository String MATERIALIZED multiIf(
        position(multiIf(
            ResourceAttributes['shieldwatch.tenant.repository'] != '', ResourceAttributes['shieldwatch.tenant.repository'],
            ResourceAttributes['vcs.owner.name'] != '', concat(ResourceAttributes['vcs.owner.name'], '/', ResourceAttributes['vcs.repository.name']),
            ResourceAttributes['vcs.repository.name']) AS claimed, '/') = 0, claimed,
        match(claimed, '(?i)^([^/]+[.])?(googlesource[.]com|amazonaws[.]com|sr[.]ht|kernel[.]org)/'),
            concat(lower(substringIndex(claimed, '/', 1)), substring(claimed, position(claimed, '/'))),
        match(claimed, '(?i)^github[.]com/[^/]+/[^/]+$'), lower(substring(claimed, 12)),
        lower(claimed)),
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
    OrgId LowCardinality(String) MATERIALIZED ResourceAttributes['shieldwatch.tenant.org_id'],
    Repository String MATERIALIZED multiIf(
        position(multiIf(
            ResourceAttributes['shieldwatch.tenant.repository'] != '', ResourceAttributes['shieldwatch.tenant.repository'],
            ResourceAttributes['vcs.owner.name'] != '', concat(ResourceAttributes['vcs.owner.name'], '/', ResourceAttributes['vcs.repository.name']),
            ResourceAttributes['vcs.repository.name']) AS claimed, '/') = 0, claimed,
        match(claimed, '(?i)^([^/]+[.])?(googlesource[.]com|amazonaws[.]com|sr[.]ht|kernel[.]org)/'),
            concat(lower(substringIndex(claimed, '/', 1)), substring(claimed, position(claimed, '/'))),
        match(claimed, '(?i)^github[.]com/[^/]+/[^/]+$'), lower(substring(claimed, 12)),
        lower(claimed)),
    IngestedAt DateTime64(3, 'UTC') MATERIALIZED now64(3, 'UTC'),
    ExpiresAt DateTime('UTC') MATERIALIZED toDateTime(IngestedAt, 'UTC') + toIntervalDay(
        coalesce(nullIf(toUInt16OrZero(ResourceAttributes['shieldwatch.tenant.retention_days']), 0), 90))
)
ENGINE = MergeTree
PARTITION BY toDate(IngestedAt)
ORDER BY (OrgId, toStartOfHour(TimeUnix), ServiceName, MetricName, TimeUnix)
TTL ExpiresAt
SETTINGS ttl_only_drop_parts = 0, index_granularity = 8192;
