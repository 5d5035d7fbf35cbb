import { hourOrDay, inFactRange, inRange } from './resolution.js';
import { SCOPE } from './scope.js';

/** Episodes of critical secrets that overlap the range, from secret_exposure_events. */
const EPISODES = `SELECT *
    FROM secret_exposure_events
    WHERE ${SCOPE} AND first_seen_at < $__toTime_ms AND (is_open OR resolved_at > $__fromTime_ms)`;

/** Returns one number: critical secrets exposed now. NULL without scans, 0 if none is exposed. */
export function exposedNow(): string {
  return `SELECT if((SELECT count() FROM repo_route WHERE ${SCOPE}) = 0, NULL, countIf(is_open)) AS exposed
FROM secret_exposure_events
WHERE ${SCOPE}`;
}

/** Returns one number: seconds that the oldest exposed secret has been exposed. NULL if none is. */
export function oldestExposure(): string {
  return `SELECT if(countIf(is_open) = 0, NULL, maxIf(exposure_hours, is_open) * 3600) AS exposed_for
FROM secret_exposure_events
WHERE ${SCOPE}`;
}

/** Returns one number: episodes in the range that are not the first of their secret. NULL without scans. */
export function recurrences(): string {
  return `SELECT if((SELECT count() FROM repo_route WHERE ${SCOPE}) = 0, NULL, countIf(episode > 1 AND ${inFactRange('first_seen_at')})) AS came_back
FROM secret_exposure_events
WHERE ${SCOPE}`;
}

/** Returns one number: values masked in the range. NULL if nothing arrived. */
export function maskedInRange(): string {
  return `SELECT if((SELECT count() FROM coverage_activity_day WHERE ${SCOPE} AND bucket_start >= toStartOfDay($__fromTime) AND bucket_start < $__toTime) = 0, NULL, sum(m.masked)) AS masked_values
FROM masked_value_hour AS m
WHERE ${SCOPE} AND ${inRange('bucket_start')}`;
}

/**
 * Returns exposed (1) or not (0) over time, one lane per secret, the twelve longest exposures of the range. Every lane
 * has a value at each moment at which any of them changes, so that no gap has to be interpreted.
 */
export function exposureOverTime(): string {
  return `SELECT toDateTime(moment, 'UTC') AS time, secret.1 AS lane,
    toUInt8(arrayExists(span -> span.1 <= moment AND (moment < span.2 OR (span.3 AND moment <= span.2)), secret.2)) AS exposed
FROM
(
    SELECT arrayJoin(secrets) AS secret, arrayJoin(moments) AS moment
    FROM
    (
        SELECT groupArray((lane, spans)) AS secrets,
        arraySort(arrayDistinct(arrayConcat([toInt64(toUnixTimestamp($__fromTime)), toInt64(toUnixTimestamp(least($__toTime, now())))],
            groupArrayArray(arrayConcat(spans.1, spans.2))))) AS moments
    FROM
    (
        SELECT concat(repo, ' · ', title, if(count() OVER (PARTITION BY repo, title) > 1, concat(' ', substring(lower(hex(cityHash64(finding_key))), 1, 6)), '')) AS lane, spans
        FROM
        (
            SELECT repo, title, finding_key, groupArray((starts, ends, is_open)) AS spans, sum(ends - starts) AS seconds
            FROM
            (
                SELECT repo, finding_key, title, is_open, toInt64(toUnixTimestamp(greatest(first_seen_at, toDateTime64($__fromTime, 3)))) AS starts,
                    toInt64(toUnixTimestamp(least(ifNull(resolved_at, now64(3, 'UTC')), toDateTime64($__toTime, 3)))) AS ends
                FROM
                (
                    ${EPISODES}
                )
            )
            GROUP BY repo, title, finding_key
            ORDER BY seconds DESC, repo, title, finding_key
            LIMIT 12
        )
    )
    )
)
ORDER BY time, lane`;
}

/** Returns episodes of the range, open ones first, longest exposure first; 200 rows. */
export function episodes(): string {
  return `SELECT if(is_open, 'exposed', 'resolved') AS state, repo, title, file, toUInt32(episode) AS episode, first_seen_at, resolved_at,
    exposure_hours * 3600 AS exposed_for
FROM
(
    ${EPISODES}
)
ORDER BY is_open DESC, exposed_for DESC, repo, title
LIMIT 200`;
}

/** Number of kinds that a chart shows by name; the others are one series. */
const NAMED_KINDS = 6;

/**
 * Returns values masked in transit over time, by kind: the six most frequent of the range by name, the rest together.
 */
export function maskedOverTime(): string {
  return `SELECT time, if(place <= ${String(NAMED_KINDS)}, kind, 'other kinds') AS name, sum(values) AS masked_values
FROM
(
    SELECT time, kind, values, dense_rank() OVER (ORDER BY weight DESC, kind) AS place
    FROM
    (
        SELECT ${hourOrDay('bucket_start')} AS time, kind, sum(k.masked) AS values, sum(values) OVER (PARTITION BY kind) AS weight
        FROM masked_kind_hour AS k
        WHERE ${SCOPE} AND ${inRange('bucket_start')}
        GROUP BY time, kind
    )
)
GROUP BY time, name
ORDER BY time, name`;
}

/** Returns masked values by repository and kind, most first; 50 rows. */
export function maskedByRepository(): string {
  return `SELECT if(repo = '', 'not named', repo) AS repository, kind, sum(k.masked) AS masked_values, max(k.bucket_start) AS last_at
FROM masked_kind_hour AS k
WHERE ${SCOPE} AND ${inRange('bucket_start')}
GROUP BY repository, kind
ORDER BY masked_values DESC, repository, kind
LIMIT 50`;
}
