import { latestScan } from './latest-scan.js';
import { SCOPE } from './scope.js';

/**
 * Findings of the newest scan of each repository, worst first, 500 rows: what is open now, whenever it was
 * scanned. `first_seen` is the oldest scan that had the same finding under the same key.
 */
export function latestFindings(): string {
  return `WITH latest AS
(
    ${latestScan()}
), open AS
(
    SELECT repo, finding_key, occurrence,
        argMax((severity, category, title, file, line), occurred_at) AS newest,
        max(occurred_at) AS last_seen
    FROM finding
    WHERE ${SCOPE} AND occurred_at <= $__toTime
        AND (repo, scan_id) IN (SELECT repo, scan_id FROM latest)
    GROUP BY repo, finding_key, occurrence
), seen AS
(
    SELECT repo, finding_key, occurrence, min(occurred_at) AS first_seen
    FROM finding
    WHERE ${SCOPE} AND occurred_at <= $__toTime
        AND (repo, finding_key) IN (SELECT repo, finding_key FROM open)
    GROUP BY repo, finding_key, occurrence
)
SELECT newest.1 AS severity, newest.2 AS category, newest.3 AS title,
    if(newest.5 = 0, newest.4, concat(newest.4, ':', toString(newest.5))) AS location,
    repo, first_seen, last_seen
FROM open
INNER JOIN seen USING (repo, finding_key, occurrence)
ORDER BY indexOf(['critical', 'high', 'medium', 'low', 'info'], severity), first_seen DESC, repo, location
LIMIT 500`;
}
