-- The outcome of every tool call: what one of our guards decided, joined with what the agent's own telemetry says happened.
--
-- Chain:
--   runtime_event_v1, agent_event_v1   facts
--     └─ session_event_*_mv_v1   session_event_v1     the same events in the order of their sessions
--          └─ session_hour_mv_v1 session_hour_v1      which hours and repositories a session has events in, and when it changed
--   tool_call_outcome_v1, agent_session_v1, tool_call_outcomes_v1   written by rollups/jobs/ from session_event_v1
--
-- A job recomputes whole sessions. A call's row lies in the repository and hour that its evidence gives it, so a late half can
-- move it: the job writes a head for every place that a session ever had events in, and views show rows of a place's greatest
-- version only.

-- Evidence of agents: how many hooks of a run succeeded, failed (the client ran the tool nevertheless) or were cancelled
-- (timed out), which tool a hook ran for, and the hook event of Gemini CLI, which has another name for it.
ALTER TABLE agent_event_v1
    ADD COLUMN IF NOT EXISTS hooks_succeeded UInt32 AFTER hooks_blocking,
    ADD COLUMN IF NOT EXISTS hooks_failed UInt32 AFTER hooks_succeeded,
    ADD COLUMN IF NOT EXISTS hooks_cancelled UInt32 AFTER hooks_failed;

ALTER TABLE agent_event_in_v1
    ADD COLUMN IF NOT EXISTS hooks_succeeded UInt32 AFTER hooks_blocking,
    ADD COLUMN IF NOT EXISTS hooks_failed UInt32 AFTER hooks_succeeded,
    ADD COLUMN IF NOT EXISTS hooks_cancelled UInt32 AFTER hooks_failed;

CREATE OR REPLACE VIEW agent_event AS SELECT * FROM agent_event_v1 FINAL;

ALTER TABLE agent_event_in_mv_v1 MODIFY QUERY
WITH
    LogAttributes['event.name'] AS named,
    '^(claude_code|codex|gemini_cli)[.]' AS of_agent,
    multiIf(startsWith(Body, 'claude_code.'), Body, match(named, of_agent), named, match(EventName, of_agent), EventName, named != '', named, EventName) AS name
