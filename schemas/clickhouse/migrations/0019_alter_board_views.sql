-- Which version sent a decision: of the span by its new name too, see 0018.
ALTER TABLE producer_version_guard_mv_v1 MODIFY QUERY
SELECT OrgId AS org_id, 'guard' AS producer, ServiceName AS program, ResourceAttributes['service.version'] AS version, Repository AS repo,
    min(at) AS first_seen, max(at) AS last_seen
FROM
(
    SELECT OrgId, ServiceName, ResourceAttributes, Repository,
        greatest(least(toDateTime64(Timestamp, 3, 'UTC'), IngestedAt), IngestedAt - toIntervalDay(730)) AS at
    FROM otel_traces
    WHERE OrgId != '' AND SpanName IN ('agentshield.pre_tool_use', 'agentshield.decision') AND Repository != '' AND SpanAttributes['shieldwatch.event.source'] != 'rest'
)
WHERE version != ''
GROUP BY org_id, producer, program, version, repo;

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
