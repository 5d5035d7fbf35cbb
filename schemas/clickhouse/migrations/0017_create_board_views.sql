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
