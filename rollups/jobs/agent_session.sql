-- agent_session; keys are sessions (organisation, session, 0). Result: one row per session, with a count of its calls by outcome,
-- and its model calls and errors by hour and model.
-- Reads the events of the given sessions and their rows of the ledger. Costs are added in billionths, whose sum does not depend
-- on the order. What an agent calls a cost may be no number, or beyond all measure: it counts nothing, or a million. The keys are
-- added as rows that count nothing, so that a session can become empty.
INSERT INTO agent_session_v1
    (org_id, session_id, formula, agent, agent_name, agent_version, repo, repo_source, repo_claimed, started_at, last_at, permission_modes, events,
     tool_calls, outcomes, subagents, errors, masked, models, input_tokens, output_tokens, cost_usd, usage, version)
SELECT org_id, session_id, {formula:UInt16} AS formula,
    argMaxIf(agent, (reported, -toUnixTimestamp64Milli(occurred_at), event_id), n = 1) AS agent,
    max(agent_name) AS agent_name,
    argMaxIf(agent_version, (occurred_at, event_id), agent_version != '') AS agent_version,
    if(countIf(kind = 'judgement') > 0, argMinIf(r, (occurred_at, event_id, r), kind = 'judgement'), maxIf(r, reported)) AS repo,
    multiIf(countIf(kind = 'judgement') > 0, 'hook', repo != '', 'telemetry', '') AS repo_source,
    if(maxIf(r, reported) != repo, maxIf(r, reported), '') AS repo_claimed,
    minIf(occurred_at, n = 1) AS started_at, maxIf(occurred_at, n = 1) AS last_at,
    arraySort(groupUniqArrayIf(permission_mode, permission_mode != '')) AS permission_modes,
    sum(n) AS events, sum(calls) AS tool_calls,
    sumMap(ended) AS outcomes,
    countIf(kind = 'subagent') AS subagents, sum(failed) AS errors, sum(masked_values) AS masked,
    arraySort(groupUniqArrayIf(model, model != '')) AS models,
    sum(tokens_in) AS input_tokens, sum(tokens_out) AS output_tokens, sum(billionths) / 1000000000 AS cost_usd,
    arrayMap((key, made, hour_in, hour_out, cost, failures) -> (toDateTime(toUInt32(splitByChar(' ', key)[1]), 'UTC'), substring(key, position(key, ' ') + 1),
            made, hour_in, hour_out, cost, failures),
        (sumMapIf([concat(toString(toUnixTimestamp(toStartOfHour(occurred_at))), ' ', model)], [toUInt64(kind = 'model_call')], [tokens_in], [tokens_out],
            [billionths], [failed], kind IN ('model_call', 'error')) AS used).1, used.2, used.3, used.4, used.5, used.6) AS usage,
    {version:UInt64} AS version
FROM
(
    SELECT org_id, session_id, event_id, occurred_at, repo AS r, kind, fact = 'agent_event' AS reported, agent, agent_name, agent_version, permission_mode, model,
        input_tokens AS tokens_in, output_tokens AS tokens_out, toInt64(round(if(isNaN(cost_usd), 0, greatest(least(cost_usd, 1000000), -1000000)) * 1000000000)) AS billionths,
        toUInt64(kind = 'error' OR kind = 'model_call' AND success = 'false') AS failed, toUInt64(masked) AS masked_values,
        toUInt64(1) AS n, toUInt64(0) AS calls, CAST(map(), 'Map(LowCardinality(String), UInt64)') AS ended
    FROM session_event_v1 FINAL
    WHERE (org_id, session_id) IN {repos}
    UNION ALL
    SELECT org_id, session_id, '', toDateTime64(0, 3, 'UTC'), '', '', false, '', '', '', '', '', 0, 0, 0, 0, 0, 0, count(),
        CAST(sumMap(map(outcome, toUInt64(1))), 'Map(LowCardinality(String), UInt64)')
    FROM
    (
        SELECT org_id, session_id, is_head, outcome, version, max(version) OVER (PARTITION BY org_id, repo, bucket_start, session_id) AS head_version
        FROM tool_call_outcome_v1 FINAL
        WHERE formula = {formula:UInt16} AND (org_id, repo, bucket_start, session_id) IN ({session_places})
    )
    WHERE version = head_version AND NOT is_head
    GROUP BY org_id, session_id
    UNION ALL
    SELECT key.1, key.2, '', toDateTime64(0, 3, 'UTC'), '', '', false, '', '', '', '', '', 0, 0, 0, 0, 0, 0, 0, CAST(map(), 'Map(LowCardinality(String), UInt64)')
    FROM (SELECT arrayJoin({repos}) AS key)
)
GROUP BY org_id, session_id
