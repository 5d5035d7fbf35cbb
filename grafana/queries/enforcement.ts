import { PASSED } from '#schemas/alerts/queries.js';
import { hoursOrDays } from './resolution.js';
import { GUARD_SCOPE, ORG, SCOPE } from './scope.js';

const SERIES = { hours: 'tool_call_outcomes_hour', days: 'tool_call_outcomes_day' };
/** Outcomes of calls that somebody denied. */
const DENIED = "('enforced', 'presumed', 'denied_elsewhere', 'overruled', 'bypassed', 'failed_open')";

/** Columns of the series over the range, from its hours or its days. */
function series(columns: string): string {
  return hoursOrDays(SERIES, columns, GUARD_SCOPE);
}

/** `failed_open` as words. */
const words = (column: string): string => `replaceAll(${column}, '_', ' ')`;
const CAUSE = `if(cause = '', 'not known', ${words('cause')})`;

/**
 * Returns one number: calls that a guard judged in time, divided by the calls that ran, as a ratio of sums. NULL if none
 * ran.
 */
export function judgedShare(): string {
  return `SELECT sum(judged) / nullIf(sum(ran), 0) AS share
FROM
(
    ${series('judged, ran')}
)`;
}

/** Returns one number: calls with an outcome in the range. NULL without calls, 0 if none has it. */
export function callsWith(outcome: 'enforced' | 'bypassed' | 'failed_open' | 'unjudged'): string {
  return `SELECT if(sum(calls) = 0, NULL, sumIf(calls, outcome = '${outcome}')) AS tool_calls
FROM
(
    ${series('outcome, calls')}
)`;
}

/** Returns tool calls over time by outcome. */
export function outcomesOverTime(): string {
  return `SELECT bucket_start AS time, ${words('outcome')} AS result, sum(calls) AS tool_calls
FROM
(
    ${series('bucket_start, outcome, calls')}
)
GROUP BY time, result
ORDER BY time, result`;
}

/** Returns the judged share over time by agent; no point where none of its calls ran. */
export function judgedShareOverTime(): string {
  return `SELECT bucket_start AS time, agent, sum(judged) / sum(ran) AS share
FROM
(
    ${series('bucket_start, agent, judged, ran')}
)
GROUP BY time, agent
HAVING sum(ran) > 0
ORDER BY time, agent`;
}

/** Returns the causes of calls that ran without a judgement in time, most frequent first, with their share of all that ran. */
export function unjudgedCauses(): string {
  return `SELECT ${CAUSE} AS why, agent, tool_calls, tool_calls / total AS share
FROM
(
    SELECT cause, agent, sum(ran) - sum(judged) AS tool_calls, sum(sum(ran)) OVER () AS total
    FROM
    (
        ${series('cause, agent, ran, judged')}
    )
    GROUP BY cause, agent
)
WHERE tool_calls > 0
ORDER BY tool_calls DESC, why, agent
LIMIT 50`;
}

/** Returns calls and outcomes by agent and tool, those that passed a guard first; 100 rows. */
export function outcomesByTool(): string {
  return `SELECT agent, tool, sum(calls) AS tool_calls, sum(judged) / nullIf(sum(ran), 0) AS share, sumIf(calls, outcome = 'enforced') AS enforced,
    sumIf(calls, outcome = 'bypassed') AS bypassed, sumIf(calls, outcome = 'failed_open') AS failed_open, sumIf(calls, outcome = 'unjudged') AS unjudged
FROM
(
    ${series('agent, tool, outcome, calls, ran, judged')}
)
GROUP BY agent, tool
ORDER BY bypassed + failed_open DESC, unjudged DESC, tool_calls DESC, agent, tool
LIMIT 100`;
}

/** Returns what became of denied calls by the category of the rule, and of those that no guard of Shieldwatch denied. */
export function denialsByCategory(): string {
  return `SELECT multiIf(outcome = 'denied_elsewhere', 'denied elsewhere', rule_category = '', 'no category', rule_category) AS category,
    sum(calls) AS tool_calls, sumIf(calls, outcome = 'enforced') AS enforced, sumIf(calls, outcome = 'presumed') AS presumed,
    sumIf(calls, outcome = 'bypassed') AS bypassed, sumIf(calls, outcome = 'failed_open') AS failed_open, sumIf(calls, outcome = 'overruled') AS overruled
FROM
(
    ${series('outcome, rule_category, calls')}
)
WHERE outcome IN ${DENIED}
GROUP BY category
ORDER BY tool_calls DESC, category
LIMIT 50`;
}

