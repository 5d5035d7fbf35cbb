-- Sessions over the limits of `session-size.ts` to the hour of their one row of the ledger.
SELECT org_id, '' AS repo, toStartOfHour(toDateTime(min(occurred_at), 'UTC')) AS bucket_start
FROM session_event_v1
WHERE (org_id, session_id) IN {repos} AND occurred_at > now() - toIntervalDay(730)
GROUP BY org_id, session_id
