-- Events of agents that send spans, and what kind of event each one is.
-- `kind` is one word for the same thing whichever agent sent it (schemas/dialects/dialect.ts, EventKind); an event whose name
-- is not known has none and keeps its name. Tokens, model and cost are those of a model call, where the agent states them.
-- agent_event_span_in_mv_v1 reads spans that follow a convention of schemas/dialects/, which writes its query: a test holds
-- the store's view to it. Claude Code and Gemini CLI say the same in log records; their spans are left out, and so are our own records
-- (agentshield.*), which are other facts.
-- The identity of a span is a hash of everything received of it: a repeated export changes nothing.

ALTER TABLE agent_event_v1
    ADD COLUMN IF NOT EXISTS kind LowCardinality(String) AFTER event_name,
    ADD COLUMN IF NOT EXISTS agent_name String AFTER prompt_id,
    ADD COLUMN IF NOT EXISTS model LowCardinality(String) AFTER tool_call_id,
    ADD COLUMN IF NOT EXISTS input_tokens UInt64 AFTER model,
    ADD COLUMN IF NOT EXISTS output_tokens UInt64 AFTER input_tokens,
    ADD COLUMN IF NOT EXISTS cost_usd Float64 AFTER output_tokens;

ALTER TABLE agent_event_in_v1
    ADD COLUMN IF NOT EXISTS kind LowCardinality(String) AFTER event_name,
    ADD COLUMN IF NOT EXISTS agent_name String AFTER prompt_id,
    ADD COLUMN IF NOT EXISTS model LowCardinality(String) AFTER tool_call_id,
    ADD COLUMN IF NOT EXISTS input_tokens UInt64 AFTER model,
    ADD COLUMN IF NOT EXISTS output_tokens UInt64 AFTER input_tokens,
    ADD COLUMN IF NOT EXISTS cost_usd Float64 AFTER output_tokens;

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
    if(LogAttributes['tool_name'] != '', LogAttributes['tool_name'], LogAttributes['function_name']) AS tool,
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

ALTER TABLE agent_event_mv_v1 MODIFY QUERY
SELECT org_id, repo, event_id, occurred_at, agent, agent_version, event_name, kind, session_id, prompt_id, agent_name, tool, tool_call_id,
    model, input_tokens, output_tokens, cost_usd, decision, decision_raw, decision_source, permission_mode, success, error_type,
    duration_ms, hook_event, hooks_blocking, trace_id, ingested_at
FROM agent_event_in_v1
WHERE problem = '';

CREATE MATERIALIZED VIEW IF NOT EXISTS agent_event_span_in_mv_v1 TO agent_event_in_v1 AS
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
    TraceId AS trace_id,
    IngestedAt AS ingested_at,
    multiIf(
        occurred_at > IngestedAt + toIntervalDay(1), 'timestamp in the future',
        occurred_at < IngestedAt - toIntervalDay(730), 'timestamp before the oldest facts',
        '') AS problem
FROM otel_traces
WHERE OrgId != '' AND ScopeName NOT IN ('com.anthropic.claude_code.tracing', 'gemini-cli') AND NOT startsWith(SpanName, 'agentshield.') AND event_name != '';
