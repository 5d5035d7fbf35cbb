-- injection_attempt_rate, one row = one hour of one repository.
-- Result: attempts are the calls of that hour that were blocked as injections, out of all judged calls, each once and
-- by its strictest judgement. A guard that reports no rule leaves the category empty: attempts_by_text are the attempts
-- that only the reason's text shows (schemas/clickhouse/injection-attempt.ts). finding_hashes is the set of injection
-- findings of the hour. Reads runtime_event_v1 and finding_v1 for the given keys only, and the other judgements of
-- their calls.
INSERT INTO injection_attempt_rate_v1
    (org_id, repo, bucket_start, formula, attempts, attempts_by_text, decisions, finding_hashes, facts, facts_hash, version)
SELECT org_id, repo, bucket_start, {formula:UInt16} AS formula,
    sum(is_attempt) AS attempts,
    sum(is_attempt_by_text) AS attempts_by_text,
    sum(is_decision) AS decisions,
    arraySort(groupUniqArrayIf(finding_hash, is_injection_finding)) AS finding_hashes,
    sum(n) AS facts,
    sum(hash) AS facts_hash,
    {version:UInt64} AS version
FROM
(
    SELECT org_id, repo, toStartOfHour(occurred_at) AS bucket_start,
        {is_counted} AS counts,
        counts AND {is_injection_attempt} AS is_attempt,
        counts AND {is_attempt_by_text} AS is_attempt_by_text,
        toUInt8(counts) AS is_decision, toUInt64(0) AS finding_hash, false AS is_injection_finding,
        toUInt64(1) AS n, cityHash64(event_id, occurred_at, content_hash) AS hash
    FROM runtime_event_v1 FINAL
    WHERE (org_id, repo, toStartOfHour(occurred_at)) IN {keys}
        AND occurred_at >= {from:DateTime('UTC')} AND occurred_at < toDateTime64({to:DateTime('UTC')}, 3, 'UTC') + toIntervalHour(1)
    UNION ALL
    SELECT org_id, repo, toStartOfHour(occurred_at), false, 0, 0, 0, cityHash64(finding_key, occurrence), category = 'injection',
        toUInt64(1), cityHash64(event_id, occurred_at, content_hash)
    FROM finding_v1 FINAL
    WHERE (org_id, repo, toStartOfHour(occurred_at)) IN {keys}
        AND occurred_at >= {from:DateTime('UTC')} AND occurred_at < toDateTime64({to:DateTime('UTC')}, 3, 'UTC') + toIntervalHour(1)
    UNION ALL
    SELECT key.1, key.2, toDateTime(key.3, 'UTC'), false, 0, 0, 0, toUInt64(0), false, toUInt64(0), toUInt64(0) FROM (SELECT arrayJoin({keys}) AS key)
)
GROUP BY org_id, repo, bucket_start
