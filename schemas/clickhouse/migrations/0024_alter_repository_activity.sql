-- Drifts and agents' own telemetry count as activity of their repository too (register: 0002): a repository that only
-- `agentshield watch` or an agent reports is listed like any other. Agents may name no repository: those events are of none.

CREATE MATERIALIZED VIEW IF NOT EXISTS repository_activity_drift_event_mv_v1 TO repository_activity_v1 AS
SELECT org_id, repo, min(occurred_at) AS first_seen, max(occurred_at) AS last_seen
FROM drift_event_v1
GROUP BY org_id, repo;

CREATE MATERIALIZED VIEW IF NOT EXISTS repository_activity_agent_event_mv_v1 TO repository_activity_v1 AS
SELECT org_id, repo, min(occurred_at) AS first_seen, max(occurred_at) AS last_seen
FROM agent_event_v1
WHERE repo != ''
GROUP BY org_id, repo;

-- Facts stored before. Repeating it changes nothing: minimum and maximum.
INSERT INTO repository_activity_v1
SELECT org_id, repo, min(occurred_at) AS first_seen, max(occurred_at) AS last_seen
FROM drift_event_v1
GROUP BY org_id, repo;

INSERT INTO repository_activity_v1
SELECT org_id, repo, min(occurred_at) AS first_seen, max(occurred_at) AS last_seen
FROM agent_event_v1
WHERE repo != ''
GROUP BY org_id, repo;
