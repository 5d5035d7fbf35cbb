import { hourOrDay, inNewestDays, inRange } from './resolution.js';
import { GUARD_SCOPE, SCOPE } from './scope.js';

/** Blocked injections over time, by how they were told: by the rule's category, or by the text of the reason alone. */
export function injectionAttempts(): string {
  return `SELECT ${hourOrDay('bucket_start')} AS time, sum(i.attempts) AS by_rule, sum(i.attempts_by_text) AS by_text
FROM injection_attempt_rate AS i
WHERE ${SCOPE} AND ${inRange('bucket_start')}
GROUP BY time
ORDER BY time`;
}

/** One number: injections that a rule of that category blocked in the range. NULL where nothing was decided. */
export function injectionsInRange(): string {
  return `SELECT if(sum(i.decisions) = 0, NULL, sum(i.attempts)) AS injections
FROM injection_attempt_rate AS i
WHERE ${SCOPE} AND ${inRange('bucket_start')}`;
}

/** Milliseconds a decision took at p50, p95 and p99, over time. */
export function decisionLatency(): string {
  return `SELECT time, microseconds[1] / 1000 AS p50, microseconds[2] / 1000 AS p95, microseconds[3] / 1000 AS p99
FROM
(
    SELECT ${hourOrDay('bucket_start')} AS time, quantilesDDMerge(0.01, 0.5, 0.95, 0.99)(d.duration) AS microseconds
    FROM decision_duration AS d
    WHERE ${SCOPE} AND ${inRange('bucket_start')}
    GROUP BY time
)
ORDER BY time`;
}

/** One number: milliseconds at p95 over the whole range. NULL where nothing was decided. */
export function latencyInRange(): string {
  return `SELECT if(sum(d.decisions) = 0, NULL, quantilesDDMerge(0.01, 0.5, 0.95, 0.99)(d.duration)[2] / 1000) AS p95_ms
FROM decision_duration AS d
WHERE ${SCOPE} AND ${inRange('bucket_start')}`;
}

/** The rules that stop most, with one reason each, the newest 3 days of the range; 50 rows. */
export function topRules(): string {
  return `SELECT if(rule_name = '', 'no rule named', rule_name) AS rule, rule_category, any(reason) AS example, count() AS blocked_calls,
    uniqExact(repo) AS repositories, max(occurred_at) AS last_at
FROM runtime_event
WHERE ${GUARD_SCOPE} AND ${inNewestDays('occurred_at', 3)} AND decision = 'block'
GROUP BY rule, rule_category
ORDER BY blocked_calls DESC, rule
LIMIT 50`;
}

/**
 * Rules that blocked for the first time: the nearest thing to a change of rules that decisions show, since a guard
 * does not say which rules it holds. First: not seen in the 7 days before; the newest 7 days of the range.
 */
export function newRuleMarks(): string {
  return `SELECT min(occurred_at) AS time, concat(repo, ': rule ', rule_name, ' blocks for the first time') AS text, 'rules' AS tags
FROM runtime_event
WHERE ${SCOPE} AND occurred_at >= greatest($__fromTime, $__toTime - toIntervalDay(7)) - toIntervalDay(7) AND occurred_at <= $__toTime
    AND decision = 'block' AND rule_name != ''
GROUP BY repo, rule_name
HAVING time >= greatest($__fromTime, $__toTime - toIntervalDay(7))
ORDER BY time
LIMIT 100`;
}
