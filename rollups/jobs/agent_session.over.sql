-- agent_session for sessions over the limits of `session-size.ts`: how many events and calls they have, and from when to when.
INSERT INTO agent_session_v1
    (org_id, session_id, formula, agent, started_at, last_at, events, tool_calls, outcomes, version)
SELECT org_id, session_id, {formula:UInt16}, max(agent), min(occurred_at), max(occurred_at), count(), 1, map('unknown', 1), {version:UInt64}
FROM session_event_v1
WHERE (org_id, session_id) IN {repos}
GROUP BY org_id, session_id
