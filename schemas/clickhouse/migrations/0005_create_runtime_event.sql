-- Fact: one judgement of a tool call by a guard, `allow`, `ask` or `block`. Chain, identity, replay and retention as in 0003.
--
-- Deduplication: the two highest bits of content_hash are the decision's strictness. Of two rows of equal identity the
-- stricter remains: an `allow` that arrives later, or earlier, never replaces a `block`.
-- Key: the primary key ends at the hour and granules have 256 rows: a job reads one hour of one repository, some hundreds of
-- rows, and ids in the primary index would only make it larger.
--   rule_name   name and position of the rule in its policy
--   rule_id     identity of the rule (security_rule.uuid), which stays when a policy is reordered; empty where no rule decided
-- The span is named agentshield.pre_tool_use; spans of older producers are named agentshield.decision.

-- The fact.
CREATE TABLE IF NOT EXISTS runtime_event_v1
(
    org_id LowCardinality(String),
    repo String,
    event_id String,
    occurred_at DateTime64(3, 'UTC'),
    session_id String,
    agent LowCardinality(String),
    tool LowCardinality(String),
    tool_call_id String,
    decision LowCardinality(String),
    reason String,
    rule_name String,
    rule_id LowCardinality(String),
    rule_category LowCardinality(String),
    duration_us UInt64,
    source LowCardinality(String),
    trace_id String,
    ingested_at DateTime64(3, 'UTC'),
    content_hash UInt64 MATERIALIZED bitOr(
        bitShiftLeft(toUInt64(transform(decision, ['block', 'ask', 'allow'], [3, 2, 1], 0)), 62),
        bitShiftRight(cityHash64(session_id, agent, tool, tool_call_id, decision, reason, rule_name, rule_id, rule_category, duration_us, source,
            trace_id), 2))
)
ENGINE = ReplacingMergeTree(content_hash)
PARTITION BY toYYYYMM(occurred_at)
PRIMARY KEY (org_id, repo, toStartOfHour(occurred_at))
ORDER BY (org_id, repo, toStartOfHour(occurred_at), event_id, occurred_at)
TTL toDateTime(occurred_at) + toIntervalDay(730)
SETTINGS index_granularity = 256;

CREATE VIEW IF NOT EXISTS runtime_event AS SELECT * FROM runtime_event_v1 FINAL;

-- Landing to fact and quarantine.
CREATE TABLE IF NOT EXISTS runtime_event_in_v1
(
    org_id LowCardinality(String),
    repo String,
    event_id String,
    occurred_at DateTime64(3, 'UTC'),
    session_id String,
    agent LowCardinality(String),
    tool LowCardinality(String),
    tool_call_id String,
    decision LowCardinality(String),
    reason String,
    rule_name String,
    rule_id LowCardinality(String),
    rule_category LowCardinality(String),
    duration_us UInt64,
    source LowCardinality(String),
    trace_id String,
    ingested_at DateTime64(3, 'UTC'),
    problem LowCardinality(String)
)
ENGINE = Null;

CREATE MATERIALIZED VIEW IF NOT EXISTS runtime_event_in_mv_v1 TO runtime_event_in_v1 AS
SELECT
    OrgId AS org_id,
    Repository AS repo,
    if(SpanAttributes['shieldwatch.event.id'] != '', SpanAttributes['shieldwatch.event.id'], concat(TraceId, '-', SpanId)) AS event_id,
    coalesce(parseDateTime64BestEffortOrNull(SpanAttributes['agentshield.decision.timestamp'], 3, 'UTC'),
        toDateTime64(Timestamp, 3, 'UTC')) AS occurred_at,
    SpanAttributes['session.id'] AS session_id,
    SpanAttributes['gen_ai.agent.name'] AS agent,
    SpanAttributes['gen_ai.tool.name'] AS tool,
    SpanAttributes['gen_ai.tool.call.id'] AS tool_call_id,
    SpanAttributes['agentshield.decision.action'] AS decision,
    SpanAttributes['agentshield.decision.reason'] AS reason,
    SpanAttributes['security_rule.name'] AS rule_name,
    SpanAttributes['security_rule.uuid'] AS rule_id,
    SpanAttributes['security_rule.category'] AS rule_category,
    ifNull(accurateCastOrNull(round(least(toFloat64OrNull(SpanAttributes['agentshield.decision.duration']), 86400000) * 1000), 'UInt64'),
        0) AS duration_us,
    SpanAttributes['shieldwatch.event.source'] AS source,
    TraceId AS trace_id,
    IngestedAt AS ingested_at,
    multiIf(
        SpanAttributes['agentshield.decision.action'] NOT IN ('allow', 'block', 'ask'), 'decision unknown',
        SpanAttributes['gen_ai.tool.name'] = '', 'tool missing',
        occurred_at > IngestedAt + toIntervalDay(1), 'timestamp in the future',
        occurred_at < IngestedAt - toIntervalDay(730), 'timestamp before the oldest facts',
        Repository = '', 'repository missing',
        '') AS problem
FROM otel_traces
WHERE OrgId != '' AND SpanName IN ('agentshield.pre_tool_use', 'agentshield.decision');

