-- Views that boards ask often, in the form that costs least.

-- The sketches of decision times by day, for folding over repositories, as decision_duration has them by hour.
CREATE VIEW IF NOT EXISTS decision_duration_sketch_day AS
SELECT org_id, repo, bucket_start, decisions, duration, duration_us_max
FROM decision_duration_day_v1 FINAL
WHERE formula = (SELECT argMax(formula, switched_at) FROM rollup_formula_v1 WHERE series = 'decision_duration') AND decisions > 0;

-- Every repository and producer now, as in 0009, but days are read once and their sessions, most of their bytes, not at all.
CREATE OR REPLACE VIEW coverage AS
SELECT org_id, repo, producer, minIf(first, first > toDateTime64(0, 3, 'UTC')) AS first_seen_at, max(last) AS last_seen_at,
    multiIf(last_seen_at = toDateTime64(0, 3, 'UTC'), 'never', last_seen_at >= now64(3, 'UTC') - toIntervalHour(24), 'reporting', 'silent') AS state,
    if(state = 'never', NULL, dateDiff('second', last_seen_at, now64(3, 'UTC'))) AS silent_seconds
FROM
(
    SELECT org_id, repo, heard.1 AS producer, toDateTime64(heard.2, 3, 'UTC') AS first, heard.3 AS last
    FROM
    (
        SELECT org_id, repo, arrayJoin(arrayConcat(arrayMap((name, hour, at) -> (toString(name), hour, at), producers, first_hours, last_ats),
            if(repo = '' OR empty(producers), [], [('scan', toDateTime(0, 'UTC'), toDateTime64(0, 3, 'UTC')), ('guard', toDateTime(0, 'UTC'), toDateTime64(0, 3, 'UTC'))]))) AS heard
        FROM coverage_day_v1 FINAL
        WHERE formula = (SELECT argMax(formula, switched_at) FROM rollup_formula_v1 WHERE series = 'coverage')
    )
)
GROUP BY org_id, repo, producer;

-- Episodes of critical secrets, as in 0009, but only what comes and goes of those is looked at, not of every finding.
CREATE OR REPLACE VIEW secret_exposure_events AS
SELECT org_id, repo, finding_key, title, file, row_number() OVER episodes AS episode, scan_at AS first_seen_at,
    ifNull(if(is_open, newest_scan_at, ended_seen_at), scan_at) AS last_seen_at,
    if(is_open, NULL, ended_at) AS resolved_at,
    CAST(ended_at = toDateTime64(0, 3, 'UTC'), 'Bool') AS is_open,
    dateDiff('second', scan_at, ifNull(resolved_at, now64(3, 'UTC'))) / 3600 AS exposure_hours
FROM
(
    SELECT c.*, s.newest_scan_at,
        leadInFrame(scan_at, 1, toDateTime64(0, 3, 'UTC')) OVER next AS ended_at,
        leadInFrame(seen_before_at, 1, toDateTime64(0, 3, 'UTC')) OVER next AS ended_seen_at
    FROM
    (
        SELECT *, sum(delta) OVER (PARTITION BY org_id, repo, finding_key ORDER BY scan_at, scan_id) AS shown
        FROM
        (
            SELECT org_id, repo, finding_key, t.scan_at AS scan_at, t.scan_id AS scan_id, sum(t.change) AS delta,
                min(t.title) AS title, min(t.file) AS file, max(t.previous_at) AS seen_before_at
            FROM
            (
                SELECT *, max(version) OVER (PARTITION BY org_id, repo, bucket_start) AS head_version
                FROM finding_transition_v1 FINAL
                WHERE formula = (SELECT argMax(formula, switched_at) FROM rollup_formula_v1 WHERE series = 'finding_transition')
                    AND (is_head OR (category = 'secrets' AND severity = 'critical'))
            ) AS t
            WHERE t.version = t.head_version AND NOT t.is_head
            GROUP BY org_id, repo, finding_key, scan_at, scan_id
        )
    ) AS c
    LEFT JOIN
    (
        SELECT org_id, repo, max(p.scan_at) AS newest_scan_at FROM scan_posture AS p WHERE p.is_detailed GROUP BY org_id, repo
    ) AS s ON s.org_id = c.org_id AND s.repo = c.repo
    WHERE delta != 0 AND (shown = 0 OR shown = delta)
    WINDOW next AS (PARTITION BY c.org_id, c.repo, c.finding_key ORDER BY c.scan_at, c.scan_id ROWS BETWEEN CURRENT ROW AND 1 FOLLOWING)
)
WHERE shown > 0
WINDOW episodes AS (PARTITION BY org_id, repo, finding_key ORDER BY scan_at, scan_id);
