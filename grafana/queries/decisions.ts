import { drawnAt, inLongerRange, inShortRange } from './resolution.js';
import { SCOPE } from './scope.js';

/**
 * Guard decisions as (time, tool, allowed, blocked, asked): the one source of every number about decisions
 * on the board, so that the stats and the charts agree. A bucket without decisions has no row.
 */
function decisions(): string {
  return `SELECT $__timeInterval(occurred_at) AS time, tool,
        countIf(decision = 'allow') AS allowed, countIf(decision = 'block') AS blocked, countIf(decision = 'ask') AS asked
    FROM runtime_event
    WHERE ${SCOPE}
        AND ${inShortRange('occurred_at')}
    GROUP BY time, tool
    UNION ALL
    SELECT ${drawnAt('bucket_start')} AS time, tool,
        sum(h.allowed) AS allowed, sum(h.blocked) AS blocked, sum(h.asked) AS asked
    FROM blocked_command_rate_hour AS h
    WHERE ${SCOPE}
        AND ${inLongerRange('bucket_start')}
    GROUP BY time, tool`;
}

/** One number: blocked over all decisions of the range, as a ratio of sums. NULL where nothing was decided. */
export function blockedRate(): string {
  return `SELECT sum(blocked) / nullIf(sum(allowed + blocked + asked), 0) AS rate
FROM
(
    ${decisions()}
)`;
}

/** One number: decisions of the range. NULL, not 0, where there are none: a silent guard is not a quiet one. */
export function decisionCount(): string {
  return `SELECT nullIf(sum(allowed + blocked + asked), 0) AS decisions
FROM
(
    ${decisions()}
)`;
}

/**
 * Blocked rate by tool over time, each point a ratio of sums; no point where a tool decided nothing.
 * The seven busiest tools of the range by name, the rest together.
 */
export function blockedRateByTool(): string {
  return `WITH decision AS
(
    ${decisions()}
)
SELECT time,
    if(tool IN (SELECT tool FROM decision GROUP BY tool ORDER BY sum(allowed + blocked + asked) DESC, tool LIMIT 7), tool, 'other tools') AS tool_name,
    sum(blocked) / nullIf(sum(allowed + blocked + asked), 0) AS rate
FROM decision
GROUP BY time, tool_name
ORDER BY time, tool_name`;
}

/** Decisions over time by verdict; verdicts that never occur in the range have no line. */
export function decisionsByVerdict(): string {
  return `SELECT time, verdict, sum(count) AS decisions
FROM
(
    SELECT time, arrayJoin([('allowed', allowed), ('blocked', blocked), ('asked', asked)]) AS pair,
        pair.1 AS verdict, pair.2 AS count
    FROM
    (
        ${decisions()}
    )
)
WHERE count > 0
GROUP BY time, verdict
ORDER BY time, verdict`;
}
