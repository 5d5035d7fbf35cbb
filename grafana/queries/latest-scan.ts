import { SCOPE } from './scope.js';

/**
 * Returns the newest scan of each chosen repository at the end of the range, as (repo, scan_id, scanned_at,
 * critical_findings). Scans of 0 files are skipped.
 */
export function latestScan(): string {
  return `SELECT repo, argMax((event_id, occurred_at, critical), (occurred_at, event_id)) AS newest,
        newest.1 AS scan_id, newest.2 AS scanned_at, newest.3 AS critical_findings
    FROM scan
    WHERE ${SCOPE} AND occurred_at < $__toTime_ms AND files_scanned > 0
    GROUP BY repo`;
}

/** Returns one number: critical findings of the newest scans. NULL without scans. */
export function criticalFindings(): string {
  return `SELECT if(count() = 0, NULL, sum(critical_findings)) AS critical
FROM
(
    ${latestScan()}
)`;
}
