-- Fact: one finding of one scan. Chain, identity, replay and retention as in 0003.
--
-- Landing is otel_logs: an exporter sends each finding as a log record.
-- Key: the scan stands before the event id, so the findings of one scan are one range.
--   finding_key   the finding's identity across scans; `occurrence` numbers equal ones of one scan

-- The fact.
CREATE TABLE IF NOT EXISTS finding_v1
(
    org_id LowCardinality(String),
    repo String,
    event_id String,
    occurred_at DateTime64(3, 'UTC'),
    scan_id String,
    finding_key String,
    occurrence UInt32,
    finding_id String,
    severity LowCardinality(String),
    category LowCardinality(String),
    title String,
    file String,
    line UInt32,
    runtime_confidence LowCardinality(String),
    fingerprint String,
    trace_id String,
    ingested_at DateTime64(3, 'UTC'),
    content_hash UInt64 MATERIALIZED cityHash64(scan_id, finding_key, occurrence, finding_id, severity, category, title, file, line,
        runtime_confidence, fingerprint, trace_id)
)
ENGINE = ReplacingMergeTree(content_hash)
PARTITION BY toYYYYMM(occurred_at)
ORDER BY (org_id, repo, toStartOfHour(occurred_at), scan_id, event_id, occurred_at)
TTL toDateTime(occurred_at) + toIntervalDay(730)
SETTINGS index_granularity = 2048;

CREATE VIEW IF NOT EXISTS finding AS SELECT * FROM finding_v1 FINAL;

-- Landing to fact and quarantine. An exporter that was started before the table had the column EventName leaves it empty; then
-- the key tells that the record is a finding.
CREATE TABLE IF NOT EXISTS finding_in_v1
(
    org_id LowCardinality(String),
    repo String,
    event_id String,
    occurred_at DateTime64(3, 'UTC'),
    scan_id String,
    finding_key String,
    occurrence UInt32,
    finding_id String,
    severity LowCardinality(String),
    category LowCardinality(String),
    title String,
    file String,
    line UInt32,
    runtime_confidence LowCardinality(String),
    fingerprint String,
    trace_id String,
    ingested_at DateTime64(3, 'UTC'),
    problem LowCardinality(String)
)
ENGINE = Null;

CREATE MATERIALIZED VIEW IF NOT EXISTS finding_in_mv_v1 TO finding_in_v1 AS
SELECT
    OrgId AS org_id,
    Repository AS repo,
    if(LogAttributes['shieldwatch.event.id'] != '', LogAttributes['shieldwatch.event.id'],
        lower(hex(sipHash128(Timestamp, TraceId, SpanId, Body, LogAttributes)))) AS event_id,
    coalesce(parseDateTime64BestEffortOrNull(LogAttributes['agentshield.scan.generated_at'], 3, 'UTC'),
        toDateTime64(Timestamp, 3, 'UTC')) AS occurred_at,
    LogAttributes['agentshield.scan.id'] AS scan_id,
    LogAttributes['agentshield.finding.key'] AS finding_key,
    toUInt32OrZero(LogAttributes['agentshield.finding.occurrence']) AS occurrence,
    LogAttributes['agentshield.finding.id'] AS finding_id,
    LogAttributes['agentshield.finding.severity'] AS severity,
    LogAttributes['agentshield.finding.category'] AS category,
    LogAttributes['agentshield.finding.title'] AS title,
    LogAttributes['agentshield.finding.file'] AS file,
    toUInt32OrZero(LogAttributes['agentshield.finding.line']) AS line,
    LogAttributes['agentshield.finding.runtime_confidence'] AS runtime_confidence,
    LogAttributes['agentshield.finding.fingerprint'] AS fingerprint,
    TraceId AS trace_id,
    IngestedAt AS ingested_at,
    multiIf(
        LogAttributes['agentshield.finding.key'] = '', 'finding key missing',
        LogAttributes['agentshield.finding.severity'] NOT IN ('critical', 'high', 'medium', 'low', 'info'), 'severity unknown',
        occurred_at > IngestedAt + toIntervalDay(1), 'timestamp in the future',
        occurred_at < IngestedAt - toIntervalDay(730), 'timestamp before the oldest facts',
        Repository = '', 'repository missing',
        '') AS problem
FROM otel_logs
WHERE OrgId != ''
    AND (EventName = 'agentshield.finding' OR (EventName = '' AND LogAttributes['agentshield.finding.key'] != ''));

CREATE MATERIALIZED VIEW IF NOT EXISTS finding_mv_v1 TO finding_v1 AS
SELECT org_id, repo, event_id, occurred_at, scan_id, finding_key, occurrence, finding_id, severity, category, title, file, line, runtime_confidence,
    fingerprint, trace_id, ingested_at
FROM finding_in_v1
WHERE problem = '';

CREATE MATERIALIZED VIEW IF NOT EXISTS quarantine_finding_mv_v1 TO quarantine_v1 AS
SELECT org_id, repo, 'finding' AS record, event_id, occurred_at, problem, trace_id, ingested_at
FROM finding_in_v1
WHERE problem != '';

-- Registers (0002).
CREATE MATERIALIZED VIEW IF NOT EXISTS dirty_hour_finding_mv_v1 TO dirty_hour_v1 AS
SELECT 'finding' AS fact, org_id, repo, bucket_start, now64(3, 'UTC') AS marked_at
FROM (SELECT DISTINCT org_id, repo, toStartOfHour(occurred_at) AS bucket_start FROM finding_v1);

CREATE MATERIALIZED VIEW IF NOT EXISTS dimension_finding_mv_v1 TO dimension_v1 AS
SELECT org_id, 'category' AS dimension, toString(category) AS value, repo, min(occurred_at) AS first_seen, max(occurred_at) AS last_seen
FROM finding_v1
WHERE value != ''
GROUP BY org_id, dimension, value, repo;
