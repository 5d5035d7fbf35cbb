import { isCounted } from '#schemas/clickhouse/judged-call.js';
import { hoursOrDays, inFactRange, inNewestDays } from './resolution.js';
import { GUARD_SCOPE, ORG, SCOPE } from './scope.js';

/** Returns injection attempts and decisions of the range, in buckets. */
function injections(): string {
  return hoursOrDays(
    { hours: 'injection_attempt_rate_hour', days: 'injection_attempt_rate_day' },
    'bucket_start, attempts, attempts_by_text, decisions',
    SCOPE,
  );
}

/**
 * Returns blocked injection attempts over time, by how they were recognised: by the rule's category, or by the text of
 * the reason.
 */
export function injectionAttempts(): string {
  return `SELECT bucket_start AS time, sum(attempts - attempts_by_text) AS by_rule, sum(attempts_by_text) AS by_text
FROM
(
    ${injections()}
)
GROUP BY time
ORDER BY time`;
}

/** Returns one number: injection attempts blocked in the range. NULL without decisions. */
export function injectionsInRange(): string {
  return `SELECT if(sum(decisions) = 0, NULL, sum(attempts)) AS injections
FROM
(
    ${injections()}
)`;
}

/** Returns latency sketches of the range, in buckets. */
function durations(): string {
  return hoursOrDays(
    { hours: 'decision_duration', days: 'decision_duration_sketch_day' },
    'bucket_start, decisions, duration',
    SCOPE,
  );
}

/** Returns the decision time in milliseconds at p50, p95 and p99, over time. */
export function decisionLatency(): string {
  return `SELECT time, microseconds[1] / 1000 AS p50, microseconds[2] / 1000 AS p95, microseconds[3] / 1000 AS p99
FROM
(
    SELECT bucket_start AS time, quantilesDDMerge(0.01, 0.5, 0.95, 0.99)(duration) AS microseconds
    FROM
    (
        ${durations()}
    )
    GROUP BY time
)
ORDER BY time`;
}

/** Returns one number: p95 of the decision time in milliseconds over the whole range. NULL without decisions. */
export function latencyInRange(): string {
  return `SELECT if(sum(decisions) = 0, NULL, quantilesDDMerge(0.01, 0.5, 0.95, 0.99)(duration)[2] / 1000) AS p95_ms
FROM
(
    ${durations()}
)`;
}

/** Returns the rules that block most, with one reason each, the newest 3 days of the range; 50 rows. */
export function topRules(): string {
  const where = `${GUARD_SCOPE} AND ${inNewestDays('occurred_at', 3)} AND decision = 'block'`;
  return `SELECT if(rule_name = '', 'no rule named', rule_name) AS rule, rule_category, any(reason) AS example, count() AS blocked_calls,
    uniqExact(repo) AS repositories, max(occurred_at) AS last_at
FROM runtime_event
WHERE ${where}
    AND ${isCounted(where, ORG)}
GROUP BY rule, rule_category
ORDER BY blocked_calls DESC, rule
LIMIT 50`;
}

/**
 * Returns annotations for changes of the rules that guards and gates apply: a rule that blocks for the first time
 * (guards do not report their rules, so the first block is the first sign), a policy that differs from that of the
 * previous scan, a new baseline, a review decision.
 */
export function ruleChangeMarks(): string {
  return `SELECT time, text, tags
FROM
(
    SELECT toDateTime64(first_seen_at, 3, 'UTC') AS time, concat(repo, ': rule ', value, ' blocks for the first time') AS text, 'rule' AS tags
    FROM dimension
    WHERE ${SCOPE} AND dimension = 'rule' AND ${inFactRange('first_seen_at')}
    UNION ALL
    SELECT occurred_at AS time, concat(repo, ': policy ', before, ' to ', held) AS text, 'policy' AS tags
    FROM
    (
        SELECT repo, occurred_at, held, lagInFrame(held) OVER (PARTITION BY repo ORDER BY occurred_at, event_id) AS before
        FROM
        (
            SELECT repo, occurred_at, event_id, if(policy_name = '', 'none', concat(policy_name, if(policy_pack = '', '', concat(' (', policy_pack, ')')), ', at least ', toString(policy_min_score))) AS held
            FROM scan
            WHERE ${SCOPE} AND ${inFactRange('occurred_at')}
        )
    )
    WHERE before != '' AND held != before
    UNION ALL
    SELECT occurred_at AS time, concat(repo, if(kind = 'baseline', ': baseline set', concat(': review of ', JSONExtractString(detail, 'route'), ' ', state))) AS text, kind AS tags
    FROM control_event
    WHERE ${SCOPE} AND ${inFactRange('occurred_at')} AND (kind = 'baseline' OR (kind = 'review_item' AND state NOT IN ('open', 'superseded')))
)
ORDER BY time
LIMIT 200`;
}
