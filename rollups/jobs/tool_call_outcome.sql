-- tool_call_outcome, the ledger; keys are sessions (organisation, session, 0). One row per tool call, written to the place
-- (repository, hour) that its evidence gives it, and a head for every place that the session has or had events in.
-- Result: for each session a pure function of its deduplicated events. Reads session_event_v1 and session_hour_v1 for the given
-- sessions only. Each step is one pass over the events of a session:
--   1. what the session as a whole says: turns so far, repository of its judgements, how far it went
--   2. the call of each event: by the client's id; a judgement or result without one by session, tool, turn, batch and order
--   3. one row per call, and one per hook run, which names no call
--   4. hook runs joined to calls by session, turn, tool and order
--   5. the evidence in the words of schemas/clickhouse/tool-call-outcome.ts, whose table gives the outcome
INSERT INTO tool_call_outcome_v1
    (org_id, repo, bucket_start, session_id, is_head, tool_call_id, formula, repo_source, repo_claimed, is_inferred, agent, agent_name, tool,
     occurred_at, asked_at, judged_at, decided_at, ran_at, result_at, judgement, judged_by, rule_id, rule_name, rule_category, reason,
     judge_duration_us, agent_decision, agent_decision_source, permission_mode, success, error_type, duration_ms, has_run,
     is_judged_in_time, outcome, cause, missing, judgement_ids, agent_event_ids, version)
SELECT org_id,
    multiIf(judgements > 0, judge.repo, hook_repo != '', hook_repo, claim) AS repo,
    toStartOfHour(toDateTime(first_at, 'UTC')) AS bucket_start, session_id, false AS is_head, call_id AS tool_call_id, {formula:UInt16} AS formula,
    multiIf(judgements > 0, 'hook', hook_repo != '', 'session', claim != '', 'telemetry', '') AS repo_source,
    if(claim != repo, claim, '') AS repo_claimed,
    is_joined_by_order OR {is_by_order} AS is_inferred,
    call_agent AS agent, call_agent_name AS agent_name, if(judgements > 0, judge.tool, reported_tool) AS tool,
    first_at AS occurred_at,
    if(judgements > 0, judge.at - toIntervalMicrosecond(judge.duration_us), NULL) AS asked_at,
    if(judgements > 0, judge.at, NULL) AS judged_at,
    if(decisions > 0, decided.at, NULL) AS decided_at,
    if(results > 0, result.started_at, NULL) AS ran_at,
    if(results > 0, result.ended_at, NULL) AS result_at,
    if(judgements > 0, judge.decision, '') AS judgement, judges AS judged_by,
    judge.rule_id AS rule_id, judge.rule_name AS rule_name, judge.rule_category AS rule_category, judge.reason AS reason,
    judge.duration_us AS judge_duration_us,
    if(of_decision = 'none', '', of_decision) AS agent_decision, decided_source AS agent_decision_source, mode AS permission_mode,
    result.success AS success, result.error_type AS error_type, intDiv(result.duration_us, 1000) AS duration_ms,
    {has_run} AS has_run, {is_judged_in_time} AS is_judged_in_time, {outcome} AS outcome, {cause} AS cause, {missing} AS missing,
    judged_ids AS judgement_ids, reported_ids AS agent_event_ids, {version:UInt64} AS version
