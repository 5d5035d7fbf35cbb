-- Series without a table: exposure of critical secrets. Folded at each read from finding_transition (0018), of which only
-- critical secrets are read, and masked_value (0016). Reader: boards, alerts, the API.

-- One row for each episode: from the first scan that shows the secret to the next scan that does not. A secret that comes back
-- begins another episode. However often a file repeats it, it is one secret. Scans that cannot tell resolve nothing.
CREATE VIEW IF NOT EXISTS secret_exposure_events AS
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

-- Episodes by bucket: begun, ended, open at its end (NULL in a bucket in which none began or ended); and values masked.
CREATE VIEW IF NOT EXISTS secret_exposure_hour AS
SELECT org_id, repo, bucket_start, sum(exposed) AS exposed, sum(resolved) AS resolved, max(open) AS open, sum(masked) AS masked
FROM
(
    SELECT org_id, repo, bucket_start, began AS exposed, ended AS resolved,
        toNullable(toUInt64(sum(toInt64(began) - toInt64(ended)) OVER (PARTITION BY org_id, repo ORDER BY bucket_start))) AS open,
            toUInt64(0) AS masked
    FROM
    (
        SELECT org_id, repo, toStartOfHour(moment.1) AS bucket_start, countIf(moment.2 = 1) AS began, countIf(moment.2 = -1) AS ended
        FROM
        (
            SELECT org_id, repo, arrayJoin(if(e.is_open, [(e.first_seen_at, toInt8(1))],
                [(e.first_seen_at, toInt8(1)), (assumeNotNull(e.resolved_at), toInt8(-1))])) AS moment
            FROM secret_exposure_events AS e
        )
        GROUP BY org_id, repo, bucket_start
    )
    UNION ALL
    SELECT org_id, repo, bucket_start, toUInt64(0), toUInt64(0), NULL, m.masked
    FROM masked_value_hour AS m
)
GROUP BY org_id, repo, bucket_start;

CREATE VIEW IF NOT EXISTS secret_exposure_day AS
SELECT org_id, repo, bucket_start, sum(exposed) AS exposed, sum(resolved) AS resolved, max(open) AS open, sum(masked) AS masked
FROM
(
    SELECT org_id, repo, bucket_start, began AS exposed, ended AS resolved,
        toNullable(toUInt64(sum(toInt64(began) - toInt64(ended)) OVER (PARTITION BY org_id, repo ORDER BY bucket_start))) AS open,
            toUInt64(0) AS masked
    FROM
    (
        SELECT org_id, repo, toStartOfDay(moment.1) AS bucket_start, countIf(moment.2 = 1) AS began, countIf(moment.2 = -1) AS ended
        FROM
        (
            SELECT org_id, repo, arrayJoin(if(e.is_open, [(e.first_seen_at, toInt8(1))],
                [(e.first_seen_at, toInt8(1)), (assumeNotNull(e.resolved_at), toInt8(-1))])) AS moment
            FROM secret_exposure_events AS e
        )
        GROUP BY org_id, repo, bucket_start
    )
    UNION ALL
    SELECT org_id, repo, bucket_start, toUInt64(0), toUInt64(0), NULL, m.masked
    FROM masked_value_day AS m
)
GROUP BY org_id, repo, bucket_start;

CREATE VIEW IF NOT EXISTS secret_exposure_week AS
SELECT org_id, repo, bucket_start, sum(exposed) AS exposed, sum(resolved) AS resolved, max(open) AS open, sum(masked) AS masked
FROM
(
    SELECT org_id, repo, bucket_start, began AS exposed, ended AS resolved,
        toNullable(toUInt64(sum(toInt64(began) - toInt64(ended)) OVER (PARTITION BY org_id, repo ORDER BY bucket_start))) AS open,
            toUInt64(0) AS masked
    FROM
    (
        SELECT org_id, repo, toDateTime(toMonday(moment.1), 'UTC') AS bucket_start, countIf(moment.2 = 1) AS began, countIf(moment.2 = -1) AS ended
        FROM
        (
            SELECT org_id, repo, arrayJoin(if(e.is_open, [(e.first_seen_at, toInt8(1))],
                [(e.first_seen_at, toInt8(1)), (assumeNotNull(e.resolved_at), toInt8(-1))])) AS moment
            FROM secret_exposure_events AS e
        )
        GROUP BY org_id, repo, bucket_start
    )
    UNION ALL
    SELECT org_id, repo, bucket_start, toUInt64(0), toUInt64(0), NULL, m.masked
    FROM masked_value_week AS m
)
GROUP BY org_id, repo, bucket_start;
