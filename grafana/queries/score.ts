import { hourOrDay, inLongerRange, inShortRange } from './resolution.js';
import { SCOPE } from './scope.js';

/**
 * Name of a line. The severity filter changes the score, so scores with different filters are not comparable and have
 * separate lines.
 */
const LINE = "if(min_severity IN ('', 'info'), repo, concat(repo, ' (', min_severity, ' and up)'))";

/** Number of lines, those with the lowest last known score: more are not readable. */
const WORST = 12;

/** Returns the last known score of every line at a moment. Scans of 0 files are skipped. */
function lastKnown(at: string, before: string): string {
  return `SELECT ${at} AS time, ${LINE} AS line, toFloat64(argMax(s.score, (s.occurred_at, s.event_id))) AS score
    FROM scan AS s
    WHERE ${SCOPE} AND occurred_at ${before} AND files_scanned > 0
    GROUP BY line`;
}

/**
 * Returns scores over time, one line per repository, the lowest twelve. A score holds until the next scan: a line
 * enters the range with the last score before it and leaves with the last known one.
 */
export function scoreTrend(): string {
  return `SELECT time, line, score
FROM
(
    SELECT time, line, score, dense_rank() OVER (ORDER BY newest, line) AS place
    FROM
    (
        SELECT time, line, score, argMax(score, time) OVER (PARTITION BY line) AS newest
        FROM
        (
            ${lastKnown("toDateTime($__fromTime, 'UTC')", '< $__fromTime_ms')}
            UNION ALL
            SELECT toDateTime(s.occurred_at, 'UTC') AS time, ${LINE} AS line, toFloat64(argMax(s.score, (s.occurred_at, s.event_id))) AS score
            FROM scan AS s
            WHERE ${SCOPE}
                AND ${inShortRange('occurred_at')}
                AND files_scanned > 0
            GROUP BY time, line
            UNION ALL
            SELECT ${hourOrDay('bucket_start')} AS time, ${LINE} AS line, toFloat64(argMax(score_last, last_at)) AS score
            FROM score_trend_hour
            WHERE ${SCOPE}
                AND ${inLongerRange('bucket_start')}
                AND scans > 0
            GROUP BY time, line
            UNION ALL
            ${lastKnown("toDateTime(least($__toTime, now()), 'UTC')", '< $__toTime_ms')}
        )
    )
)
WHERE place <= ${String(WORST)}
ORDER BY time, line`;
}
