-- tool_call_outcome for sessions over the limits of `session-size.ts`, whose events are not joined.
-- Result: one row per session, of outcome unknown and cause session_too_large, in the first hour of the session and in no
-- repository. Rows that were written before the session reached a limit stay where they are.
INSERT INTO tool_call_outcome_v1
    (org_id, repo, bucket_start, session_id, is_head, tool_call_id, formula, agent, occurred_at, outcome, cause, missing, version)
SELECT org_id, '' AS repo, toStartOfHour(toDateTime(occurred_at, 'UTC')) AS bucket_start, session_id, false, '', {formula:UInt16}, max(agent),
    min(e.occurred_at) AS occurred_at, 'unknown', 'session_too_large', ['join'], {version:UInt64}
FROM session_event_v1 AS e
WHERE (org_id, session_id) IN {repos} AND e.occurred_at > now() - toIntervalDay(730)
GROUP BY org_id, session_id
