-- What the agents themselves report: Claude Code, Codex CLI and Gemini CLI send log records of their tool
-- calls, permissions and hooks over OTLP. One row a record, the same names for all three; what the agent
-- calls a decision stays in decision_raw.
-- Writer: agent_event_mv_v1. Reader: people, and series to come. Key, folding and life as in 0003.
-- A record has no id of its own and its sequence numbers restart when a session is resumed, so a hash of
-- the whole record stands for it. Most agents name no repository: here it may be empty.
-- Only what is safe by its kind is taken over: no commands, arguments, outputs, prompts or paths.

CREATE TABLE IF NOT EXISTS agent_event_v1
(
    org_id LowCardinality(String),
    repo String,
    event_id String,
    occurred_at DateTime64(3, 'UTC'),
    agent LowCardinality(String),
    agent_version LowCardinality(String),
    event_name LowCardinality(String),
    session_id String,
    prompt_id String,
    tool LowCardinality(String),
    tool_call_id String,
    decision LowCardinality(String),
    decision_raw LowCardinality(String),
    decision_source LowCardinality(String),
    permission_mode LowCardinality(String),
    success LowCardinality(String),
    error_type LowCardinality(String),
    duration_ms UInt64,
    hook_event LowCardinality(String),
    hooks_blocking UInt32,
    trace_id String,
    ingested_at DateTime64(3, 'UTC'),
    content_hash UInt64 MATERIALIZED cityHash64(agent, agent_version, event_name, session_id, prompt_id, tool, tool_call_id, decision_raw,
        decision_source, permission_mode, success, error_type, duration_ms, hook_event, hooks_blocking, trace_id)
)
ENGINE = ReplacingMergeTree(content_hash)
PARTITION BY toYYYYMM(occurred_at)
ORDER BY (org_id, repo, toStartOfHour(occurred_at), event_id, occurred_at)
TTL toDateTime(occurred_at) + toIntervalDay(730)
SETTINGS index_granularity = 2048;

CREATE VIEW IF NOT EXISTS agent_event AS SELECT * FROM agent_event_v1 FINAL;

CREATE TABLE IF NOT EXISTS agent_event_in_v1
(
    org_id LowCardinality(String),
    repo String,
    event_id String,
    occurred_at DateTime64(3, 'UTC'),
    agent LowCardinality(String),
    agent_version LowCardinality(String),
    event_name LowCardinality(String),
    session_id String,
    prompt_id String,
    tool LowCardinality(String),
    tool_call_id String,
    decision LowCardinality(String),
    decision_raw LowCardinality(String),
    decision_source LowCardinality(String),
    permission_mode LowCardinality(String),
    success LowCardinality(String),
    error_type LowCardinality(String),
    duration_ms UInt64,
    hook_event LowCardinality(String),
    hooks_blocking UInt32,
    trace_id String,
    ingested_at DateTime64(3, 'UTC'),
    problem LowCardinality(String)
)
ENGINE = Null;

-- Claude Code puts `claude_code.<event>` into the body; Codex and Gemini put `codex.<event>` and
-- `gemini_cli.<event>` into the attribute event.name. Codex sends no time of its own: landing holds the
-- observed one. A call that Gemini's hook denied has no decision, but success false and policy_violation.
CREATE MATERIALIZED VIEW IF NOT EXISTS agent_event_in_mv_v1 TO agent_event_in_v1 AS
SELECT
    OrgId AS org_id,
    Repository AS repo,
    lower(hex(sipHash128(Timestamp, TraceId, SpanId, ServiceName, Body, mapSort(LogAttributes)))) AS event_id,
    coalesce(parseDateTime64BestEffortOrNull(LogAttributes['event.timestamp'], 3, 'UTC'), toDateTime64(Timestamp, 3, 'UTC')) AS occurred_at,
    multiIf(startsWith(Body, 'claude_code.'), 'claude-code',
        startsWith(LogAttributes['event.name'], 'codex.'), 'codex',
        startsWith(LogAttributes['event.name'], 'gemini_cli.'), 'gemini-cli', '') AS agent,
    multiIf(LogAttributes['app.version'] != '', LogAttributes['app.version'], agent = 'gemini-cli', '', ResourceAttributes['service.version']) AS agent_version,
    if(agent = 'claude-code', substring(Body, 13), substring(LogAttributes['event.name'], position(LogAttributes['event.name'], '.') + 1)) AS event_name,
    if(LogAttributes['session.id'] != '', LogAttributes['session.id'], LogAttributes['conversation.id']) AS session_id,
    if(LogAttributes['prompt.id'] != '', LogAttributes['prompt.id'], LogAttributes['prompt_id']) AS prompt_id,
    if(LogAttributes['tool_name'] != '', LogAttributes['tool_name'], LogAttributes['function_name']) AS tool,
    if(LogAttributes['tool_use_id'] != '', LogAttributes['tool_use_id'], LogAttributes['call_id']) AS tool_call_id,
    multiIf(decision_raw IN ('accept', 'auto_accept', 'modify', 'approved', 'approved_for_session', 'approved_execpolicy_amendment'), 'allow',
        decision_raw IN ('reject', 'denied', 'abort', 'timed_out'), 'block',
        agent = 'gemini-cli' AND LogAttributes['error_type'] = 'policy_violation', 'block', '') AS decision,
    LogAttributes['decision'] AS decision_raw,
    LogAttributes['source'] AS decision_source,
    LogAttributes['permission_mode'] AS permission_mode,
    LogAttributes['success'] AS success,
    LogAttributes['error_type'] AS error_type,
    toUInt64OrZero(if(LogAttributes['duration_ms'] != '', LogAttributes['duration_ms'], LogAttributes['total_duration_ms'])) AS duration_ms,
    LogAttributes['hook_event'] AS hook_event,
    toUInt32OrZero(LogAttributes['num_blocking']) AS hooks_blocking,
    TraceId AS trace_id,
    IngestedAt AS ingested_at,
    multiIf(
        occurred_at > IngestedAt + toIntervalDay(1), 'timestamp in the future',
        occurred_at < IngestedAt - toIntervalDay(730), 'timestamp before the oldest facts',
        '') AS problem
FROM otel_logs
WHERE OrgId != '' AND agent != '';

CREATE MATERIALIZED VIEW IF NOT EXISTS agent_event_mv_v1 TO agent_event_v1 AS
SELECT org_id, repo, event_id, occurred_at, agent, agent_version, event_name, session_id, prompt_id, tool, tool_call_id, decision,
    decision_raw, decision_source, permission_mode, success, error_type, duration_ms, hook_event, hooks_blocking, trace_id, ingested_at
FROM agent_event_in_v1
WHERE problem = '';

CREATE MATERIALIZED VIEW IF NOT EXISTS quarantine_agent_event_mv_v1 TO quarantine_v1 AS
SELECT org_id, repo, 'agent_event' AS record, event_id, occurred_at, problem, trace_id, ingested_at
FROM agent_event_in_v1
WHERE problem != '';

CREATE MATERIALIZED VIEW IF NOT EXISTS dirty_hour_agent_event_mv_v1 TO dirty_hour_v1 AS
SELECT 'agent_event' AS fact, org_id, repo, bucket_start, now64(3, 'UTC') AS marked_at
FROM (SELECT DISTINCT org_id, repo, toStartOfHour(occurred_at) AS bucket_start FROM agent_event_v1);