FROM
(
    SELECT *,
        if(judgements = 0, 'none', toString(judge.decision)) AS of_judgement,
        if(judgements > 0 AND judge.at > multiIf(decisions > 0, decided.at, runs > 0, result.started_at, judge.at), 'late', 'in_time') AS of_judged,
        hook_state AS of_hook,
        transform(toString(decided_word), ['allow', 'block'], ['accept', 'reject'], 'none') AS of_decision,
        multiIf(lower(decided_source) IN {deciders_hook}, 'hook', lower(decided_source) IN {deciders_user}, 'user',
            decided_source = '', 'unstated', 'agent') AS of_decider,
        -- Codex records a decision for every command that it runs, but for no call of an MCP tool.
        multiIf(runs > 0 AND NOT (call_agent = 'codex' AND decisions = 0 AND span_runs = 0 AND result.success = 'false' AND NOT startsWith(reported_tool, 'mcp__')), 'ran', results > 0, 'refused', 'none') AS of_run,
        if(judgements > 0 AND moved_at > judge.at, 'yes', 'no') AS of_moved_on,
        multiIf(call_agent IN {records_denials}, 'yes', call_agent IN {obeys_denials}, 'obeyed', 'no') AS of_records_denials,
        if(is_heard, 'heard', 'silent') AS of_telemetry,
        multiIf(has_hooks, 'registered', call_agent = 'codex', 'unstated', 'none') AS of_hooks,
        multiIf(mode = 'bypassPermissions', 'bypass', mode = 'auto', 'auto', 'other') AS of_mode
    FROM
    (
        SELECT *, ifNull(maxIf(state, is_hook) OVER (PARTITION BY org_id, session_id, turn, batch, hook_tool, nth), '') AS matched,
            if(matched = '', 'none', substring(matched, 3)) AS hook_state
        FROM
        (
            SELECT *, row_number() OVER (PARTITION BY org_id, session_id, turn, batch, hook_tool, is_hook
                ORDER BY multiIf(call_agent != 'gemini-cli', 0,
                        is_hook, multiIf(state >= '4', 1, state >= '2', 2, 3),
                        results > 0 AND runs = 0, 1, judgements = 0, 3, judge.decision = 'block', 2, 4),
                    multiIf(decisions > 0, decided.at, judgements > 0, judge.at, results > 0, result.started_at, first_at), least_id, call_id) AS nth
            FROM
            (
                SELECT org_id, session_id, is_hook, call_id,
                    min(turn_number) AS turn, min(batch_number) AS batch, min(occurred_at) AS first_at, min(event_id) AS least_id,
                    any(session_repo) AS hook_repo, any(heard) > 0 AS is_heard, any(hook_signs) > 0 AS has_hooks,
                    any(greatest(strong_at, second_call_at)) AS moved_at,
                    max(is_ordered) AS is_joined_by_order,
                    max(if(is_hook, multiIf(
                            hooks_blocking > 0 AND decision_source = {our_hook_name}, '6 blocked_by_ours',
                            hooks_blocking > 0 AND (decision_source != '' OR hooks_blocking + hooks_succeeded + hooks_failed + hooks_cancelled > 1), '4 blocked',
                            hooks_blocking > 0, if(own_signs > 0, '6 blocked_by_ours', '5 blocked_alone'),
                            hooks_failed > 0, '3 failed', hooks_cancelled > 0, '2 cancelled', '1 succeeded'), '')) AS state,
                    countIf(kind = 'judgement') AS judgements,
                    argMinIf(CAST((decision, occurred_at, repo, rule_id, rule_name, rule_category, reason, duration_us, tool, agent),
                            'Tuple(decision String, at DateTime64(3, \'UTC\'), repo String, rule_id String, rule_name String, rule_category String, reason String, duration_us UInt64, tool String, agent String)'),
                        (-transform(decision, ['block', 'ask', 'allow'], [3, 2, 1], 0), occurred_at, event_id, repo), kind = 'judgement') AS judge,
                    arraySort(groupUniqArrayIf(source, kind = 'judgement')) AS judges,
                    arraySort(groupUniqArrayIf(event_id, kind = 'judgement')) AS judged_ids,
                    arraySort(groupUniqArrayIf(event_id, kind != 'judgement')) AS reported_ids,
                    countIf(kind = 'tool_decision') AS decisions,
                    argMaxIf(CAST((occurred_at, event_id), 'Tuple(at DateTime64(3, \'UTC\'), event_id String)'), (occurred_at, event_id, repo), kind = 'tool_decision') AS decided,
                    argMaxIf(decision, (occurred_at, event_id, repo), kind != 'judgement' AND decision IN ('allow', 'block')) AS decided_word,
                    argMaxIf(decision_source, (occurred_at, event_id, repo), kind != 'judgement' AND decision IN ('allow', 'block')) AS decided_source,
                    argMaxIf(permission_mode, (occurred_at, event_id, repo), permission_mode != '') AS mode,
                    countIf(kind IN ('tool_result', 'tool_call')) AS results, countIf(kind = 'tool_call') AS span_runs,
                    countIf(kind IN ('tool_result', 'tool_call') AND NOT is_refusal) AS runs,
                    argMaxIf(CAST((started_at, if(kind = 'tool_call', occurred_at + toIntervalMicrosecond(duration_us), occurred_at), success, error_type, duration_us),
                            'Tuple(started_at DateTime64(3, \'UTC\'), ended_at DateTime64(3, \'UTC\'), success String, error_type String, duration_us UInt64)'),
                        (occurred_at, event_id, repo), kind IN ('tool_result', 'tool_call')) AS result,
                    argMinIf(tool, (occurred_at, event_id, repo), kind != 'judgement' AND tool != '') AS reported_tool,
                    if(any(toolless_hooks) > 0, '', if(reported_tool = '', judge.tool, reported_tool)) AS hook_tool,
                    maxIf(repo, kind != 'judgement') AS claim,
                    if(countIf(kind != 'judgement') > 0, argMinIf(agent, (occurred_at, event_id, repo), kind != 'judgement'), judge.agent) AS call_agent,
                    max(agent_name) AS call_agent_name
                FROM
                (
                    SELECT *, tool_call_id = '' AND NOT is_hook AS is_ordered,
                        maxIf(tool_call_id, side = 'result') OVER (PARTITION BY org_id, session_id, tool, turn_number, batch_number, place) AS id_in_place,
                        multiIf(is_hook, event_id, tool_call_id != '', tool_call_id, id_in_place != '', id_in_place,
                            concat('inferred-', lower(hex(sipHash64(tool, turn_number, batch_number, place))))) AS call_id
                    FROM
                    (
                        SELECT *, row_number() OVER (PARTITION BY org_id, session_id, tool, turn_number, batch_number, side
                            ORDER BY multiIf(agent != 'gemini-cli', 0, kind = 'judgement', transform(decision, ['block', 'ask'], [1, 2], 3), is_refusal, 1, 2),
                                started_at, event_id, repo, fact) AS place
                        FROM
                        (
                            SELECT *,
                                -- Of parallel calls Gemini CLI reports the hooks first, in the order in which they end, and then the
                                -- results: the calls between two results' ends are one batch, in which the strictest goes with the strictest.
                                multiIf(agent != 'gemini-cli', 0, is_asked, results_before,
                                    maxIf(results_before, is_asked) OVER (PARTITION BY org_id, session_id ORDER BY occurred_at RANGE BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)) AS batch_number,
                                multiIf(is_hook, 'hook',
                                    kind = 'judgement' AND tool_call_id = '', 'judgement',
                                    kind = 'tool_decision' AND tool_call_id = '', 'decision',
                                    kind IN ('tool_result', 'tool_call') AND (tool_call_id = '' OR countIf(kind = 'judgement') OVER (PARTITION BY org_id, session_id, tool_call_id) = 0), 'result',
                                    'joined') AS side
                            FROM
                            (
                                SELECT *,
                                    kind = 'hook_run' AND hook_event IN ('PreToolUse', 'BeforeTool') AS is_hook,
                                    is_hook OR kind = 'judgement' AS is_asked,
                                    kind IN ('tool_result', 'tool_call') AND success != 'true' AND (decision = 'block' OR error_type IN ('stop_execution', 'tool_not_registered')) AS is_refusal,
                                    -- Gemini CLI counts the time of its hooks.
                                    if(kind = 'tool_result' AND agent != 'gemini-cli', occurred_at - toIntervalMicrosecond(duration_us), occurred_at) AS started_at,
                                    countIf(kind = 'turn') OVER (PARTITION BY org_id, session_id ORDER BY occurred_at RANGE BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS turn_number,
                                    countIf(kind IN ('tool_result', 'tool_call')) OVER (PARTITION BY org_id, session_id ORDER BY occurred_at RANGE BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS results_before,
                                    argMinIf(repo, (occurred_at, event_id, repo), kind = 'judgement') OVER session AS session_repo,
                                    countIf(fact = 'agent_event') OVER session AS heard,
                                    countIf(kind = 'judgement' OR hook_event IN ('PreToolUse', 'BeforeTool')) OVER session AS hook_signs,
                                    countIf(is_hook AND tool = '') OVER session AS toolless_hooks,
                                    -- Signs of our hook: what it judged, and the second event for which `install` registers it.
                                    countIf(kind = 'judgement' OR hook_event = 'PreSkillShellCommand') OVER session AS own_signs,
                                    countIf(is_hook AND decision_source = {our_hook_name}) OVER session AS own_runs,
                                    maxIf(occurred_at, kind = 'turn' OR agent = 'codex' AND event_name = 'api_request') OVER session AS strong_at,
                                    -- Of the model calls after a judgement the first may be the one that asked for the call.
                                    fromUnixTimestamp64Milli(-(groupArraySortedIf(2)(-toUnixTimestamp64Milli(occurred_at), kind = 'model_call') OVER session)[2], 'UTC') AS second_call_at
                                FROM session_event_v1 FINAL
                                WHERE (org_id, session_id) IN {repos}
                                WINDOW session AS (PARTITION BY org_id, session_id)
                            )
                            -- Where hooks are reported one by one, ours alone are joined with what they judged.
                            WHERE kind IN ('judgement', 'tool_decision', 'tool_result', 'tool_call') OR is_hook AND NOT (own_runs > 0 AND decision_source NOT IN ('', {our_hook_name}))
                        )
                    )
                )
                GROUP BY org_id, session_id, is_hook, call_id
            )
        )
    )
    WHERE NOT is_hook
)
WHERE bucket_start > now() - toIntervalDay(730)
UNION ALL
SELECT org_id, repo, bucket_start, session_id, true, '', {formula:UInt16}, '', '', false, '', '', '', toDateTime64(0, 3, 'UTC'), NULL, NULL, NULL, NULL, NULL,
    '', [], '', '', '', '', 0, '', '', '', '', '', 0, false, false, '', '', [], [], [], {version:UInt64}
FROM ({session_places})
