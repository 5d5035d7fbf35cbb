-- blocked_command_rate, one bucket = one hour of one repository.
-- Result: a count over the calls that were judged in that hour, each once and by its strictest judgement, regardless of
-- repeats, late data and order. Numerator and denominator are stored; a rate is computed at read time. Reads
-- runtime_event_v1 for the given keys only, and the other judgements of their calls. The grouping sets make the head
-- row, with the count and hash of all judgements, beside the groups. The keys are added as rows that count nothing, so
-- that a bucket can become empty.
INSERT INTO blocked_command_rate_v1
    (org_id, repo, bucket_start, is_head, tool, agent, rule_category, formula, allowed, blocked, asked, facts, facts_hash, version)
SELECT org_id, repo, bucket_start, grouping(tool) = 1 AS is_head, tool, agent, rule_category, {formula:UInt16} AS formula,
    countIf(counts AND decision = 'allow') AS allowed,
    countIf(counts AND decision = 'block') AS blocked,
    countIf(counts AND decision = 'ask') AS asked,
    if(is_head, sum(n), 0) AS facts,
    if(is_head, sum(hash), 0) AS facts_hash,
    {version:UInt64} AS version
FROM
(
    SELECT org_id, repo, toStartOfHour(occurred_at) AS bucket_start, tool, agent, rule_category, decision,
        {is_counted} AS counts, toUInt64(1) AS n, cityHash64(event_id, occurred_at, content_hash) AS hash
    FROM runtime_event_v1 FINAL
    WHERE (org_id, repo, toStartOfHour(occurred_at)) IN {keys}
        AND occurred_at >= {from:DateTime('UTC')} AND occurred_at < toDateTime64({to:DateTime('UTC')}, 3, 'UTC') + toIntervalHour(1)
    UNION ALL
    SELECT key.1, key.2, toDateTime(key.3, 'UTC'), '', '', '', '', false, toUInt64(0), toUInt64(0) FROM (SELECT arrayJoin({keys}) AS key)
)
GROUP BY GROUPING SETS ((org_id, repo, bucket_start), (org_id, repo, bucket_start, tool, agent, rule_category))
HAVING is_head OR countIf(counts) > 0
