-- Fact: one log record of an agent's own telemetry: tool calls, permissions and hooks of Claude Code, Codex CLI and Gemini
-- CLI, under one set of names. Chain, replay and retention as in 0003.
--
-- Identity: these records have no id, and their sequence numbers restart when a session resumes. event_id is a hash of the
-- whole record.
-- Most agents name no repository: `repo` may be empty here.
-- Columns hold values that are safe by their kind: no commands, arguments, outputs, prompts or paths.
--   event_name     from the attribute event.name, else OTLP's field EventName, else the body (claude_code.<event>)
--   decision       `allow`, `block`, empty where there is none, `unknown` for a word that is not known here
--   decision_raw   the agent's own word
-- Codex sends no time of its own: occurred_at is then the time of observation. A call that Gemini's hook denied has no
-- decision; success is false and error_type policy_violation.

-- The fact.
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

-- Landing to fact and quarantine.
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

CREATE MATERIALIZED VIEW IF NOT EXISTS agent_event_in_mv_v1 TO agent_event_in_v1 AS
WITH
    LogAttributes['event.name'] AS named,
    '^(claude_code|codex|gemini_cli)[.]' AS of_agent,
    multiIf(startsWith(Body, 'claude_code.'), Body, match(named, of_agent), named, match(EventName, of_agent), EventName, named != '', named,
        EventName) AS name
SELECT
    OrgId AS org_id,
    Repository AS repo,
    lower(hex(sipHash128(Timestamp, TraceId, SpanId, ServiceName,
        if(name = EventName AND name NOT IN (Body, named), concat(Body, '\0', EventName), Body), mapSort(LogAttributes)))) AS event_id,
    coalesce(parseDateTime64BestEffortOrNull(LogAttributes['event.timestamp'], 3, 'UTC'), toDateTime64(Timestamp, 3, 'UTC')) AS occurred_at,
    multiIf(startsWith(name, 'claude_code.'), 'claude-code', startsWith(name, 'codex.'), 'codex', startsWith(name, 'gemini_cli.'), 'gemini-cli',
        name != '' AND ScopeName = 'com.anthropic.claude_code.events', 'claude-code', '') AS agent,
    multiIf(LogAttributes['app.version'] != '', LogAttributes['app.version'], agent = 'gemini-cli', '',
        ResourceAttributes['service.version']) AS agent_version,
    replaceRegexpOne(name, of_agent, '') AS event_name,
    if(LogAttributes['session.id'] != '', LogAttributes['session.id'], LogAttributes['conversation.id']) AS session_id,
    if(LogAttributes['prompt.id'] != '', LogAttributes['prompt.id'], LogAttributes['prompt_id']) AS prompt_id,
    if(LogAttributes['tool_name'] != '', LogAttributes['tool_name'], LogAttributes['function_name']) AS tool,
    if(LogAttributes['tool_use_id'] != '', LogAttributes['tool_use_id'], LogAttributes['call_id']) AS tool_call_id,
    multiIf(
        decision_raw IN ('accept', 'auto_accept', 'modify', 'approved', 'approved_for_session', 'approved_with_amendment',
            'approved_execpolicy_amendment',
            'approved_mcp_policy_amendment', 'approved_with_network_policy_allow'), 'allow',
        decision_raw IN ('reject', 'denied', 'denied_with_network_policy_deny', 'abort', 'timed_out'), 'block',
        decision_raw != '', 'unknown',
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

-- An unknown word for a decision is a fact and a problem: quarantine counts it by the word, where the word is of safe shape.
CREATE MATERIALIZED VIEW IF NOT EXISTS quarantine_agent_decision_mv_v1 TO quarantine_v1 AS
SELECT org_id, repo, 'agent_event' AS record, event_id, occurred_at,
    if(match(decision_raw, '^[a-z_]{1,60}$'), concat('decision unknown: ', decision_raw), 'decision unknown') AS problem, trace_id, ingested_at
FROM agent_event_in_v1 AS event
WHERE event.problem = '' AND decision = 'unknown';

-- Registers (0002).
CREATE MATERIALIZED VIEW IF NOT EXISTS dirty_hour_agent_event_mv_v1 TO dirty_hour_v1 AS
SELECT 'agent_event' AS fact, org_id, repo, bucket_start, now64(3, 'UTC') AS marked_at
FROM (SELECT DISTINCT org_id, repo, toStartOfHour(occurred_at) AS bucket_start FROM agent_event_v1);

CREATE MATERIALIZED VIEW IF NOT EXISTS producer_version_agent_event_mv_v1 TO producer_version_v1 AS
SELECT org_id, 'agent' AS producer, toString(agent) AS program, toString(agent_version) AS version, repo, min(occurred_at) AS first_seen,
    max(occurred_at) AS last_seen
FROM agent_event_v1
WHERE version != ''
GROUP BY org_id, producer, program, version, repo;