/**
 * Returns the newest calls of a kind; `limit` rows. The kind is a condition on the series and one on the calls. Each day that
 * the series names has at least one such call, and so has each hour: as many of the newest as rows are enough, with those of
 * the same time, and no others are read. The last day of the range is read by its hours: what it counts may lie behind the
 * range.
 */
function newestCalls(columns: string, inSeries: string, inRows: string, limit: number): string {
  const hours = (from: string, until: string): string =>
    `SELECT repo, bucket_start
            FROM tool_call_outcomes_hour
            WHERE ${GUARD_SCOPE} AND bucket_start >= ${from} AND bucket_start < ${until} AND ${inSeries}`;
  const newest = `GROUP BY repo, bucket_start
        ORDER BY bucket_start DESC
        LIMIT ${String(limit)} WITH TIES`;
  return `SELECT ${columns}
FROM tool_call_outcome
WHERE ${GUARD_SCOPE}
    AND bucket_start >= toStartOfHour($__fromTime) AND bucket_start < $__toTime
    AND (repo, bucket_start) IN
    (
        SELECT repo, bucket_start
        FROM
        (
            ${hours('greatest(toStartOfHour($__fromTime), toStartOfDay($__toTime))', '$__toTime')}
            UNION ALL
            ${hours('toStartOfHour($__fromTime)', 'toStartOfDay($__toTime)')}
                AND (repo, toStartOfDay(bucket_start)) IN
                (
                    SELECT repo, bucket_start
                    FROM tool_call_outcomes_day
                    WHERE ${GUARD_SCOPE} AND bucket_start >= toStartOfDay($__fromTime) AND bucket_start < toStartOfDay($__toTime) AND ${inSeries}
                    ${newest}
                )
        )
        ${newest}
    )
    AND ${inRows}
ORDER BY occurred_at DESC, session_id, tool_call_id
LIMIT ${String(limit)}`;
}

/** Returns the newest calls that passed a guard, with the evidence; 100 rows. */
export function passedCalls(): string {
  return newestCalls(
    `occurred_at AS at, ${words('outcome')} AS result, ${CAUSE} AS why, if(repo = '', 'not known', repo) AS repository, agent, tool,
    if(judgement = '', 'none', concat(judgement, if(rule_name = '', '', concat(' by ', rule_name)))) AS judged_as,
    if(isNull(judged_at) OR isNull(ran_at), NULL, dateDiff('millisecond', ran_at, judged_at)) AS judged_after_ms,
    if(is_inferred, 'by order', 'by id') AS joined, session_id AS session, tool_call_id AS tool_call`,
    `ran > 0 AND ${PASSED}`,
    `has_run AND ${PASSED}`,
    100,
  );
}

/** Returns the newest calls that were denied, with rule, category and reason of our decision; 100 rows. */
export function deniedCalls(): string {
  return newestCalls(
    `occurred_at AS at, ${words('outcome')} AS result, if(repo = '', 'not known', repo) AS repository, agent, tool,
    if(judgement = 'block', if(rule_name = '', 'no rule named', rule_name), 'not ours') AS rule, rule_category,
    if(judgement = 'block', reason, concat('denied by: ', if(cause != '', ${words('cause')}, if(agent_decision_source = '', 'not known', agent_decision_source)))) AS why,
    session_id AS session`,
    `outcome IN ${DENIED}`,
    `outcome IN ${DENIED}`,
    100,
  );
}

/** Returns sessions active in the range by how their repository is known. */
export function attributionSources(): string {
  return `SELECT multiIf(repo_source = '', 'not known', repo_source = 'telemetry', 'claimed by telemetry alone', repo_source) AS source,
    count() AS sessions, sum(s.tool_calls) AS calls_made, countIf(repo_claimed != '') AS contradicted
FROM agent_session AS s
WHERE ${SCOPE} AND last_at >= $__fromTime_ms AND started_at < $__toTime_ms
GROUP BY source
ORDER BY sessions DESC, source`;
}

/**
 * Returns sessions whose telemetry claims another repository than the hook saw, newest first; 100 rows. To a reader who sees
 * one repository only, another has no name.
 */
export function attributionConflicts(): string {
  return `SELECT last_at, repo AS repository,
    if(repo_claimed IN (SELECT repo FROM repository_activity WHERE ${ORG}), repo_claimed, 'another repository') AS claimed, agent, session_id AS session, tool_calls AS calls_made
FROM agent_session
WHERE ${SCOPE} AND last_at >= $__fromTime_ms AND started_at < $__toTime_ms AND repo_claimed != ''
ORDER BY last_at DESC, session
LIMIT 100`;
}
