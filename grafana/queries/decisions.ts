import { isCounted } from '#schemas/clickhouse/judged-call.js';
import { hoursOrDays, inShortRange } from './resolution.js';
import { GUARD_SCOPE, ORG, SCOPE } from './scope.js';

/** Below this number of decisions a rate is not shown: a single block would change it by 5 % or more. */
export const MIN_DECISIONS = 20;

/** Dimensions of decisions that facts and rollups share. */
export type DecisionDimension = 'tool' | 'agent' | 'rule_category';

const RATE = { hours: 'blocked_command_rate_hour', days: 'blocked_command_rate_day' };

/**
 * Returns judged calls, each once, as (time, dimension, allowed, blocked, asked): the only source of all numbers about
 * decisions, so that stats and charts agree. A bucket without decisions has no row.
 */
export function decisions(scope: string = SCOPE, dimension: DecisionDimension = 'tool'): string {
  const where = `${scope}
        AND ${inShortRange('occurred_at')}`;
  return `SELECT $__timeInterval(occurred_at) AS time, ${dimension},
        countIf(decision = 'allow') AS allowed, countIf(decision = 'block') AS blocked, countIf(decision = 'ask') AS asked
    FROM runtime_event
    WHERE ${where}
        AND ${isCounted(where, ORG)}
    GROUP BY time, ${dimension}
    UNION ALL
    SELECT time, ${dimension}, sum(allows) AS allowed, sum(blocks) AS blocked, sum(asks) AS asked
    FROM
    (
        ${hoursOrDays(RATE, `bucket_start AS time, ${dimension}, allowed AS allows, blocked AS blocks, asked AS asks`, scope, { withFacts: true })}
    )
    GROUP BY time, ${dimension}`;
}

/**
 * Returns one number: blocked decisions divided by all decisions of the range, as a ratio of sums. NULL without
 * decisions.
 */
export function blockedRate(): string {
  return `SELECT sum(blocked) / nullIf(sum(allowed + blocked + asked), 0) AS rate
FROM
(
    ${decisions()}
)`;
}

/**
 * Returns one number: decisions of the range. NULL instead of 0, because a silent guard is not the same as no calls.
 */
export function decisionCount(scope?: string): string {
  return `SELECT nullIf(sum(allowed + blocked + asked), 0) AS decisions
FROM
(
    ${decisions(scope)}
)`;
}

/** Returns one number: blocked decisions of the range. NULL without decisions, 0 if all were allowed. */
export function blockedCount(scope: string): string {
  return `SELECT if(sum(allowed + blocked + asked) = 0, NULL, sum(blocked)) AS blocked_calls
FROM
(
    ${decisions(scope)}
)`;
}

/** Returns the same as `blockedRate`, but -1 ("too few") below {@link MIN_DECISIONS} decisions. */
export function ratedBlocks(scope: string): string {
  return `SELECT multiIf(isNull(decisions), NULL, decisions < ${String(MIN_DECISIONS)}, -1, sum(blocked) / decisions) AS rate, nullIf(sum(allowed + blocked + asked), 0) AS decisions
FROM
(
    ${decisions(scope)}
)`;
}

/**
 * Returns the blocked rate over time as (time, kind, rate). Buckets with too few decisions for a rate have a kind of
 * their own, so that they can be drawn differently; a bucket without decisions has no point.
 */
export function blockedRateOverTime(scope: string): string {
  return `SELECT time, if(sum(allowed + blocked + asked) < ${String(MIN_DECISIONS)}, 'fewer than ${String(MIN_DECISIONS)} decisions', 'blocked rate') AS kind,
    sum(blocked) / sum(allowed + blocked + asked) AS rate
FROM
(
    ${decisions(scope)}
)
GROUP BY time
HAVING sum(allowed + blocked + asked) > 0
ORDER BY time, kind`;
}

/** Returns decisions, blocks and rate per value of a dimension, most blocked first, 20 rows; rate -1 for too few. */
export function blockedBy(scope: string, dimension: DecisionDimension): string {
  return `SELECT ${dimension}, sum(blocked) AS blocked_calls, sum(allowed + blocked + asked) AS total,
    if(total < ${String(MIN_DECISIONS)}, -1, blocked_calls / total) AS rate
FROM
(
    ${decisions(scope, dimension)}
)
GROUP BY ${dimension}
HAVING total > 0
ORDER BY blocked_calls DESC, total DESC, ${dimension}
LIMIT 20`;
}

/** Returns blocks per rule category, most frequent first, 20 rows. Allowed decisions have no category. */
export function blockedByCategory(): string {
  return `SELECT if(rule_category = '', 'no category', rule_category) AS category, sum(blocked) AS blocked_calls
FROM
(
    ${decisions(GUARD_SCOPE, 'rule_category')}
)
GROUP BY category
HAVING blocked_calls > 0
ORDER BY blocked_calls DESC, category
LIMIT 20`;
}

/**
 * Returns the blocked rate by tool over time, each point a ratio of sums; no point without decisions of that tool. The
 * seven busiest tools of the range by name, the rest together.
 */
export function blockedRateByTool(): string {
  return `SELECT time, tool_name, sum(blocked_calls) / nullIf(sum(total), 0) AS rate
FROM
(
    SELECT time, blocked_calls, total, if(dense_rank() OVER (ORDER BY weight DESC, tool) <= 7, tool, 'other tools') AS tool_name
    FROM
    (
        SELECT time, tool, blocked AS blocked_calls, allowed + blocked + asked AS total, sum(allowed + blocked + asked) OVER (PARTITION BY tool) AS weight
        FROM
        (
            ${decisions()}
        )
    )
)
GROUP BY time, tool_name
ORDER BY time, tool_name`;
}

/** Returns decisions over time by verdict. Verdicts that do not occur in the range have no line. */
export function decisionsByVerdict(scope?: string): string {
  return `SELECT time, verdict, sum(count) AS decisions
FROM
(
    SELECT time, arrayJoin([('allowed', allowed), ('blocked', blocked), ('asked', asked)]) AS pair,
        pair.1 AS verdict, pair.2 AS count
    FROM
    (
        ${decisions(scope)}
    )
)
WHERE count > 0
GROUP BY time, verdict
ORDER BY time, verdict`;
}