SELECT
    OrgId AS org_id,
    Repository AS repo,
    lower(hex(sipHash128(Timestamp, TraceId, SpanId, ServiceName, if(name = EventName AND name NOT IN (Body, named), concat(Body, '\0', EventName), Body), mapSort(LogAttributes)))) AS event_id,
    coalesce(parseDateTime64BestEffortOrNull(LogAttributes['event.timestamp'], 3, 'UTC'), toDateTime64(Timestamp, 3, 'UTC')) AS occurred_at,
    multiIf(startsWith(name, 'claude_code.'), 'claude-code', startsWith(name, 'codex.'), 'codex', startsWith(name, 'gemini_cli.'), 'gemini-cli',
        name != '' AND ScopeName = 'com.anthropic.claude_code.events', 'claude-code', '') AS agent,
    multiIf(LogAttributes['app.version'] != '', LogAttributes['app.version'], agent = 'gemini-cli', '', ResourceAttributes['service.version']) AS agent_version,
    replaceRegexpOne(name, of_agent, '') AS event_name,
    multiIf(agent = 'claude-code' AND event_name = 'user_prompt', 'turn',
        agent = 'claude-code' AND event_name = 'api_request', 'model_call',
        agent = 'claude-code' AND event_name = 'tool_decision', 'tool_decision',
        agent = 'claude-code' AND event_name = 'tool_result', 'tool_result',
        agent = 'claude-code' AND event_name = 'hook_execution_complete', 'hook_run',
        agent = 'claude-code' AND event_name = 'mcp_server_connection', 'mcp_connection',
        agent = 'claude-code' AND event_name = 'permission_mode_changed', 'mode_change',
        agent = 'claude-code' AND event_name = 'api_error', 'error',
        agent = 'claude-code' AND event_name = 'internal_error', 'error',
        agent = 'codex' AND event_name = 'conversation_starts', 'session',
        agent = 'codex' AND event_name = 'user_prompt', 'turn',
        agent = 'codex' AND event_name = 'sse_event' AND LogAttributes['input_token_count'] != '', 'model_call',
        agent = 'codex' AND event_name = 'tool_decision', 'tool_decision',
        agent = 'codex' AND event_name = 'tool_result', 'tool_result',
        agent = 'gemini-cli' AND event_name = 'config', 'session',
        agent = 'gemini-cli' AND event_name = 'user_prompt', 'turn',
        agent = 'gemini-cli' AND event_name = 'api_response', 'model_call',
        agent = 'gemini-cli' AND event_name = 'tool_call', 'tool_result',
        agent = 'gemini-cli' AND event_name = 'hook_call', 'hook_run',
        agent = 'gemini-cli' AND event_name = 'approval_mode_switch', 'mode_change',
        agent = 'gemini-cli' AND event_name = 'api_error', 'error', '') AS kind,
    if(LogAttributes['session.id'] != '', LogAttributes['session.id'], LogAttributes['conversation.id']) AS session_id,
    if(LogAttributes['prompt.id'] != '', LogAttributes['prompt.id'], LogAttributes['prompt_id']) AS prompt_id,
    '' AS agent_name,
    multiIf(LogAttributes['tool_name'] != '', LogAttributes['tool_name'], LogAttributes['function_name'] != '', LogAttributes['function_name'],
        hook_event IN ('PreToolUse', 'PostToolUse', 'PostToolUseFailure', 'PermissionRequest') AND startsWith(LogAttributes['hook_name'], concat(hook_event, ':')),
        substring(LogAttributes['hook_name'], length(hook_event) + 2), '') AS tool,
    if(LogAttributes['tool_use_id'] != '', LogAttributes['tool_use_id'], LogAttributes['call_id']) AS tool_call_id,
    if(kind = 'model_call', LogAttributes['model'], '') AS model,
    if(kind = 'model_call', toUInt64OrZero(if(LogAttributes['input_tokens'] != '', LogAttributes['input_tokens'], LogAttributes['input_token_count'])), 0) AS input_tokens,
    if(kind = 'model_call', toUInt64OrZero(if(LogAttributes['output_tokens'] != '', LogAttributes['output_tokens'], LogAttributes['output_token_count'])), 0) AS output_tokens,
    if(kind = 'model_call', toFloat64OrZero(LogAttributes['cost_usd']), 0) AS cost_usd,
    multiIf(
        decision_raw IN ('accept', 'auto_accept', 'modify', 'approved', 'approved_for_session', 'approved_with_amendment', 'approved_execpolicy_amendment',
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
    if(LogAttributes['hook_event'] != '', LogAttributes['hook_event'], LogAttributes['hook_event_name']) AS hook_event,
    toUInt32OrZero(LogAttributes['num_blocking']) AS hooks_blocking,
    if(agent = 'gemini-cli', toUInt32(kind = 'hook_run' AND success = 'true'), toUInt32OrZero(LogAttributes['num_success'])) AS hooks_succeeded,
    if(agent = 'gemini-cli', toUInt32(kind = 'hook_run' AND success = 'false'), toUInt32OrZero(LogAttributes['num_non_blocking_error'])) AS hooks_failed,
    toUInt32OrZero(LogAttributes['num_cancelled']) AS hooks_cancelled,
    TraceId AS trace_id,
    IngestedAt AS ingested_at,
    multiIf(
        occurred_at > IngestedAt + toIntervalDay(1), 'timestamp in the future',
        occurred_at < IngestedAt - toIntervalDay(730), 'timestamp before the oldest facts',
        '') AS problem
FROM otel_logs
WHERE OrgId != '' AND agent != '';

ALTER TABLE agent_event_span_in_mv_v1 MODIFY QUERY
SELECT
    OrgId AS org_id,
    Repository AS repo,
    lower(hex(sipHash128(Timestamp, TraceId, SpanId, SpanName, Duration, StatusCode, ServiceName, mapSort(SpanAttributes)))) AS event_id,
    toDateTime64(Timestamp, 3, 'UTC') AS occurred_at,
    transform(ScopeName, ['pydantic-ai', 'gcp.vertex.agent', 'strands.telemetry.tracer', 'shieldwatch', 'openinference.instrumentation.langchain', 'openinference.instrumentation.openai_agents', 'openinference.instrumentation.crewai', 'openinference.instrumentation.llama_index', 'openinference.instrumentation.autogen_agentchat', 'openinference.instrumentation.smolagents', 'ai', 'opentelemetry.instrumentation.langchain', 'opentelemetry.instrumentation.openai_agents', 'opentelemetry.instrumentation.crewai', 'opentelemetry.instrumentation.llamaindex'], ['pydantic-ai', 'google-adk', 'strands-agents', 'shieldwatch', 'langchain', 'openai-agents', 'crewai', 'llama-index', 'autogen', 'smolagents', 'vercel-ai', 'langchain', 'openai-agents', 'crewai', 'llama-index'], 'gen-ai') AS agent,
    ScopeVersion AS agent_version,
    arrayFirst(value -> value != '', [SpanAttributes['gen_ai.operation.name'], SpanAttributes['openinference.span.kind'], SpanAttributes['ai.operationId'], SpanAttributes['traceloop.span.kind'], SpanAttributes['mcp.method.name']]) AS event_name,
    multiIf(SpanAttributes['gen_ai.operation.name'] IN ('chat', 'generate_content', 'text_completion', 'embeddings'), 'model_call',
        SpanAttributes['gen_ai.operation.name'] IN ('execute_tool'), 'tool_call',
        SpanAttributes['gen_ai.operation.name'] IN ('invoke_agent', 'invoke_workflow'), 'turn',
        SpanAttributes['openinference.span.kind'] IN ('LLM', 'EMBEDDING'), 'model_call',
        SpanAttributes['openinference.span.kind'] IN ('TOOL'), 'tool_call',
        SpanAttributes['openinference.span.kind'] IN ('AGENT'), 'turn',
        SpanAttributes['ai.operationId'] IN ('ai.generateText', 'ai.streamText', 'ai.generateObject', 'ai.streamObject'), 'turn',
        SpanAttributes['ai.operationId'] IN ('ai.generateText.doGenerate', 'ai.streamText.doStream', 'ai.generateObject.doGenerate', 'ai.streamObject.doStream', 'ai.embed.doEmbed', 'ai.embedMany.doEmbed'), 'model_call',
        SpanAttributes['ai.operationId'] IN ('ai.toolCall'), 'tool_call',
        SpanAttributes['traceloop.span.kind'] IN ('tool'), 'tool_call',
        SpanAttributes['traceloop.span.kind'] IN ('agent', 'workflow'), 'turn',
        SpanAttributes['mcp.method.name'] IN ('initialize'), 'mcp_connection', '') AS kind,
    arrayFirst(value -> value != '', [SpanAttributes['gen_ai.conversation.id'], SpanAttributes['session.id'], SpanAttributes['ai.telemetry.metadata.sessionId'], SpanAttributes['traceloop.association.properties.session_id'], SpanAttributes['traceloop.association.properties.thread_id'], SpanAttributes['mcp.session.id']]) AS session_id,
    '' AS prompt_id,
    arrayFirst(value -> value != '', [SpanAttributes['gen_ai.agent.name'], SpanAttributes['agent.name'], SpanAttributes['ai.telemetry.functionId'], SpanAttributes['traceloop.workflow.name']]) AS agent_name,
    arrayFirst(value -> value != '', [SpanAttributes['gen_ai.tool.name'], SpanAttributes['tool.name'], SpanAttributes['ai.toolCall.name']]) AS tool,
    replaceRegexpOne(arrayFirst(value -> value != '', [SpanAttributes['gen_ai.tool.call.id'], SpanAttributes['tool_call.id'], SpanAttributes['tool.id'], SpanAttributes['ai.toolCall.id']]), '^<.*>$', '') AS tool_call_id,
    if(kind = 'model_call', arrayFirst(value -> value != '', [SpanAttributes['gen_ai.response.model'], SpanAttributes['gen_ai.request.model'], SpanAttributes['llm.model_name'], SpanAttributes['embedding.model_name'], SpanAttributes['ai.response.model'], SpanAttributes['ai.model.id']]), '') AS model,
    if(kind = 'model_call', toUInt64OrZero(arrayFirst(value -> value != '', [SpanAttributes['gen_ai.usage.input_tokens'], SpanAttributes['gen_ai.usage.prompt_tokens'], SpanAttributes['llm.token_count.prompt'], SpanAttributes['ai.usage.inputTokens'], SpanAttributes['ai.usage.promptTokens'], SpanAttributes['ai.usage.tokens']])), 0) AS input_tokens,
    if(kind = 'model_call', toUInt64OrZero(arrayFirst(value -> value != '', [SpanAttributes['gen_ai.usage.output_tokens'], SpanAttributes['gen_ai.usage.completion_tokens'], SpanAttributes['llm.token_count.completion'], SpanAttributes['ai.usage.outputTokens'], SpanAttributes['ai.usage.completionTokens']])), 0) AS output_tokens,
    toFloat64(0) AS cost_usd,
    if(ScopeName = 'shieldwatch' AND error_type = 'ToolBlockedError', 'block', '') AS decision,
    '' AS decision_raw,
    '' AS decision_source,
    '' AS permission_mode,
    if(StatusCode = 'Error', 'false', 'true') AS success,
    if(StatusCode != 'Error', '', coalesce(nullIf(arrayFirst(value -> value != '', [SpanAttributes['error.type']]), ''), Events.Attributes[indexOf(Events.Name, 'exception')]['exception.type'])) AS error_type,
    intDiv(Duration, 1000000) AS duration_ms,
    '' AS hook_event,
    toUInt32(0) AS hooks_blocking,
    toUInt32(0) AS hooks_succeeded,
    toUInt32(0) AS hooks_failed,
    toUInt32(0) AS hooks_cancelled,
    TraceId AS trace_id,
    IngestedAt AS ingested_at,
    multiIf(
        occurred_at > IngestedAt + toIntervalDay(1), 'timestamp in the future',
        occurred_at < IngestedAt - toIntervalDay(730), 'timestamp before the oldest facts',
        '') AS problem
FROM otel_traces
WHERE OrgId != '' AND ScopeName NOT IN ('com.anthropic.claude_code.tracing', 'gemini-cli') AND NOT startsWith(SpanName, 'agentshield.') AND event_name != '';

ALTER TABLE agent_event_mv_v1 MODIFY QUERY
SELECT org_id, repo, event_id, occurred_at, agent, agent_version, event_name, kind, session_id, prompt_id, agent_name, tool, tool_call_id,
    model, input_tokens, output_tokens, cost_usd, decision, decision_raw, decision_source, permission_mode, success, error_type,
    duration_ms, hook_event, hooks_blocking, hooks_succeeded, hooks_failed, hooks_cancelled, trace_id, ingested_at
FROM agent_event_in_v1
WHERE problem = '';

-- Evidence in the order of sessions: every judgement, and every event of an agent that says something about a session or a
-- tool call. An event without a session belongs to its trace, without a trace to itself; a masked tool call id is none, because
-- many ids share one mask.
--   fact    'runtime_event' or 'agent_event', whose event_id, occurred_at and repo identify the row
--   kind    'judgement', or that of agent_event
--   duration_us   of a judgement; for agents their milliseconds in microseconds
-- Writer: the views below, deleteFacts, moveRepository. Reader: the jobs of the ledger.
-- Key: the session, whose events a job reads together, then the identity. Granules of 256 rows keep each look-up small. No
-- partitions: events of one session may lie far apart in time.
-- Replay: as in the fact tables: of two rows of equal identity the greater content hash remains.
CREATE TABLE IF NOT EXISTS session_event_v1
(
    org_id LowCardinality(String),
    session_id String,
    fact LowCardinality(String),
    repo String,
    event_id String,
    occurred_at DateTime64(3, 'UTC'),
    agent LowCardinality(String),
    agent_name String,
    agent_version LowCardinality(String),
    event_name LowCardinality(String),
    kind LowCardinality(String),
    tool LowCardinality(String),
    tool_call_id String,
    model LowCardinality(String),
    input_tokens UInt64,
    output_tokens UInt64,
    cost_usd Float64,
    decision LowCardinality(String),
    decision_source LowCardinality(String),
    permission_mode LowCardinality(String),
    success LowCardinality(String),
    error_type LowCardinality(String),
    duration_us UInt64,
    hook_event LowCardinality(String),
    hooks_blocking UInt32,
    hooks_succeeded UInt32,
    hooks_failed UInt32,
    hooks_cancelled UInt32,
    source LowCardinality(String),
    rule_id LowCardinality(String),
    rule_name String,
    rule_category LowCardinality(String),
    reason String,
    content_hash UInt64
)
ENGINE = ReplacingMergeTree(content_hash)
PRIMARY KEY (org_id, session_id)
ORDER BY (org_id, session_id, fact, event_id, occurred_at, repo)
TTL toDateTime(occurred_at) + toIntervalDay(730)
SETTINGS index_granularity = 256;

-- Places of a session: hours and repositories in which it has, or had, events; and when it last changed, which is the mark by
-- which the jobs of the ledger find it. Rows stay when events are deleted, so that a job can empty what it wrote there.
-- Writer: the view below, deleteFacts. Reader: the rollup worker, the jobs of the ledger.
-- Key: session, then place. Replay: the greatest time of change remains. Retention: 731 days, as series.
CREATE TABLE IF NOT EXISTS session_hour_v1
(
    org_id LowCardinality(String),
    session_id String,
    repo String,
    bucket_start DateTime('UTC'),
    marked_at DateTime64(3, 'UTC'),
    INDEX session_hour_marked_at marked_at TYPE minmax GRANULARITY 1
)
ENGINE = ReplacingMergeTree(marked_at)
PRIMARY KEY (org_id, session_id)
ORDER BY (org_id, session_id, repo, bucket_start)
TTL bucket_start + toIntervalDay(731)
SETTINGS index_granularity = 256;

CREATE MATERIALIZED VIEW IF NOT EXISTS session_hour_mv_v1 TO session_hour_v1 AS
SELECT org_id, session_id, repo, bucket_start, now64(3, 'UTC') AS marked_at
FROM (SELECT DISTINCT org_id, session_id, repo, toStartOfHour(occurred_at) AS bucket_start FROM session_event_v1);

CREATE MATERIALIZED VIEW IF NOT EXISTS session_event_runtime_event_mv_v1 TO session_event_v1 AS
SELECT e.org_id AS org_id,
    multiIf(e.session_id != '' AND position(e.session_id, '[REDACTED') = 0, e.session_id, e.trace_id != '', e.trace_id, e.event_id) AS session_id,
    'runtime_event' AS fact, e.repo AS repo, e.event_id AS event_id, e.occurred_at AS occurred_at, e.agent AS agent,
    '' AS agent_name, '' AS agent_version, '' AS event_name, 'judgement' AS kind, e.tool AS tool,
    if(position(e.tool_call_id, '[REDACTED') = 0, e.tool_call_id, '') AS tool_call_id, '' AS model,
    toUInt64(0) AS input_tokens, toUInt64(0) AS output_tokens, toFloat64(0) AS cost_usd, e.decision AS decision,
    '' AS decision_source, '' AS permission_mode, '' AS success, '' AS error_type, e.duration_us AS duration_us,
    '' AS hook_event, toUInt32(0) AS hooks_blocking, toUInt32(0) AS hooks_succeeded, toUInt32(0) AS hooks_failed,
    toUInt32(0) AS hooks_cancelled, e.source AS source, e.rule_id AS rule_id, e.rule_name AS rule_name,
    e.rule_category AS rule_category, e.reason AS reason, e.content_hash AS content_hash
FROM runtime_event_v1 AS e;

CREATE MATERIALIZED VIEW IF NOT EXISTS session_event_agent_event_mv_v1 TO session_event_v1 AS
SELECT e.org_id AS org_id,
    multiIf(e.session_id != '' AND position(e.session_id, '[REDACTED') = 0, e.session_id, e.trace_id != '', e.trace_id, e.event_id) AS session_id,
    'agent_event' AS fact, e.repo AS repo, e.event_id AS event_id, e.occurred_at AS occurred_at, e.agent AS agent,
    e.agent_name AS agent_name, e.agent_version AS agent_version, e.event_name AS event_name, e.kind AS kind, e.tool AS tool,
    if(position(e.tool_call_id, '[REDACTED') = 0, e.tool_call_id, '') AS tool_call_id, e.model AS model,
    e.input_tokens AS input_tokens, e.output_tokens AS output_tokens, e.cost_usd AS cost_usd, e.decision AS decision,
    e.decision_source AS decision_source, e.permission_mode AS permission_mode, e.success AS success,
    e.error_type AS error_type, e.duration_ms * 1000 AS duration_us, e.hook_event AS hook_event,
    e.hooks_blocking AS hooks_blocking, e.hooks_succeeded AS hooks_succeeded, e.hooks_failed AS hooks_failed,
    e.hooks_cancelled AS hooks_cancelled, '' AS source, '' AS rule_id, '' AS rule_name, '' AS rule_category, '' AS reason,
    e.content_hash AS content_hash
FROM agent_event_v1 AS e
WHERE (e.kind != '' OR e.event_name IN ('hook_registered', 'api_request'))
    AND (e.session_id != '' OR e.trace_id != '' OR e.kind IN ('tool_call', 'tool_decision', 'tool_result'));

-- The ledger: one row per tool call. Its values and the table of outcomes: schemas/clickhouse/tool-call-outcome.ts.
--   repo           the judgement's; of a call without one that of its session's judgements; else what the telemetry claims
--   repo_source    'hook', 'session', 'telemetry', or empty: which of these it was
--   repo_claimed   what the telemetry claims, where it contradicts
--   tool_call_id   the client's; of a call without one derived from session, tool and order
--   is_inferred    two parts were joined, or the outcome was decided, by order and not by an id
--   occurred_at    earliest evidence; the stages are NULL where nothing tells of them
--   missing        of an unknown outcome: which halves
-- Writer: rollups/jobs/tool_call_outcome.sql. Reader: people, boards, API, explain, by the views; rollups/jobs/.
-- Key: a place (organisation, repository, hour) as in 0011, and within it the session. Bucket and head: the session in a place.
-- Replay and durability as in 0011.
CREATE TABLE IF NOT EXISTS tool_call_outcome_v1
(
    org_id LowCardinality(String),
    repo String,
    bucket_start DateTime('UTC'),
    session_id String,
    is_head Bool,
    tool_call_id String,
    formula UInt16,
    repo_source LowCardinality(String),
    repo_claimed String,
    is_inferred Bool,
    agent LowCardinality(String),
    agent_name String,
    tool LowCardinality(String),
    occurred_at DateTime64(3, 'UTC'),
    asked_at Nullable(DateTime64(3, 'UTC')),
    judged_at Nullable(DateTime64(3, 'UTC')),
    decided_at Nullable(DateTime64(3, 'UTC')),
    ran_at Nullable(DateTime64(3, 'UTC')),
    result_at Nullable(DateTime64(3, 'UTC')),
    judgement LowCardinality(String),
    judged_by Array(LowCardinality(String)),
    rule_id LowCardinality(String),
    rule_name String,
    rule_category LowCardinality(String),
    reason String,
    judge_duration_us UInt64,
    agent_decision LowCardinality(String),
    agent_decision_source LowCardinality(String),
    permission_mode LowCardinality(String),
    success LowCardinality(String),
    error_type LowCardinality(String),
    duration_ms UInt64,
    has_run Bool,
    is_judged_in_time Bool,
    outcome LowCardinality(String),
    cause LowCardinality(String),
    missing Array(LowCardinality(String)),
    judgement_ids Array(String),
    agent_event_ids Array(String),
    version UInt64
)
ENGINE = ReplacingMergeTree(version)
PARTITION BY toYYYYMM(bucket_start)
PRIMARY KEY (org_id, repo, bucket_start, session_id)
ORDER BY (org_id, repo, bucket_start, session_id, is_head, tool_call_id, formula)
TTL bucket_start + toIntervalDay(731)
SETTINGS index_granularity = 1024, fsync_after_insert = 0, fsync_part_directory = 0;

CREATE VIEW IF NOT EXISTS tool_call_outcome AS
SELECT org_id, repo, bucket_start, repo_source, repo_claimed, session_id, tool_call_id, is_inferred, agent, agent_name, tool, occurred_at,
    asked_at, judged_at, decided_at, ran_at, result_at, judgement, judged_by, rule_id, rule_name, rule_category, reason, judge_duration_us,
    agent_decision, agent_decision_source, permission_mode, success, error_type, duration_ms, has_run, is_judged_in_time, outcome, cause,
    missing, judgement_ids, agent_event_ids
FROM
(
    SELECT *, max(version) OVER (PARTITION BY org_id, repo, bucket_start, session_id) AS head_version
    FROM tool_call_outcome_v1 FINAL
    WHERE formula = (SELECT argMax(formula, switched_at) FROM rollup_formula_v1 WHERE series = 'tool_call_outcome')
)
WHERE version = head_version AND NOT is_head;

-- One row per session: who, where, when, what it used and how its calls ended.
--   outcomes   calls by outcome
-- Writer: rollups/jobs/agent_session.sql. Reader: the API and boards, by the view. Key: the session.
-- Replay: the greatest version remains. A session whose events are all deleted has events = 0 and is not shown.
CREATE TABLE IF NOT EXISTS agent_session_v1
(
    org_id LowCardinality(String),
    session_id String,
    formula UInt16,
    agent LowCardinality(String),
    agent_name String,
    agent_version LowCardinality(String),
    repo String,
    repo_source LowCardinality(String),
    repo_claimed String,
    started_at DateTime64(3, 'UTC'),
    last_at DateTime64(3, 'UTC'),
    permission_modes Array(LowCardinality(String)),
    events UInt64,
    tool_calls UInt64,
    outcomes Map(LowCardinality(String), UInt64),
    models Array(LowCardinality(String)),
    input_tokens UInt64,
    output_tokens UInt64,
    cost_usd Float64,
    version UInt64
)
ENGINE = ReplacingMergeTree(version)
ORDER BY (org_id, session_id, formula)
TTL toDateTime(last_at) + toIntervalDay(731)
SETTINGS index_granularity = 1024, fsync_after_insert = 0, fsync_part_directory = 0;

CREATE VIEW IF NOT EXISTS agent_session AS
SELECT org_id, session_id, agent, agent_name, agent_version, repo, repo_source, repo_claimed, started_at, last_at, permission_modes, tool_calls,
    outcomes, models, input_tokens, output_tokens, cost_usd
FROM agent_session_v1 FINAL
WHERE formula = (SELECT argMax(formula, switched_at) FROM rollup_formula_v1 WHERE series = 'agent_session') AND events > 0;

-- Series: tool calls by outcome and cause, agent, tool and rule. Parts, key and replay as in 0011.
--   calls    all, by occurred_at
--   ran      of them those that ran, by the agent's own telemetry
--   judged   of those, the ones that one of our guards judged in time
-- judged / ran is the share of calls that were judged; where it is below 1, `cause` of the others says why.
CREATE TABLE IF NOT EXISTS tool_call_outcomes_v1
(
    org_id LowCardinality(String),
    repo String,
    bucket_start DateTime('UTC'),
    is_head Bool,
    outcome LowCardinality(String),
    cause LowCardinality(String),
    agent LowCardinality(String),
    tool LowCardinality(String),
    rule_id LowCardinality(String),
    rule_category LowCardinality(String),
    formula UInt16,
    calls UInt64,
    ran UInt64,
    judged UInt64,
    version UInt64
)
ENGINE = ReplacingMergeTree(version)
PARTITION BY toYYYYMM(bucket_start)
PRIMARY KEY (org_id, repo, bucket_start, is_head, outcome)
ORDER BY (org_id, repo, bucket_start, is_head, outcome, cause, agent, tool, rule_id, rule_category, formula)
TTL bucket_start + toIntervalDay(731)
SETTINGS index_granularity = 2048, fsync_after_insert = 0, fsync_part_directory = 0;

-- Views of a repository.
CREATE VIEW IF NOT EXISTS tool_call_outcomes_hour AS
SELECT org_id, repo, bucket_start, outcome, cause, agent, tool, rule_id, rule_category, calls, ran, judged
FROM
(
    SELECT *, max(version) OVER (PARTITION BY org_id, repo, bucket_start) AS head_version
    FROM tool_call_outcomes_v1 FINAL
    WHERE formula = (SELECT argMax(formula, switched_at) FROM rollup_formula_v1 WHERE series = 'tool_call_outcomes')
)
WHERE version = head_version AND NOT is_head;

CREATE VIEW IF NOT EXISTS tool_call_outcomes_day AS
SELECT org_id, repo, toStartOfDay(h.bucket_start) AS bucket_start, outcome, cause, agent, tool, rule_id, rule_category,
    sum(h.calls) AS calls, sum(h.ran) AS ran, sum(h.judged) AS judged
FROM tool_call_outcomes_hour AS h
GROUP BY org_id, repo, bucket_start, outcome, cause, agent, tool, rule_id, rule_category;

CREATE VIEW IF NOT EXISTS tool_call_outcomes_week AS
SELECT org_id, repo, toDateTime(toMonday(h.bucket_start), 'UTC') AS bucket_start, outcome, cause, agent, tool, rule_id, rule_category,
    sum(h.calls) AS calls, sum(h.ran) AS ran, sum(h.judged) AS judged
FROM tool_call_outcomes_hour AS h
GROUP BY org_id, repo, bucket_start, outcome, cause, agent, tool, rule_id, rule_category;

-- Views of the organisation.
CREATE VIEW IF NOT EXISTS tool_call_outcomes_org_hour AS
SELECT org_id, h.bucket_start AS bucket_start, outcome, cause, agent, tool, rule_id, rule_category,
    sum(h.calls) AS calls, sum(h.ran) AS ran, sum(h.judged) AS judged
FROM tool_call_outcomes_hour AS h
GROUP BY org_id, bucket_start, outcome, cause, agent, tool, rule_id, rule_category;

CREATE VIEW IF NOT EXISTS tool_call_outcomes_org_day AS
SELECT org_id, toStartOfDay(h.bucket_start) AS bucket_start, outcome, cause, agent, tool, rule_id, rule_category,
    sum(h.calls) AS calls, sum(h.ran) AS ran, sum(h.judged) AS judged
FROM tool_call_outcomes_hour AS h
GROUP BY org_id, bucket_start, outcome, cause, agent, tool, rule_id, rule_category;

CREATE VIEW IF NOT EXISTS tool_call_outcomes_org_week AS
SELECT org_id, toDateTime(toMonday(h.bucket_start), 'UTC') AS bucket_start, outcome, cause, agent, tool, rule_id, rule_category,
    sum(h.calls) AS calls, sum(h.ran) AS ran, sum(h.judged) AS judged
FROM tool_call_outcomes_hour AS h
GROUP BY org_id, bucket_start, outcome, cause, agent, tool, rule_id, rule_category;

-- How many of the calls that ran one of our guards judged in time, and the causes of the others, by agent.
CREATE VIEW IF NOT EXISTS judged_share_hour AS
SELECT org_id, repo, bucket_start, agent, sum(o.ran) AS ran, sum(o.judged) AS judged,
    sumMapIf(map(toString(o.cause), toUInt64(o.ran - o.judged)), o.ran > o.judged) AS causes
FROM tool_call_outcomes_hour AS o
GROUP BY org_id, repo, bucket_start, agent;

CREATE VIEW IF NOT EXISTS judged_share_day AS
SELECT org_id, repo, bucket_start, agent, sum(o.ran) AS ran, sum(o.judged) AS judged,
    sumMapIf(map(toString(o.cause), toUInt64(o.ran - o.judged)), o.ran > o.judged) AS causes
FROM tool_call_outcomes_day AS o
GROUP BY org_id, repo, bucket_start, agent;

CREATE VIEW IF NOT EXISTS judged_share_week AS
SELECT org_id, repo, bucket_start, agent, sum(o.ran) AS ran, sum(o.judged) AS judged,
    sumMapIf(map(toString(o.cause), toUInt64(o.ran - o.judged)), o.ran > o.judged) AS causes
FROM tool_call_outcomes_week AS o
GROUP BY org_id, repo, bucket_start, agent;

CREATE VIEW IF NOT EXISTS judged_share_org_hour AS
SELECT org_id, bucket_start, agent, sum(o.ran) AS ran, sum(o.judged) AS judged,
    sumMapIf(map(toString(o.cause), toUInt64(o.ran - o.judged)), o.ran > o.judged) AS causes
FROM tool_call_outcomes_org_hour AS o
GROUP BY org_id, bucket_start, agent;

CREATE VIEW IF NOT EXISTS judged_share_org_day AS
SELECT org_id, bucket_start, agent, sum(o.ran) AS ran, sum(o.judged) AS judged,
    sumMapIf(map(toString(o.cause), toUInt64(o.ran - o.judged)), o.ran > o.judged) AS causes
FROM tool_call_outcomes_org_day AS o
GROUP BY org_id, bucket_start, agent;

CREATE VIEW IF NOT EXISTS judged_share_org_week AS
SELECT org_id, bucket_start, agent, sum(o.ran) AS ran, sum(o.judged) AS judged,
    sumMapIf(map(toString(o.cause), toUInt64(o.ran - o.judged)), o.ran > o.judged) AS causes
FROM tool_call_outcomes_org_week AS o
GROUP BY org_id, bucket_start, agent;

-- Facts that are there already.
INSERT INTO session_event_v1 (org_id, session_id, fact, repo, event_id, occurred_at, agent, agent_name, agent_version, event_name, kind, tool, tool_call_id, model, input_tokens, output_tokens, cost_usd, decision, decision_source, permission_mode, success, error_type, duration_us, hook_event, hooks_blocking, hooks_succeeded, hooks_failed, hooks_cancelled, source, rule_id, rule_name, rule_category, reason, content_hash)
SELECT e.org_id AS org_id,
    multiIf(e.session_id != '' AND position(e.session_id, '[REDACTED') = 0, e.session_id, e.trace_id != '', e.trace_id, e.event_id) AS session_id,
    'runtime_event' AS fact, e.repo AS repo, e.event_id AS event_id, e.occurred_at AS occurred_at, e.agent AS agent,
    '' AS agent_name, '' AS agent_version, '' AS event_name, 'judgement' AS kind, e.tool AS tool,
    if(position(e.tool_call_id, '[REDACTED') = 0, e.tool_call_id, '') AS tool_call_id, '' AS model,
    toUInt64(0) AS input_tokens, toUInt64(0) AS output_tokens, toFloat64(0) AS cost_usd, e.decision AS decision,
    '' AS decision_source, '' AS permission_mode, '' AS success, '' AS error_type, e.duration_us AS duration_us,
    '' AS hook_event, toUInt32(0) AS hooks_blocking, toUInt32(0) AS hooks_succeeded, toUInt32(0) AS hooks_failed,
    toUInt32(0) AS hooks_cancelled, e.source AS source, e.rule_id AS rule_id, e.rule_name AS rule_name,
    e.rule_category AS rule_category, e.reason AS reason, e.content_hash AS content_hash
FROM runtime_event_v1 AS e;

INSERT INTO session_event_v1 (org_id, session_id, fact, repo, event_id, occurred_at, agent, agent_name, agent_version, event_name, kind, tool, tool_call_id, model, input_tokens, output_tokens, cost_usd, decision, decision_source, permission_mode, success, error_type, duration_us, hook_event, hooks_blocking, hooks_succeeded, hooks_failed, hooks_cancelled, source, rule_id, rule_name, rule_category, reason, content_hash)
SELECT e.org_id AS org_id,
    multiIf(e.session_id != '' AND position(e.session_id, '[REDACTED') = 0, e.session_id, e.trace_id != '', e.trace_id, e.event_id) AS session_id,
    'agent_event' AS fact, e.repo AS repo, e.event_id AS event_id, e.occurred_at AS occurred_at, e.agent AS agent,
    e.agent_name AS agent_name, e.agent_version AS agent_version, e.event_name AS event_name, e.kind AS kind, e.tool AS tool,
    if(position(e.tool_call_id, '[REDACTED') = 0, e.tool_call_id, '') AS tool_call_id, e.model AS model,
    e.input_tokens AS input_tokens, e.output_tokens AS output_tokens, e.cost_usd AS cost_usd, e.decision AS decision,
    e.decision_source AS decision_source, e.permission_mode AS permission_mode, e.success AS success,
    e.error_type AS error_type, e.duration_ms * 1000 AS duration_us, e.hook_event AS hook_event,
    e.hooks_blocking AS hooks_blocking, e.hooks_succeeded AS hooks_succeeded, e.hooks_failed AS hooks_failed,
    e.hooks_cancelled AS hooks_cancelled, '' AS source, '' AS rule_id, '' AS rule_name, '' AS rule_category, '' AS reason,
    e.content_hash AS content_hash
FROM agent_event_v1 AS e
WHERE (e.kind != '' OR e.event_name IN ('hook_registered', 'api_request'))
    AND (e.session_id != '' OR e.trace_id != '' OR e.kind IN ('tool_call', 'tool_decision', 'tool_result'));
