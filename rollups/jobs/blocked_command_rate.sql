-- blocked_command_rate, one bucket = one hour of one repository.
-- Promise: the rows written equal a count over the deduplicated decisions of that hour, whatever came twice,
-- late or in another order. Numerator and denominator are stored; a rate is formed only where it is read.
-- Reads runtime_event_v1 for the given keys alone; the head row is written even when no decision is left,
-- so that a bucket can become empty.
INSERT INTO blocked_command_rate_v1
    (org_id, repo, bucket_start, is_head, tool, agent, rule_category, allowed, blocked, asked, version)
WITH keys AS
(
    SELECT key.1 AS org_id, key.2 AS repo, key.3 AS bucket_start
    FROM (SELECT arrayJoin(arrayZip({orgs:Array(String)}, {repos:Array(String)}, {hours:Array(DateTime('UTC'))})) AS key)
)
SELECT org_id, repo, toStartOfHour(occurred_at) AS bucket_start, false AS is_head, tool, agent, rule_category,
    countIf(decision = 'allow') AS allowed,
    countIf(decision = 'block') AS blocked,
    countIf(decision = 'ask') AS asked,
    {version:UInt64} AS version
FROM runtime_event_v1 FINAL
WHERE (org_id, repo, toStartOfHour(occurred_at)) IN (SELECT org_id, repo, bucket_start FROM keys)
    AND occurred_at >= {from:DateTime('UTC')} AND occurred_at < {to:DateTime('UTC')} + toIntervalHour(1)
GROUP BY org_id, repo, bucket_start, tool, agent, rule_category
UNION ALL
SELECT org_id, repo, bucket_start, true, '', '', '', 0, 0, 0, {version:UInt64}
FROM keys
