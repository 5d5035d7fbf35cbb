-- What facts can be told apart by, for people who choose: a few rows where the facts have millions.
-- Writer: the views below, at each INSERT of facts, and pruneDimensions (schemas/clickhouse/dimensions.ts), which takes
-- out what no fact has any more after a removal. Reader: variables of boards, the board of who reports.
-- Replay safety: least and greatest of times; the same fact again changes nothing. first_seen and last_seen are of what
-- was ever seen: a removal does not move them.
-- Rows live as long as the facts they were seen in.

-- dimension: `agent` and `tool` of decisions, `rule` of those that blocked, `category` of findings.
CREATE TABLE IF NOT EXISTS dimension_v1
(
    org_id LowCardinality(String),
    dimension LowCardinality(String),
    value String,
    repo String,
    first_seen SimpleAggregateFunction(min, DateTime64(3, 'UTC')),
    last_seen SimpleAggregateFunction(max, DateTime64(3, 'UTC'))
)
ENGINE = AggregatingMergeTree
ORDER BY (org_id, dimension, value, repo)
TTL toDateTime(last_seen) + toIntervalDay(730);

CREATE VIEW IF NOT EXISTS dimension AS
SELECT org_id, dimension, value, repo, min(first_seen) AS first_seen_at, max(last_seen) AS last_seen_at
FROM dimension_v1
GROUP BY org_id, dimension, value, repo;

CREATE MATERIALIZED VIEW IF NOT EXISTS dimension_runtime_event_mv_v1 TO dimension_v1 AS
SELECT org_id, pair.1 AS dimension, pair.2 AS value, repo, min(occurred_at) AS first_seen, max(occurred_at) AS last_seen
FROM (SELECT org_id, repo, occurred_at, arrayJoin([('agent', toString(agent)), ('tool', toString(tool)), ('rule', if(decision = 'block', rule_name, ''))]) AS pair FROM runtime_event_v1)
WHERE value != ''
GROUP BY org_id, dimension, value, repo;

CREATE MATERIALIZED VIEW IF NOT EXISTS dimension_finding_mv_v1 TO dimension_v1 AS
SELECT org_id, 'category' AS dimension, toString(category) AS value, repo, min(occurred_at) AS first_seen, max(occurred_at) AS last_seen
FROM finding_v1
WHERE value != ''
GROUP BY org_id, dimension, value, repo;

-- Programs that report, by version: AgentShield (scans), the hook or whatever else sends decisions (by the service it
-- calls itself), agents (their own telemetry, which mostly names no repository).
CREATE TABLE IF NOT EXISTS producer_version_v1
(
    org_id LowCardinality(String),
    producer LowCardinality(String),
    program String,
    version String,
    repo String,
    first_seen SimpleAggregateFunction(min, DateTime64(3, 'UTC')),
    last_seen SimpleAggregateFunction(max, DateTime64(3, 'UTC'))
)
ENGINE = AggregatingMergeTree
ORDER BY (org_id, producer, program, version, repo)
TTL toDateTime(last_seen) + toIntervalDay(730);

CREATE VIEW IF NOT EXISTS producer_version AS
SELECT org_id, producer, program, version, repo, min(first_seen) AS first_seen_at, max(last_seen) AS last_seen_at
FROM producer_version_v1
GROUP BY org_id, producer, program, version, repo;

CREATE MATERIALIZED VIEW IF NOT EXISTS producer_version_scan_mv_v1 TO producer_version_v1 AS
SELECT org_id, 'scan' AS producer, 'AgentShield' AS program, toString(producer_version) AS version, repo, min(occurred_at) AS first_seen, max(occurred_at) AS last_seen
FROM scan_v1
WHERE version != ''
GROUP BY org_id, producer, program, version, repo;

-- A decision says which version sent it on its resource, which the fact does not keep: so this one reads landing. Those
-- by REST have the gateway's version there, and none of their own.
CREATE MATERIALIZED VIEW IF NOT EXISTS producer_version_guard_mv_v1 TO producer_version_v1 AS
SELECT OrgId AS org_id, 'guard' AS producer, ServiceName AS program, ResourceAttributes['service.version'] AS version, Repository AS repo,
    min(at) AS first_seen, max(at) AS last_seen
FROM
(
    SELECT OrgId, ServiceName, ResourceAttributes, Repository,
        greatest(least(toDateTime64(Timestamp, 3, 'UTC'), IngestedAt), IngestedAt - toIntervalDay(730)) AS at
    FROM otel_traces
    WHERE OrgId != '' AND SpanName = 'agentshield.decision' AND Repository != '' AND SpanAttributes['shieldwatch.event.source'] != 'rest'
)
WHERE version != ''
GROUP BY org_id, producer, program, version, repo;

CREATE MATERIALIZED VIEW IF NOT EXISTS producer_version_agent_event_mv_v1 TO producer_version_v1 AS
SELECT org_id, 'agent' AS producer, toString(agent) AS program, toString(agent_version) AS version, repo, min(occurred_at) AS first_seen, max(occurred_at) AS last_seen
FROM agent_event_v1
WHERE version != ''
GROUP BY org_id, producer, program, version, repo;

-- What is there already.
INSERT INTO dimension_v1
SELECT org_id, pair.1 AS dimension, pair.2 AS value, repo, min(occurred_at) AS first_seen, max(occurred_at) AS last_seen
FROM (SELECT org_id, repo, occurred_at, arrayJoin([('agent', toString(agent)), ('tool', toString(tool)), ('rule', if(decision = 'block', rule_name, ''))]) AS pair FROM runtime_event_v1)
WHERE value != ''
GROUP BY org_id, dimension, value, repo;

INSERT INTO dimension_v1
SELECT org_id, 'category' AS dimension, toString(category) AS value, repo, min(occurred_at) AS first_seen, max(occurred_at) AS last_seen
FROM finding_v1
WHERE value != ''
GROUP BY org_id, dimension, value, repo;

INSERT INTO producer_version_v1
SELECT org_id, 'scan' AS producer, 'AgentShield' AS program, toString(producer_version) AS version, repo, min(occurred_at) AS first_seen, max(occurred_at) AS last_seen
FROM scan_v1
WHERE version != ''
GROUP BY org_id, producer, program, version, repo;

INSERT INTO producer_version_v1
SELECT org_id, 'agent' AS producer, toString(agent) AS program, toString(agent_version) AS version, repo, min(occurred_at) AS first_seen, max(occurred_at) AS last_seen
FROM agent_event_v1
WHERE version != ''
GROUP BY org_id, producer, program, version, repo;
