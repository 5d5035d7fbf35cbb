import { SCOPE } from './scope.js';

/**
 * Returns findings that are open at the end of the range, most severe first, 500 rows, from `finding_transition`, as
 * the API's list does. File, line and last appearance come from the newest scan with the finding; `first_seen` is its
 * first scan.
 */
export function openFindingRows(): string {
  return `WITH open AS
(
    SELECT repo, severity, category, finding_key, occurrence, argMax(t.title, (t.scan_at, t.scan_id)) AS title,
        argMax(t.change, (t.scan_at, t.scan_id)) AS last_change, min(t.scan_at) AS first_seen
    FROM finding_transition AS t
    WHERE ${SCOPE} AND scan_at < $__toTime_ms
    GROUP BY repo, severity, category, finding_key, occurrence
    HAVING last_change = 1
    ORDER BY indexOf(['critical', 'high', 'medium', 'low', 'info'], severity), first_seen DESC, repo, title
    LIMIT 500
), shown AS
(
    SELECT repo, finding_key, occurrence, argMax((file, line), occurred_at) AS place, max(occurred_at) AS last_seen
    FROM finding
    WHERE ${SCOPE} AND occurred_at < $__toTime_ms AND (repo, finding_key) IN (SELECT repo, finding_key FROM open)
    GROUP BY repo, finding_key, occurrence
)
SELECT open.severity AS severity, open.category AS category, open.title AS title,
    if(shown.place.2 = 0, shown.place.1, concat(shown.place.1, ':', toString(shown.place.2))) AS location,
    open.repo AS repo, open.first_seen AS first_seen, shown.last_seen AS last_seen
FROM open
LEFT JOIN shown ON shown.repo = open.repo AND shown.finding_key = open.finding_key AND shown.occurrence = open.occurrence
ORDER BY indexOf(['critical', 'high', 'medium', 'low', 'info'], severity), first_seen DESC, repo, location`;
}
