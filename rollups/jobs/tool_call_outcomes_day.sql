-- tool_call_outcomes by day, one row = one day of one repository, its groups as arrays.
-- Result: the sum of the hours of that day, of each the rows of its head version. A day without hours is empty. Reads
-- tool_call_outcomes_v1 for the given days only.
INSERT INTO tool_call_outcomes_day_v1
    (org_id, repo, bucket_start, formula, outcomes, causes, agents, tools, rule_ids, rule_categories, calls, ran, judged, version)
SELECT org_id, repo, day AS bucket_start, {formula:UInt16} AS formula,
    groupArrayIf(outcome, is_group) AS outcomes, groupArrayIf(cause, is_group) AS causes, groupArrayIf(agent, is_group) AS agents,
    groupArrayIf(tool, is_group) AS tools, groupArrayIf(rule_id, is_group) AS rule_ids, groupArrayIf(rule_category, is_group) AS rule_categories,
    groupArrayIf(n, is_group) AS calls, groupArrayIf(r, is_group) AS ran, groupArrayIf(j, is_group) AS judged,
    {version:UInt64} AS version
FROM
(
    SELECT org_id, repo, toStartOfDay(bucket_start) AS day, outcome, cause, agent, tool, rule_id, rule_category,
        sum(calls) AS n, sum(ran) AS r, sum(judged) AS j, true AS is_group
    FROM
    (
        SELECT *, max(version) OVER (PARTITION BY org_id, repo, bucket_start) AS head_version
        FROM tool_call_outcomes_v1 FINAL
        WHERE formula = {formula:UInt16} AND (org_id, repo, toStartOfDay(bucket_start)) IN {keys}
        AND bucket_start >= {from:DateTime('UTC')} AND bucket_start < {to:DateTime('UTC')} + toIntervalDay(1)
    )
    WHERE version = head_version AND NOT is_head
    GROUP BY org_id, repo, day, outcome, cause, agent, tool, rule_id, rule_category
    UNION ALL
    SELECT key.1, key.2, toDateTime(key.3, 'UTC'), '', '', '', '', '', '', 0, 0, 0, false
    FROM (SELECT arrayJoin({keys}) AS key)
)
GROUP BY org_id, repo, day
