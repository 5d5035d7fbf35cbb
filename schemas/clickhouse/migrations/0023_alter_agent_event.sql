-- What agents call a decision, and where they name an event.
-- decision: Codex has further words for "approved" and "denied". A word that is not known here is `unknown`, never blank: the
-- record is a fact, its word stays in decision_raw, and quarantine counts it by its word as well.
-- event_name: from the attribute event.name, else from OTLP's field EventName, else from the body. The identity of a record
-- that only EventName names holds that name; all others keep theirs. `shieldwatch facts rebuild` reads what landed before.

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
    if(LogAttributes['session.id'] != '', LogAttributes['session.id'], LogAttributes['conversation.id']) AS session_id,
    if(LogAttributes['prompt.id'] != '', LogAttributes['prompt.id'], LogAttributes['prompt_id']) AS prompt_id,
    if(LogAttributes['tool_name'] != '', LogAttributes['tool_name'], LogAttributes['function_name']) AS tool,
    if(LogAttributes['tool_use_id'] != '', LogAttributes['tool_use_id'], LogAttributes['call_id']) AS tool_call_id,
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

CREATE MATERIALIZED VIEW IF NOT EXISTS quarantine_agent_decision_mv_v1 TO quarantine_v1 AS
SELECT org_id, repo, 'agent_event' AS record, event_id, occurred_at,
    if(match(decision_raw, '^[a-z_]{1,60}$'), concat('decision unknown: ', decision_raw), 'decision unknown') AS problem, trace_id, ingested_at
FROM agent_event_in_v1 AS event
WHERE event.problem = '' AND decision = 'unknown';