CREATE MATERIALIZED VIEW IF NOT EXISTS runtime_event_mv_v1 TO runtime_event_v1 AS
SELECT org_id, repo, event_id, occurred_at, session_id, agent, tool, tool_call_id, decision, reason, rule_name, rule_id, rule_category, duration_us,
    source, trace_id, ingested_at
FROM runtime_event_in_v1
WHERE problem = '';

CREATE MATERIALIZED VIEW IF NOT EXISTS quarantine_runtime_event_mv_v1 TO quarantine_v1 AS
SELECT org_id, repo, 'runtime_event' AS record, event_id, occurred_at, problem, trace_id, ingested_at
FROM runtime_event_in_v1
WHERE problem != '';

-- Registers (0002). The version of a guard is an attribute of the resource, which the fact does not keep: that view reads
-- landing. Decisions that came by REST bear the gateway's version and are left out.
CREATE MATERIALIZED VIEW IF NOT EXISTS dirty_hour_runtime_event_mv_v1 TO dirty_hour_v1 AS
SELECT 'runtime_event' AS fact, org_id, repo, bucket_start, now64(3, 'UTC') AS marked_at
FROM (SELECT DISTINCT org_id, repo, toStartOfHour(occurred_at) AS bucket_start FROM runtime_event_v1);

CREATE MATERIALIZED VIEW IF NOT EXISTS repository_activity_runtime_event_mv_v1 TO repository_activity_v1 AS
SELECT org_id, repo, min(occurred_at) AS first_seen, max(occurred_at) AS last_seen
FROM runtime_event_v1
GROUP BY org_id, repo;

CREATE MATERIALIZED VIEW IF NOT EXISTS dimension_runtime_event_mv_v1 TO dimension_v1 AS
SELECT org_id, pair.1 AS dimension, pair.2 AS value, repo, min(occurred_at) AS first_seen, max(occurred_at) AS last_seen
FROM (SELECT org_id, repo, occurred_at, arrayJoin([('agent', toString(agent)), ('tool', toString(tool)),
    ('rule', if(decision = 'block', rule_name, ''))]) AS pair FROM runtime_event_v1)
WHERE value != ''
GROUP BY org_id, dimension, value, repo;

CREATE MATERIALIZED VIEW IF NOT EXISTS producer_version_guard_mv_v1 TO producer_version_v1 AS
SELECT OrgId AS org_id, 'guard' AS producer, ServiceName AS program, ResourceAttributes['service.version'] AS version, Repository AS repo,
    min(at) AS first_seen, max(at) AS last_seen
FROM
(
    SELECT OrgId, ServiceName, ResourceAttributes, Repository,
        greatest(least(toDateTime64(Timestamp, 3, 'UTC'), IngestedAt), IngestedAt - toIntervalDay(730)) AS at
    FROM otel_traces
    WHERE OrgId != '' AND SpanName IN ('agentshield.pre_tool_use',
        'agentshield.decision') AND Repository != '' AND SpanAttributes['shieldwatch.event.source'] != 'rest'
)
WHERE version != ''
GROUP BY org_id, producer, program, version, repo;

-- Judgements in the order of their calls. Several hooks may judge one call (organisation, repository, session, tool call id):
-- it counts once, by its strictest judgement, of equally strict ones by the earliest, then by the least event id, and has that
-- judgement's time. A judgement without session or tool call id is a call of its own; so is one whose id was masked, since
-- many ids share one mask.
-- Writer: the view below, deleteFacts. Reader: isCounted() (schemas/clickhouse/judged-call.ts) in rollup jobs, boards, alerts
-- and explain; rollups/jobs/judged_call.affected.sql.
-- Key: the call. A job looks up the calls of one hour: they belong to few sessions and lie together. Granules of 128 rows
-- keep each look-up small. No partitions: judgements of one call may lie far apart in time.
-- Replay: a judgement that comes again replaces itself; of two that differ the stricter remains, as in runtime_event_v1.
CREATE TABLE IF NOT EXISTS call_judgement_v1
(
    org_id LowCardinality(String),
    repo String,
    session_id String,
    tool_call_id String,
    event_id String,
    occurred_at DateTime64(3, 'UTC'),
    strictness UInt8 COMMENT '3 block, 2 ask, 1 allow'
)
ENGINE = ReplacingMergeTree(strictness)
PRIMARY KEY (org_id, repo, session_id, tool_call_id)
ORDER BY (org_id, repo, session_id, tool_call_id, event_id, occurred_at)
TTL toDateTime(occurred_at) + toIntervalDay(730)
SETTINGS index_granularity = 128;

CREATE MATERIALIZED VIEW IF NOT EXISTS call_judgement_mv_v1 TO call_judgement_v1 AS
SELECT org_id, repo, session_id, tool_call_id, event_id, occurred_at, transform(decision, ['block', 'ask', 'allow'], [3, 2, 1], 0) AS strictness
FROM runtime_event_v1
WHERE session_id != '' AND tool_call_id != '' AND position(tool_call_id, '[REDACTED') = 0;
