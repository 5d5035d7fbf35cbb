-- blocked_command_rate by day, one row = one day of one repository, its groups as arrays.
-- Result: the sum of the hours of that day, of each the rows of its head version. A day without hours is empty. Reads
-- blocked_command_rate_v1 for the given days only.
INSERT INTO blocked_command_rate_day_v1
    (org_id, repo, bucket_start, formula, tools, agents, rule_categories, allowed, blocked, asked, version)
SELECT org_id, repo, day AS bucket_start, {formula:UInt16} AS formula,
    groupArrayIf(tool, is_group) AS tools, groupArrayIf(agent, is_group) AS agents, groupArrayIf(rule_category, is_group) AS rule_categories,
    groupArrayIf(allows, is_group) AS allowed, groupArrayIf(blocks, is_group) AS blocked, groupArrayIf(asks, is_group) AS asked,
    {version:UInt64} AS version
FROM
(
    SELECT org_id, repo, toStartOfDay(bucket_start) AS day, tool, agent, rule_category,
        sum(allowed) AS allows, sum(blocked) AS blocks, sum(asked) AS asks, true AS is_group
    FROM
    (
        SELECT *, max(version) OVER (PARTITION BY org_id, repo, bucket_start) AS head_version
        FROM blocked_command_rate_v1 FINAL
        WHERE formula = {formula:UInt16} AND (org_id, repo, toStartOfDay(bucket_start)) IN {keys}
        AND bucket_start >= {from:DateTime('UTC')} AND bucket_start < {to:DateTime('UTC')} + toIntervalDay(1)
    )
    WHERE version = head_version AND NOT is_head
    GROUP BY org_id, repo, day, tool, agent, rule_category
    UNION ALL
    SELECT key.1, key.2, toDateTime(key.3, 'UTC'), '', '', '', 0, 0, 0, false
    FROM (SELECT arrayJoin({keys}) AS key)
)
GROUP BY org_id, repo, day
