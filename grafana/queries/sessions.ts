import { sessionTimeline, TIMELINE_KINDS, TIMELINE_ORDER } from '#schemas/clickhouse/session-timeline.js';
import { inFactRange } from './resolution.js';
import { ORG, SCOPE } from './scope.js';

const OF_AGENT = '$__conditionalAll(agent IN (${agent:singlequote}), $agent)';
/** Sessions that were active in the range. */
const ACTIVE = `${SCOPE} AND ${OF_AGENT} AND last_at >= $__fromTime_ms AND started_at < $__toTime_ms`;
/** Outcomes of calls that one of our guards denied and that are not known to have run. */
const BLOCKED = "outcomes['enforced'] + outcomes['presumed']";
const RAN_PAST = "outcomes['bypassed'] + outcomes['failed_open']";
/** US dollars; NULL where the agent reports none. */
const COST = 'if(cost_usd = 0, NULL, cost_usd)';

/** Returns one row: sessions active in the range, and those of them in which a call ran past a guard. NULL without sessions. */
export function sessionCounts(column: 'sessions' | 'passed'): string {
  return `SELECT if(count() = 0, NULL, ${column === 'sessions' ? 'count()' : `countIf(${RAN_PAST} > 0)`}) AS ${column}
FROM agent_session
WHERE ${ACTIVE}`;
}

/** Returns one number of the sessions active in the range; NULL without sessions. */
export function sessionSum(column: 'masked' | 'blocked'): string {
  return `SELECT if(count() = 0, NULL, sum(${column === 'masked' ? 's.masked' : BLOCKED})) AS ${column}
FROM agent_session AS s
WHERE ${ACTIVE}`;
}

/** Condition that a board takes a value: at most 200 characters and none of control, as agents choose names freely. */
const isChoice = (column: string): string =>
  `${column} != '' AND length(${column}) <= 200 AND NOT match(${column}, '[[:cntrl:]]')`;

/** Returns the agents of sessions active in the range, by name. */
export function agentOptions(): string {
  return `SELECT agent
FROM agent_session
WHERE ${ORG} AND last_at >= $__fromTime_ms AND started_at < $__toTime_ms AND ${isChoice('agent')}
GROUP BY agent
ORDER BY agent
LIMIT 500`;
}

/** Returns the options of the variable `session`: sessions active in the range, the newest first; `none` without any. */
export function sessionOptions(): string {
  return `SELECT arrayJoin(if(empty(ids), ['none'], ids)) AS session_id
FROM
(
    SELECT groupArray(session_id) AS ids
    FROM
    (
        SELECT session_id
        FROM agent_session
        WHERE ${ACTIVE} AND ${isChoice('session_id')}
        ORDER BY last_at DESC, session_id
        LIMIT 200
    )
)`;
}

/** Returns sessions active in the range: those in which a call ran past a guard first, then the newest; 100 rows. */
export function sessionList(): string {
  return `SELECT started_at, dateDiff('millisecond', started_at, last_at) AS lasted_ms, agent, if(repo = '', 'not known', repo) AS repository, tool_calls AS calls_made,
    ${BLOCKED} AS blocked, ${RAN_PAST} AS ran_past, subagents, errors, masked, input_tokens + output_tokens AS tokens, ${COST} AS cost, session_id AS session
FROM agent_session
WHERE ${ACTIVE}
ORDER BY ran_past > 0 DESC, last_at DESC, session
LIMIT 100`;
}

const WHAT = `transform(kind, ['model_call', 'tool_call', 'tool_decision', 'tool_result', 'hook_run', 'mcp_connection', 'mode_change'],
        ['model call', 'tool call', 'agent decides', 'tool result', 'hook run', 'MCP connection', 'mode change'], kind)`;
const words = (column: string): string => `replaceAll(${column}, '_', ' ')`;

/** Returns the timeline of the session chosen, within the range, oldest first; 1,000 rows. */
export function timeline(): string {
  return `SELECT occurred_at AS at, ${WHAT} AS what, tool,
    multiIf(kind = '${TIMELINE_KINDS.gap}', concat(toString(lost), ' events never arrived'),
        kind = '${TIMELINE_KINDS.drift}', concat('score ', toString(score_previous), ' to ', toString(score_current)),
        kind = 'judgement', arrayStringConcat(arrayFilter(part -> part != '', [decision, rule_name, reason]), ' · '),
        kind = 'mode_change', permission_mode,
        decision != '', concat(decision, if(decision_source = '', '', concat(' by ', decision_source))),
        error_type != '', error_type,
        success = 'false', 'failed', kind = '${TIMELINE_KINDS.other}', event_name, '') AS detail,
    ${words('outcome')} AS result, model, if(kind = 'model_call', input_tokens + output_tokens, NULL) AS tokens, if(kind = 'model_call' AND cost_usd > 0, cost_usd, NULL) AS cost,
    if(masked = 0, NULL, masked) AS masked_values, if(duration_ms = 0, NULL, duration_ms) AS took_ms, tool_call_id AS tool_call
FROM
(
    ${sessionTimeline({ org: '${org:singlequote}', session: '${session:singlequote}', where: inFactRange('occurred_at') })}
)
ORDER BY ${TIMELINE_ORDER}
LIMIT 1000`;
}
