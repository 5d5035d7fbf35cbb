-- coverage, one bucket = one hour of one repository; one row per producer that reported. Result: the number of
-- deduplicated events, the time of the last, and the set of sessions, per producer. A producer that sent nothing has no
-- row: silence is a gap, never a zero. Reads the facts of all producers for the given keys only.
INSERT INTO coverage_v1
    (org_id, repo, bucket_start, is_head, producer, formula, events, last_at, sessions, facts, facts_hash, version)
SELECT org_id, repo, bucket_start, grouping(producer) = 1 AS is_head, producer, {formula:UInt16} AS formula,
    if(is_head, 0, sum(n)) AS events,
    if(is_head, toDateTime64(0, 3, 'UTC'), max(at)) AS last_at,
    if(is_head, [], arraySort(groupUniqArrayIf(cityHash64(session_id), session_id != ''))) AS sessions,
    if(is_head, sum(n), 0) AS facts,
    if(is_head, sum(hash), 0) AS facts_hash,
    {version:UInt64} AS version
FROM
(
    SELECT org_id, repo, toStartOfHour(occurred_at) AS bucket_start, 'guard' AS producer, session_id, occurred_at AS at,
        toUInt64(1) AS n, cityHash64(event_id, occurred_at, content_hash) AS hash
    FROM runtime_event_v1 FINAL
    WHERE (org_id, repo, toStartOfHour(occurred_at)) IN {keys}
        AND occurred_at >= {from:DateTime('UTC')} AND occurred_at < toDateTime64({to:DateTime('UTC')}, 3, 'UTC') + toIntervalHour(1)
    UNION ALL
    SELECT org_id, repo, toStartOfHour(occurred_at), 'scan', '', occurred_at, toUInt64(1), cityHash64(event_id, occurred_at, content_hash)
    FROM scan_v1 FINAL
    WHERE (org_id, repo, toStartOfHour(occurred_at)) IN {keys}
        AND occurred_at >= {from:DateTime('UTC')} AND occurred_at < toDateTime64({to:DateTime('UTC')}, 3, 'UTC') + toIntervalHour(1)
    UNION ALL
    SELECT org_id, repo, toStartOfHour(occurred_at), 'watch', '', occurred_at, toUInt64(1), cityHash64(event_id, occurred_at, content_hash)
    FROM drift_event_v1 FINAL
    WHERE (org_id, repo, toStartOfHour(occurred_at)) IN {keys}
        AND occurred_at >= {from:DateTime('UTC')} AND occurred_at < toDateTime64({to:DateTime('UTC')}, 3, 'UTC') + toIntervalHour(1)
    UNION ALL
    SELECT org_id, repo, toStartOfHour(occurred_at), agent, session_id, occurred_at, toUInt64(1), cityHash64(event_id, occurred_at, content_hash)
    FROM agent_event_v1 FINAL
    WHERE (org_id, repo, toStartOfHour(occurred_at)) IN {keys}
        AND occurred_at >= {from:DateTime('UTC')} AND occurred_at < toDateTime64({to:DateTime('UTC')}, 3, 'UTC') + toIntervalHour(1)
    UNION ALL
    SELECT key.1, key.2, toDateTime(key.3, 'UTC'), '', '', toDateTime64(0, 3, 'UTC'), toUInt64(0), toUInt64(0) FROM (SELECT arrayJoin({keys}) AS key)
)
GROUP BY GROUPING SETS ((org_id, repo, bucket_start), (org_id, repo, bucket_start, producer))
HAVING is_head OR sum(n) > 0
