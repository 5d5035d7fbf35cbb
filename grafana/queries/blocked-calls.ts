import { isCounted } from '#schemas/clickhouse/judged-call.js';
import { inNewestDays } from './resolution.js';
import { ORG, SCOPE } from './scope.js';

/**
 * Returns what the guard blocked in the newest 3 days of the range and why, most frequent first; 100 rows. Producers
 * scrub the reasons.
 */
export function blockedCalls(): string {
  const where = `${SCOPE}
    AND ${inNewestDays('occurred_at', 3)}
    AND decision = 'block'`;
  return `SELECT rule_name, rule_category, tool, any(reason) AS example, count() AS blocked,
    uniqExact(repo) AS repositories, max(occurred_at) AS last_at
FROM runtime_event
WHERE ${where}
    AND ${isCounted(where, ORG)}
GROUP BY rule_name, rule_category, tool
ORDER BY blocked DESC, last_at DESC
LIMIT 100`;
}
