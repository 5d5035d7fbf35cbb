-- tool_call_outcomes, one bucket = one hour of one repository.
-- Result: the tool calls of that hour by outcome and cause, agent, tool and rule, of them those that ran, and of those the ones
-- that were judged in time. Reads the ledger for the given keys only.
INSERT INTO tool_call_outcomes_v1
    (org_id, repo, bucket_start, is_head, outcome, cause, agent, tool, rule_id, rule_category, formula, calls, ran, judged, version)
SELECT org_id, repo, bucket_start, false, outcome, cause, agent, tool, rule_id, rule_category, {formula:UInt16},
    count(), countIf(has_run), countIf(is_judged_in_time), {version:UInt64}
FROM
(
    SELECT *, max(version) OVER (PARTITION BY org_id, repo, bucket_start, session_id) AS head_version
    FROM
    (
        SELECT org_id, repo, bucket_start, session_id, is_head, outcome, cause, agent, tool, rule_id, rule_category, has_run, is_judged_in_time, version
        FROM tool_call_outcome_v1 FINAL
        WHERE formula = {formula:UInt16} AND (org_id, repo, bucket_start) IN {keys}
            AND bucket_start >= {from:DateTime('UTC')} AND bucket_start <= {to:DateTime('UTC')}
    )
)
-- No column above has an alias: one named version or is_head would be meant here.
WHERE version = head_version AND NOT is_head
GROUP BY org_id, repo, bucket_start, outcome, cause, agent, tool, rule_id, rule_category
UNION ALL
SELECT key.1, key.2, toDateTime(key.3, 'UTC'), true, '', '', '', '', '', '', {formula:UInt16}, 0, 0, 0, {version:UInt64} FROM (SELECT arrayJoin({keys}) AS key)
