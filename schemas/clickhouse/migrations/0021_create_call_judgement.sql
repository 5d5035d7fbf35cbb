-- A call counts once, however many hooks judged it. A judged call is (organisation, repository, session, tool call id).
-- Every judgement stays a fact of its own in runtime_event_v1; of a call's judgements the strictest counts (block before
-- ask before allow), of equally strict ones the earliest, then the one with the least event id. The call has that
-- judgement's time. A judgement without a session or a tool call id is a call of its own; so is one whose id was
-- masked, since many ids share one mask. The rule is applied in schemas/clickhouse/judged-call.ts.

-- The judgements in the order of their calls, which facts, in the order of their hours, cannot be looked up by.
-- Writer: the view below, at each INSERT of facts; deleteFacts. Reader: isCounted() in rollup jobs, boards, alerts and
-- explanations, and rollups/jobs/judged_call.affected.sql.
-- Replay safety: a judgement that comes again folds; of two that differ the stricter stands, as in runtime_event_v1.
-- Key: a job looks up the calls of one hour, which belong to few sessions and so lie together. The small granule keeps
-- each look-up small. No partitions: a call's judgements may lie far apart in time, and are looked up without it.
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

-- Of one judgement delivered twice with different verdicts the stricter stands, then the greater hash of the rest.
ALTER TABLE runtime_event_v1 MODIFY COLUMN content_hash UInt64 MATERIALIZED bitOr(
    bitShiftLeft(toUInt64(transform(decision, ['block', 'ask', 'allow'], [3, 2, 1], 0)), 62),
    bitShiftRight(cityHash64(session_id, agent, tool, tool_call_id, decision, reason, rule_name, rule_id, rule_category, duration_us, source, trace_id), 2));

-- Facts that are stored already. What was stopped gets the new hash, so that no later "allow" takes its place, and all
-- that may belong to a call judged twice is put in order; then the hours of such calls are computed anew.
INSERT INTO runtime_event_v1 (org_id, repo, event_id, occurred_at, session_id, agent, tool, tool_call_id, decision, reason, rule_name, rule_id, rule_category, duration_us, source, trace_id, ingested_at)
SELECT org_id, repo, event_id, occurred_at, session_id, agent, tool, tool_call_id, decision, reason, rule_name, rule_id, rule_category, duration_us, source, trace_id, ingested_at
FROM runtime_event_v1 FINAL
WHERE decision != 'allow'
SETTINGS max_execution_time = 600, max_partitions_per_insert_block = 1000;

INSERT INTO call_judgement_v1
SELECT org_id, repo, session_id, tool_call_id, event_id, occurred_at, transform(decision, ['block', 'ask', 'allow'], [3, 2, 1], 0) AS strictness
FROM runtime_event_v1 FINAL
WHERE session_id != '' AND tool_call_id != '' AND position(tool_call_id, '[REDACTED') = 0
SETTINGS max_execution_time = 600;

INSERT INTO dirty_hour_v1
SELECT DISTINCT 'runtime_event', org_id, repo, toStartOfHour(arrayJoin(times)), now64(3, 'UTC')
FROM (SELECT org_id, repo, groupArray(occurred_at) AS times FROM call_judgement_v1 FINAL GROUP BY org_id, repo, session_id, tool_call_id HAVING count() > 1)
SETTINGS max_execution_time = 600;
