-- finding_transition, one bucket = one hour of one repository; one row per finding that a scan of the hour shows and
-- the previous scan does not, or the reverse. Result: for each severity, consecutive scans that report it are compared
-- by (category, finding key, occurrence). Scans with different key schemes are not comparable: their changes are marked
-- is_rekeyed, and count neither as found nor as fixed. Reads the narrow rows of scan_posture for the given
-- repositories, and findings of the compared scans only.
INSERT INTO finding_transition_v1
    (org_id, repo, bucket_start, is_head, severity, category, finding_key, occurrence, scan_at, scan_id, formula, change,
     is_rekeyed, previous_at, title, file, version)
WITH
(
    -- Once, as a constant: ClickHouse runs a named subquery at each reference.
    SELECT groupArray((org_id, repo, bucket_start, scan_at, scan_id, severity_rank, previous_id, previous_at, ifNull(scheme != previous_scheme, false)))
    FROM
    (
        SELECT org_id, repo, bucket_start, scan_at, scan_id, arrayJoin(range(toUInt8(severity_from), 5)) AS severity_rank,
            -- NULL if no finding is listed: comparable with every scheme.
            if(critical + high + medium + low + info = 0, NULL, toString(key_scheme)) AS scheme,
            lagInFrame(scheme) OVER before AS previous_scheme,
            lagInFrame(scan_id) OVER before AS previous_id,
            lagInFrame(scan_at, 1, toDateTime64(0, 3, 'UTC')) OVER before AS previous_at
        FROM scan_posture
        WHERE (org_id, repo) IN {repos} AND is_detailed AND bucket_start <= {to:DateTime('UTC')}
        WINDOW before AS (PARTITION BY org_id, repo, severity_rank ORDER BY scan_at, scan_id ROWS BETWEEN 1 PRECEDING AND CURRENT ROW)
    )
    WHERE (org_id, repo, bucket_start) IN {keys}
) AS pairs
SELECT org_id, repo, bucket_start, false AS is_head, severity, category, finding_key, occurrence, scan_at, scan_id, {formula:UInt16} AS formula,
    toInt8(max(side) = 1) - toInt8(min(side) = -1) AS change, any(is_rekeyed) AS is_rekeyed, any(previous_at) AS previous_at, max(title) AS title, max(file) AS file,
    {version:UInt64} AS version
FROM
(
    -- Findings of a scan (1), and of the previous one (-1).
    SELECT pair.1 AS org_id, pair.2 AS repo, pair.3 AS bucket_start, pair.4 AS scan_at, pair.5 AS scan_id, pair.6 AS severity_rank,
        pair.8 AS previous_at, pair.9 AS is_rekeyed, (arrayJoin([(1, pair.3, pair.5), (-1, toStartOfHour(pair.8), pair.7)]) AS shown).1 AS side,
        shown.2 AS shown_hour, shown.3 AS shown_id
    FROM (SELECT arrayJoin(pairs) AS pair)
) AS p
INNER JOIN
(
    SELECT org_id, repo, toStartOfHour(occurred_at) AS shown_hour, scan_id AS shown_id, severity, category, finding_key, occurrence, title, file,
        indexOf(['info', 'low', 'medium', 'high', 'critical'], severity) - 1 AS severity_rank
    FROM finding_v1 FINAL
    WHERE (org_id, repo, toStartOfHour(occurred_at)) IN
        (SELECT arrayJoin(arrayConcat(arrayMap(pair -> (pair.1, pair.2, pair.3), pairs), arrayMap(pair -> (pair.1, pair.2, toStartOfHour(pair.8)), pairs))))
) AS f USING (org_id, repo, shown_hour, shown_id, severity_rank)
GROUP BY org_id, repo, bucket_start, scan_at, scan_id, severity, category, finding_key, occurrence
HAVING change != 0
UNION ALL
SELECT key.1, key.2, toDateTime(key.3, 'UTC'), true, '', '', '', 0, toDateTime64(0, 3, 'UTC'), '', {formula:UInt16}, 0, false, toDateTime64(0, 3, 'UTC'), '', '', {version:UInt64} FROM (SELECT arrayJoin({keys}) AS key)
