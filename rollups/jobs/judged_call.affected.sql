-- A new or deleted judgement changes its own hour, and the hour in which its call counted before or counts now. Of a
-- call that was judged in many hours the 32 strictest judgements are enough: a new one ranks before the one that
-- counted so far, and a client that gives all its calls one id does not cause its whole history to be recomputed each
-- time.
SELECT key.1 AS org_id, key.2 AS repo, toDateTime(key.3, 'UTC') AS bucket_start FROM (SELECT arrayJoin({keys}) AS key)
UNION DISTINCT
SELECT org_id, repo, toStartOfHour(judgement.2) AS bucket_start
FROM
(
    SELECT org_id, repo, arraySlice({judgements_by_strictness}, 1, 32) AS judgements
    FROM call_judgement_v1 FINAL
    WHERE (org_id, repo, session_id, tool_call_id) IN
    (
        SELECT org_id, repo, session_id, tool_call_id
        FROM runtime_event_v1
        WHERE (org_id, repo, toStartOfHour(occurred_at)) IN {keys} AND tool_call_id != ''
            AND occurred_at >= {from:DateTime('UTC')} AND occurred_at < toDateTime64({to:DateTime('UTC')}, 3, 'UTC') + toIntervalHour(1)
    )
    GROUP BY org_id, repo, session_id, tool_call_id
    HAVING count() > 1
)
ARRAY JOIN judgements AS judgement
WHERE bucket_start > now() - toIntervalDay(730)
