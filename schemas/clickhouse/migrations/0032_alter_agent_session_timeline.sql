-- The timeline of a session, and what its model calls used.
--
-- agent_event: `sequence` is the number that the agent gives its events, from 0 on in each process (Claude Code; 0 for others):
-- it orders events of one millisecond, and a number that is missing is an event that never arrived. `masked` is how many
-- values redaction masked in the record. `mcp_servers` are the MCP servers that the client says are configured (the start of a
-- session of Codex and Gemini CLI) or connected (Claude Code, if it sends details of tools). A subagent of Claude Code that ended is an event of kind `subagent`.
-- session_event: the same two columns, and every event in which something was masked.
-- agent_session: subagents that ended, errors, masked values, and the model calls and errors by hour and model.
-- Views over them: agent_usage, model calls, tokens, cost and errors by repository, agent and model.
-- Events stored before have neither number nor masked values; `shieldwatch facts rebuild` makes them again from landing.

ALTER TABLE agent_event_v1
    ADD COLUMN IF NOT EXISTS sequence UInt32 AFTER hooks_cancelled,
    ADD COLUMN IF NOT EXISTS masked UInt32 AFTER sequence,
    ADD COLUMN IF NOT EXISTS mcp_servers Array(String) AFTER masked;

ALTER TABLE agent_event_in_v1
    ADD COLUMN IF NOT EXISTS sequence UInt32 AFTER hooks_cancelled,
    ADD COLUMN IF NOT EXISTS masked UInt32 AFTER sequence,
    ADD COLUMN IF NOT EXISTS mcp_servers Array(String) AFTER masked;

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
        agent = 'claude-code' AND event_name = 'subagent_completed', 'subagent',
        agent = 'claude-code' AND event_name = 'permission_mode_changed', 'mode_change',
        agent = 'claude-code' AND event_name = 'api_error', 'error',
        agent = 'claude-code' AND event_name = 'internal_error', 'error',
        agent = 'codex' AND event_name = 'conversation_starts', 'session',
        agent = 'codex' AND event_name = 'user_prompt', 'turn',
        agent = 'codex' AND event_name = 'sse_event' AND LogAttributes['input_token_count'] != '', 'model_call',
        agent = 'codex' AND event_name = 'tool_decision', 'tool_decision',
        agent = 'codex' AND event_name = 'tool_result' AND tool != 'exec', 'tool_result',
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
    multiIf(startsWith(LogAttributes['tool_namespace'], 'mcp__'), concat(LogAttributes['tool_namespace'], '__', LogAttributes['tool_name']),
        LogAttributes['tool_name'] != '', LogAttributes['tool_name'], LogAttributes['function_name'] != '', LogAttributes['function_name'],
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
    if(agent = 'gemini-cli' AND kind = 'hook_run', if(LogAttributes['hook_name'] = 'shieldwatch', 'shieldwatch', 'hook'), LogAttributes['source']) AS decision_source,
    multiIf(LogAttributes['permission_mode'] != '', LogAttributes['permission_mode'],
        kind = 'mode_change', LogAttributes['to_mode'],
        agent = 'codex' AND kind = 'session', LogAttributes['sandbox_policy'],
        agent = 'gemini-cli' AND kind = 'session', LogAttributes['approval_mode'], '') AS permission_mode,
    LogAttributes['success'] AS success,
    LogAttributes['error_type'] AS error_type,
    toUInt64OrZero(if(LogAttributes['duration_ms'] != '', LogAttributes['duration_ms'], LogAttributes['total_duration_ms'])) AS duration_ms,
    if(LogAttributes['hook_event'] != '', LogAttributes['hook_event'], LogAttributes['hook_event_name']) AS hook_event,
    if(agent = 'gemini-cli', toUInt32(kind = 'hook_run' AND LogAttributes['exit_code'] = '2'), toUInt32OrZero(LogAttributes['num_blocking'])) AS hooks_blocking,
    if(agent = 'gemini-cli', toUInt32(kind = 'hook_run' AND success = 'true'), toUInt32OrZero(LogAttributes['num_success'])) AS hooks_succeeded,
    if(agent = 'gemini-cli', toUInt32(kind = 'hook_run' AND success = 'false' AND LogAttributes['exit_code'] NOT IN ('', '2')), toUInt32OrZero(LogAttributes['num_non_blocking_error'])) AS hooks_failed,
    if(agent = 'gemini-cli', toUInt32(kind = 'hook_run' AND success = 'false' AND LogAttributes['exit_code'] = ''), toUInt32OrZero(LogAttributes['num_cancelled'])) AS hooks_cancelled,
    toUInt32OrZero(LogAttributes['event.sequence']) AS sequence,
    toUInt32(arraySum(mapValues(mapApply((key, value) -> (key, toUInt32OrZero(value)), mapFilter((key, value) -> startsWith(key, 'shieldwatch.redaction.masked.') OR key IN ('redaction.masked.count', 'redaction.body.masked.count'), LogAttributes))))) AS masked,
    arrayFilter(server -> server != '', arrayMap(server -> substringUTF8(trimBoth(server), 1, 200), splitByChar(',', replaceRegexpAll(multiIf(kind = 'session', LogAttributes['mcp_servers'],
        kind = 'mcp_connection', LogAttributes['server_name'], ''), '[\\[\\]"]', ''), 100))) AS mcp_servers,
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
    multiIf(SpanName IN ('mcp.tools.call', 'unified_exec.exec_command'), 'codex', transform(ScopeName, ['pydantic-ai', 'gcp.vertex.agent', 'strands.telemetry.tracer', 'shieldwatch', 'openinference.instrumentation.langchain', 'openinference.instrumentation.openai_agents', 'openinference.instrumentation.crewai', 'openinference.instrumentation.llama_index', 'openinference.instrumentation.autogen_agentchat', 'openinference.instrumentation.smolagents', 'ai', 'opentelemetry.instrumentation.langchain', 'opentelemetry.instrumentation.openai_agents', 'opentelemetry.instrumentation.crewai', 'opentelemetry.instrumentation.llamaindex', 'fastmcp', 'mcp-python-sdk', 'traceloop.tracer', 'agentmesh.governance', 'agentmesh'], ['pydantic-ai', 'google-adk', 'strands-agents', 'shieldwatch', 'langchain', 'openai-agents', 'crewai', 'llama-index', 'autogen', 'smolagents', 'vercel-ai', 'langchain', 'openai-agents', 'crewai', 'llama-index', 'fastmcp', 'mcp-python-sdk', 'traceloop', 'agent-governance-toolkit', 'agent-governance-toolkit'], 'gen-ai')) AS agent,
    if(ScopeVersion = '' AND agent = 'codex', ResourceAttributes['service.version'], ScopeVersion) AS agent_version,
    arrayFirst(value -> value != '', [SpanAttributes['gen_ai.operation.name'], SpanAttributes['openinference.span.kind'], SpanAttributes['ai.operationId'], SpanAttributes['traceloop.span.kind'], SpanAttributes['mcp.method.name'], SpanAttributes['gen_ai.guardrail.target.type'], SpanAttributes['agt.policy.stage'], SpanAttributes['agent.threat.detection.action'], if(SpanName IN ('agt.policy.evaluate', 'agt.approval.request', 'agt.trust.verify', 'mcp.tools.call', 'unified_exec.exec_command'), SpanName, '')]) AS event_name,
    multiIf(SpanKind = 'Server' AND SpanAttributes['mcp.method.name'] != '', '',
        SpanAttributes['gen_ai.operation.name'] IN ('chat', 'generate_content', 'text_completion', 'embeddings'), 'model_call',
        SpanAttributes['gen_ai.operation.name'] IN ('execute_tool'), 'tool_call',
        SpanAttributes['gen_ai.operation.name'] IN ('invoke_agent', 'invoke_workflow'), 'turn',
        SpanAttributes['gen_ai.operation.name'] IN ('run_guardrail', 'apply_guardrail'), 'guardrail',
        SpanAttributes['openinference.span.kind'] IN ('LLM', 'EMBEDDING'), 'model_call',
        SpanAttributes['openinference.span.kind'] IN ('TOOL'), 'tool_call',
        SpanAttributes['openinference.span.kind'] IN ('AGENT'), 'turn',
        SpanAttributes['openinference.span.kind'] IN ('GUARDRAIL'), 'guardrail',
        SpanAttributes['ai.operationId'] IN ('ai.generateText', 'ai.streamText', 'ai.generateObject', 'ai.streamObject'), 'turn',
        SpanAttributes['ai.operationId'] IN ('ai.generateText.doGenerate', 'ai.streamText.doStream', 'ai.generateObject.doGenerate', 'ai.streamObject.doStream', 'ai.embed.doEmbed', 'ai.embedMany.doEmbed'), 'model_call',
        SpanAttributes['ai.operationId'] IN ('ai.toolCall'), 'tool_call',
        SpanAttributes['traceloop.span.kind'] IN ('tool'), 'tool_call',
        SpanAttributes['traceloop.span.kind'] IN ('agent', 'workflow'), 'turn',
        SpanAttributes['mcp.method.name'] IN ('initialize', 'server/discover'), 'mcp_connection',
        SpanAttributes['gen_ai.operation.name'] IN ('guardrail.run'), 'guardrail',
        SpanAttributes['agt.policy.stage'] IN ('pre_input', 'pre_tool', 'post_tool', 'pre_output'), 'guardrail',
        SpanAttributes['agent.threat.detection.action'] IN ('allow', 'block', 'warn', 'ask'), 'guardrail',
        SpanName IN ('agt.policy.evaluate', 'agt.approval.request'), 'guardrail',
        SpanName IN ('agt.trust.verify'), '',
        SpanName IN ('mcp.tools.call', 'unified_exec.exec_command'), 'tool_call', '') AS kind,
    arrayFirst(value -> value != '', [SpanAttributes['gen_ai.conversation.id'], SpanAttributes['session.id'], SpanAttributes['ai.telemetry.metadata.sessionId'], SpanAttributes['traceloop.association.properties.session_id'], SpanAttributes['traceloop.association.properties.thread_id'], SpanAttributes['mcp.session.id'], SpanAttributes['conversation.id']]) AS session_id,
    '' AS prompt_id,
    arrayFirst(value -> value != '', [SpanAttributes['gen_ai.agent.name'], SpanAttributes['agent.name'], SpanAttributes['ai.telemetry.functionId'], SpanAttributes['traceloop.workflow.name'], SpanAttributes['agt.agent.id'], SpanAttributes['agt.agent_id']]) AS agent_name,
    concat(if(SpanName = 'mcp.tools.call', concat('mcp__', SpanAttributes['mcp.server.name'], '__'), ''), arrayFirst(value -> value != '', [SpanAttributes['gen_ai.tool.name'], SpanAttributes['tool.name'], SpanAttributes['ai.toolCall.name'], SpanAttributes['agt.tool.name']])) AS tool,
    replaceRegexpOne(arrayFirst(value -> value != '', [SpanAttributes['gen_ai.tool.call.id'], SpanAttributes['tool_call.id'], SpanAttributes['tool.id'], SpanAttributes['ai.toolCall.id'], SpanAttributes['call_id'], SpanAttributes['tool.call_id']]), '^<.*>$', '') AS tool_call_id,
    if(kind = 'model_call', arrayFirst(value -> value != '', [SpanAttributes['gen_ai.response.model'], SpanAttributes['gen_ai.request.model'], SpanAttributes['llm.model_name'], SpanAttributes['embedding.model_name'], SpanAttributes['ai.response.model'], SpanAttributes['ai.model.id']]), '') AS model,
    if(kind = 'model_call', toUInt64OrZero(arrayFirst(value -> value != '', [SpanAttributes['gen_ai.usage.input_tokens'], SpanAttributes['gen_ai.usage.prompt_tokens'], SpanAttributes['llm.token_count.prompt'], SpanAttributes['ai.usage.inputTokens'], SpanAttributes['ai.usage.promptTokens'], SpanAttributes['ai.usage.tokens']])), 0) AS input_tokens,
    if(kind = 'model_call', toUInt64OrZero(arrayFirst(value -> value != '', [SpanAttributes['gen_ai.usage.output_tokens'], SpanAttributes['gen_ai.usage.completion_tokens'], SpanAttributes['llm.token_count.completion'], SpanAttributes['ai.usage.outputTokens'], SpanAttributes['ai.usage.completionTokens']])), 0) AS output_tokens,
    toFloat64(0) AS cost_usd,
    multiIf(ScopeName = 'shieldwatch', if(error_type = 'ToolBlockedError', 'block', ''),
        decision_raw = '', '',
        decision_raw IN ('allow', 'allowed', 'approved', 'warn', 'log', 'modify', 'redact', 'none', 'PASSED'), 'allow',
        decision_raw IN ('block', 'blocked', 'deny', 'denied', 'rejected', 'FAILED'), 'block',
        decision_raw IN ('ask', 'escalate', 'require_approval'), 'ask', 'unknown') AS decision,
    arrayFirst(value -> value != '', [SpanAttributes['gen_ai.guardrail.action.type'], SpanAttributes['gen_ai.security.action.type'], SpanAttributes['gen_ai.guardrail.verdict.type'], SpanAttributes['gen_ai.security.verdict.type'], SpanAttributes['gen_ai.guardrail.status'], SpanAttributes['agt.policy.action'], SpanAttributes['agt.approval.outcome'], SpanAttributes['agent.threat.detection.action']]) AS decision_raw,
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
    toUInt32(0) AS sequence,
    toUInt32(arraySum(mapValues(mapApply((key, value) -> (key, toUInt32OrZero(value)), mapFilter((key, value) -> startsWith(key, 'shieldwatch.redaction.masked.') OR key IN ('redaction.masked.count'), SpanAttributes))))) AS masked,
    CAST([], 'Array(String)') AS mcp_servers,
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
    duration_ms, hook_event, hooks_blocking, hooks_succeeded, hooks_failed, hooks_cancelled, sequence, masked, mcp_servers, trace_id, ingested_at
FROM agent_event_in_v1
WHERE problem = '';

ALTER TABLE session_event_v1
    ADD COLUMN IF NOT EXISTS sequence UInt32,
    ADD COLUMN IF NOT EXISTS masked UInt32;

ALTER TABLE session_event_agent_event_mv_v1 MODIFY QUERY
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
    e.content_hash AS content_hash,
    e.sequence AS sequence, e.masked AS masked
FROM agent_event_v1 AS e
WHERE (e.kind != '' OR e.masked > 0 OR e.event_name IN ('hook_registered', 'api_request'))
    AND (e.session_id != '' OR e.trace_id != '' OR e.kind IN ('tool_call', 'tool_decision', 'tool_result'));

CREATE VIEW IF NOT EXISTS session_event AS
SELECT org_id, session_id, fact, repo, event_id, occurred_at, sequence, agent, agent_name, event_name, kind, tool, tool_call_id, model, input_tokens, output_tokens,
    cost_usd, decision, decision_source, permission_mode, success, error_type, duration_us, source, rule_id, rule_name, rule_category, reason, masked
FROM session_event_v1 FINAL;

ALTER TABLE agent_session_v1
    ADD COLUMN IF NOT EXISTS subagents UInt64 AFTER outcomes,
    ADD COLUMN IF NOT EXISTS errors UInt64 AFTER subagents,
    ADD COLUMN IF NOT EXISTS masked UInt64 AFTER errors,
    ADD COLUMN IF NOT EXISTS usage Array(Tuple(hour DateTime('UTC'), model String, calls UInt64, input_tokens UInt64, output_tokens UInt64, billionths Int64, errors UInt64)) AFTER cost_usd;

CREATE OR REPLACE VIEW agent_session AS
SELECT org_id, session_id, agent, agent_name, agent_version, repo, repo_source, repo_claimed, started_at, last_at, permission_modes, tool_calls,
    outcomes, subagents, errors, masked, models, input_tokens, output_tokens, cost_usd
FROM agent_session_v1 FINAL
WHERE formula = (SELECT argMax(formula, switched_at) FROM rollup_formula_v1 WHERE series = 'agent_session') AND events > 0;

-- Series: model calls, tokens, US dollars (as far as the agent reports them) and errors, by agent and model. The repository is
-- that of the session, which its hook names. Errors are failed requests and model calls; those of a request that names no model
-- have an empty one. Views alone: agent_session has one row per session, with its hours.
CREATE VIEW IF NOT EXISTS agent_usage_hour AS
SELECT org_id, repo, tupleElement(used, 'hour') AS bucket_start, agent, tupleElement(used, 'model') AS model, sum(tupleElement(used, 'calls')) AS model_calls,
    sum(tupleElement(used, 'input_tokens')) AS input_tokens, sum(tupleElement(used, 'output_tokens')) AS output_tokens,
    sum(tupleElement(used, 'billionths')) / 1000000000 AS cost_usd, sum(tupleElement(used, 'errors')) AS errors
FROM
(
    SELECT org_id, repo, agent, arrayJoin(s.usage) AS used
    FROM agent_session_v1 AS s FINAL
    WHERE formula = (SELECT argMax(formula, switched_at) FROM rollup_formula_v1 WHERE series = 'agent_session')
)
GROUP BY org_id, repo, bucket_start, agent, model;

CREATE VIEW IF NOT EXISTS agent_usage_day AS
SELECT org_id, repo, toStartOfDay(u.bucket_start) AS bucket_start, agent, model, sum(u.model_calls) AS model_calls, sum(u.input_tokens) AS input_tokens,
    sum(u.output_tokens) AS output_tokens, round(sum(u.cost_usd), 9) AS cost_usd, sum(u.errors) AS errors
FROM agent_usage_hour AS u
GROUP BY org_id, repo, bucket_start, agent, model;

CREATE VIEW IF NOT EXISTS agent_usage_week AS
SELECT org_id, repo, toDateTime(toMonday(u.bucket_start), 'UTC') AS bucket_start, agent, model, sum(u.model_calls) AS model_calls, sum(u.input_tokens) AS input_tokens,
    sum(u.output_tokens) AS output_tokens, round(sum(u.cost_usd), 9) AS cost_usd, sum(u.errors) AS errors
FROM agent_usage_hour AS u
GROUP BY org_id, repo, bucket_start, agent, model;

CREATE VIEW IF NOT EXISTS agent_usage_org_hour AS
SELECT org_id, u.bucket_start AS bucket_start, agent, model, sum(u.model_calls) AS model_calls, sum(u.input_tokens) AS input_tokens,
    sum(u.output_tokens) AS output_tokens, round(sum(u.cost_usd), 9) AS cost_usd, sum(u.errors) AS errors
FROM agent_usage_hour AS u
GROUP BY org_id, bucket_start, agent, model;

CREATE VIEW IF NOT EXISTS agent_usage_org_day AS
SELECT org_id, toStartOfDay(u.bucket_start) AS bucket_start, agent, model, sum(u.model_calls) AS model_calls, sum(u.input_tokens) AS input_tokens,
    sum(u.output_tokens) AS output_tokens, round(sum(u.cost_usd), 9) AS cost_usd, sum(u.errors) AS errors
FROM agent_usage_hour AS u
GROUP BY org_id, bucket_start, agent, model;

CREATE VIEW IF NOT EXISTS agent_usage_org_week AS
SELECT org_id, toDateTime(toMonday(u.bucket_start), 'UTC') AS bucket_start, agent, model, sum(u.model_calls) AS model_calls, sum(u.input_tokens) AS input_tokens,
    sum(u.output_tokens) AS output_tokens, round(sum(u.cost_usd), 9) AS cost_usd, sum(u.errors) AS errors
FROM agent_usage_hour AS u
GROUP BY org_id, bucket_start, agent, model;

-- Sessions that are there already are joined again, so that their rows have the new columns.
INSERT INTO session_hour_v1 (org_id, session_id, repo, bucket_start, marked_at)
SELECT org_id, session_id, repo, bucket_start, now64(3, 'UTC') FROM session_hour_v1 FINAL;

-- MCP servers, in the register of dimensions (0002): which were seen, how, where, and when first and last.
--   mcp_configured   a client listed it at the start of a session      mcp_connected   a client reported the connection
--   mcp_called       a client reported a call of one of its tools      mcp_judged      our hook judged a call of one of its tools
-- A tool of a server is named `mcp__<server>__<tool>`.
CREATE MATERIALIZED VIEW IF NOT EXISTS dimension_mcp_agent_event_mv_v1 TO dimension_v1 AS
SELECT org_id, seen.1 AS dimension, seen.2 AS value, repo, min(occurred_at) AS first_seen, max(occurred_at) AS last_seen
FROM
(
    SELECT org_id, repo, occurred_at, arrayJoin(arrayConcat(
        arrayMap(server -> (if(kind = 'session', 'mcp_configured', 'mcp_connected'), server), mcp_servers),
        if(kind IN ('tool_call', 'tool_result') AND extract(tool, '^mcp__(.+?)__') != '', [('mcp_called', extract(tool, '^mcp__(.+?)__'))], []))) AS seen
    FROM agent_event_v1
)
GROUP BY org_id, dimension, value, repo;

CREATE MATERIALIZED VIEW IF NOT EXISTS dimension_mcp_runtime_event_mv_v1 TO dimension_v1 AS
SELECT org_id, 'mcp_judged' AS dimension, extract(tool, '^mcp__(.+?)__') AS value, repo, min(occurred_at) AS first_seen, max(occurred_at) AS last_seen
FROM runtime_event_v1
WHERE startsWith(tool, 'mcp__')
GROUP BY org_id, value, repo
HAVING value != '';

-- Facts stored before. Repeating it changes nothing: minimum and maximum.
INSERT INTO dimension_v1 (org_id, dimension, value, repo, first_seen, last_seen)
SELECT org_id, 'mcp_called' AS dimension, extract(tool, '^mcp__(.+?)__') AS value, repo, min(occurred_at), max(occurred_at)
FROM agent_event_v1
WHERE startsWith(tool, 'mcp__') AND kind IN ('tool_call', 'tool_result')
GROUP BY org_id, value, repo
HAVING value != '';

INSERT INTO dimension_v1 (org_id, dimension, value, repo, first_seen, last_seen)
SELECT org_id, 'mcp_judged' AS dimension, extract(tool, '^mcp__(.+?)__') AS value, repo, min(occurred_at), max(occurred_at)
FROM runtime_event_v1
WHERE startsWith(tool, 'mcp__')
GROUP BY org_id, value, repo
HAVING value != '';
