import { latestScan } from './latest-scan.js';
import { SCOPE } from './scope.js';

/**
 * Findings of the newest scan of each repository, worst first, 500 rows: what is open now, whenever it was
 * scanned. `first_seen` is the first scan that showed the same finding under the same key, as the series of what came
 * and went has it; that of a scan which no series holds yet is the scan itself.
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
        AND (repo, toStartOfHour(occurred_at), scan_id) IN (SELECT repo, toStartOfHour(scanned_at), scan_id FROM latest)
    GROUP BY repo, finding_key, occurrence
), seen AS
(
    SELECT repo, finding_key, occurrence, min(t.scan_at) AS first_at
    FROM finding_transition AS t
    WHERE ${SCOPE} AND change = 1 AND (repo, finding_key) IN (SELECT repo, finding_key FROM open)
    GROUP BY repo, finding_key, occurrence
)
SELECT newest.1 AS severity, newest.2 AS category, newest.3 AS title,
    if(newest.5 = 0, newest.4, concat(newest.4, ':', toString(newest.5))) AS location,
    repo, if(first_at = toDateTime64(0, 3, 'UTC') OR first_at > last_seen, last_seen, first_at) AS first_seen, last_seen
FROM open
LEFT JOIN seen USING (repo, finding_key, occurrence)
ORDER BY indexOf(['critical', 'high', 'medium', 'low', 'info'], severity), first_seen DESC, repo, location
LIMIT 500`;
}
