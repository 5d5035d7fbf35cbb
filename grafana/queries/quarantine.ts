import { inFactRange } from './resolution.js';
import { SCOPE } from './scope.js';

/** Returns records that arrived in the range and did not become facts, by kind and problem; 100 rows. */
export function quarantined(): string {
  return `SELECT record, problem, repo, count() AS records, max(ingested_at) AS last_at
FROM quarantine
WHERE ${SCOPE}
    AND ${inFactRange('ingested_at')}
GROUP BY record, problem, repo
ORDER BY records DESC, last_at DESC
LIMIT 100`;
}
