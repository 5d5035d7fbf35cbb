-- Decisions by the identity of their rule (security_rule.uuid), which stays when a policy is put in another order,
-- as rule_name does not, which holds the position. Empty where no rule of a policy was the reason, and for producers that
-- tell none. Their span is called agentshield.pre_tool_use now; spans that are stored, and producers that were not yet
-- updated, say agentshield.decision.
-- The table that views write into and the facts get the column first: a view that is older leaves it empty.

ALTER TABLE runtime_event_v1 ADD COLUMN IF NOT EXISTS rule_id LowCardinality(String) AFTER rule_name;

ALTER TABLE runtime_event_v1 MODIFY COLUMN content_hash UInt64 MATERIALIZED cityHash64(session_id, agent, tool, tool_call_id,
    decision, reason, rule_name, rule_id, rule_category, duration_us, source, trace_id);

ALTER TABLE runtime_event_in_v1 ADD COLUMN IF NOT EXISTS rule_id LowCardinality(String) AFTER rule_name;

ALTER TABLE runtime_event_in_mv_v1 MODIFY QUERY
SELECT
    OrgId AS org_id,
    Repository AS repo,
    if(SpanAttributes['shieldwatch.event.id'] != '', SpanAttributes['shieldwatch.event.id'], concat(TraceId, '-', SpanId)) AS event_id,
    coalesce(parseDateTime64BestEffortOrNull(SpanAttributes['agentshield.decision.timestamp'], 3, 'UTC'), toDateTime64(Timestamp, 3, 'UTC')) AS occurred_at,
    SpanAttributes['session.id'] AS session_id,
    SpanAttributes['gen_ai.agent.name'] AS agent,
    SpanAttributes['gen_ai.tool.name'] AS tool,
    SpanAttributes['gen_ai.tool.call.id'] AS tool_call_id,
    SpanAttributes['agentshield.decision.action'] AS decision,
    SpanAttributes['agentshield.decision.reason'] AS reason,
    SpanAttributes['security_rule.name'] AS rule_name,
    SpanAttributes['security_rule.uuid'] AS rule_id,
    SpanAttributes['security_rule.category'] AS rule_category,
    ifNull(accurateCastOrNull(round(least(toFloat64OrNull(SpanAttributes['agentshield.decision.duration']), 86400000) * 1000), 'UInt64'), 0) AS duration_us,
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

ALTER TABLE runtime_event_mv_v1 MODIFY QUERY
SELECT org_id, repo, event_id, occurred_at, session_id, agent, tool, tool_call_id, decision, reason, rule_name, rule_id, rule_category, duration_us, source, trace_id, ingested_at
FROM runtime_event_in_v1
WHERE problem = '';

CREATE OR REPLACE VIEW runtime_event AS SELECT * FROM runtime_event_v1 FINAL;
