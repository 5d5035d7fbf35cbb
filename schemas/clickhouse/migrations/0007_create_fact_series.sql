-- Series that are folded from facts when they are read: exact by definition, and cheap for as long as an
-- organisation has few drifts, injections and secrets. Where that ends, a rollup table takes a view's place
-- and its readers notice nothing. Reader: people, boards, the API. Writer: nobody.

-- Is the posture decaying? Drifts by hour, with the band of their score changes.
CREATE VIEW IF NOT EXISTS drift_history_hour AS
SELECT org_id, repo, toStartOfHour(d.occurred_at) AS bucket_start,
    count() AS drifts,
    countIf(d.is_regression) AS regressions,
    countIf(NOT d.is_regression) AS improvements,
    countIf(d.has_critical) AS critical_drifts,
    min(d.score_delta) AS score_delta_min,
    max(d.score_delta) AS score_delta_max,
    sum(d.score_delta) AS score_delta_sum,
    sum(d.new_findings) AS new_findings,
    sum(d.resolved_findings) AS resolved_findings
FROM drift_event AS d
GROUP BY org_id, repo, bucket_start;

CREATE VIEW IF NOT EXISTS drift_history_day AS
SELECT org_id, repo, toStartOfDay(h.bucket_start) AS bucket_start,
    sum(h.drifts) AS drifts, sum(h.regressions) AS regressions, sum(h.improvements) AS improvements,
    sum(h.critical_drifts) AS critical_drifts, min(h.score_delta_min) AS score_delta_min, max(h.score_delta_max) AS score_delta_max,
    sum(h.score_delta_sum) AS score_delta_sum, sum(h.new_findings) AS new_findings, sum(h.resolved_findings) AS resolved_findings
FROM drift_history_hour AS h
GROUP BY org_id, repo, bucket_start;

-- Injection attempts: decisions that a rule of category injection blocked, out of all decisions; and beside
-- them the injection findings of scans, each once an hour however many scans saw it. The category is
-- structured; no text is matched.
CREATE VIEW IF NOT EXISTS injection_attempt_rate_hour AS
SELECT org_id, repo, bucket_start, sum(attempts) AS attempts, sum(decisions) AS decisions, sum(findings) AS findings
FROM
(
    SELECT org_id, repo, toStartOfHour(r.occurred_at) AS bucket_start,
        countIf(r.decision = 'block' AND r.rule_category = 'injection') AS attempts, count() AS decisions, toUInt64(0) AS findings
    FROM runtime_event AS r
    GROUP BY org_id, repo, bucket_start
    UNION ALL
    SELECT org_id, repo, toStartOfHour(f.occurred_at), toUInt64(0), toUInt64(0), uniqExact(f.finding_key, f.occurrence)
    FROM finding AS f
    WHERE f.category = 'injection'
    GROUP BY org_id, repo, toStartOfHour(f.occurred_at)
)
GROUP BY org_id, repo, bucket_start;

CREATE VIEW IF NOT EXISTS injection_attempt_rate_day AS
SELECT org_id, repo, bucket_start, sum(attempts) AS attempts, sum(decisions) AS decisions, sum(findings) AS findings
FROM
(
    SELECT org_id, repo, toStartOfDay(r.occurred_at) AS bucket_start,
        countIf(r.decision = 'block' AND r.rule_category = 'injection') AS attempts, count() AS decisions, toUInt64(0) AS findings
    FROM runtime_event AS r
    GROUP BY org_id, repo, bucket_start
    UNION ALL
    SELECT org_id, repo, toStartOfDay(f.occurred_at), toUInt64(0), toUInt64(0), uniqExact(f.finding_key, f.occurrence)
    FROM finding AS f
    WHERE f.category = 'injection'
    GROUP BY org_id, repo, toStartOfDay(f.occurred_at)
)
GROUP BY org_id, repo, bucket_start;

-- Secret exposure: one row an episode. A critical secret is exposed from the first scan that shows it to the
-- next scan that does not; shown again later it is the next episode. A scan of 0 files resolves nothing.
CREATE VIEW IF NOT EXISTS secret_exposure_events AS
SELECT org_id, repo, finding_key, min(f_title) AS title, min(f_file) AS file,
    row_number() OVER (PARTITION BY org_id, repo, finding_key ORDER BY min(seen_at)) AS episode,
    min(seen_at) AS first_seen_at,
    max(seen_at) AS last_seen_at,
    nullIf(argMax(next_scan_at, n), toDateTime64(0, 3, 'UTC')) AS resolved_at,
    CAST(isNull(resolved_at), 'Bool') AS is_open
FROM
(
    SELECT *, n - row_number() OVER (PARTITION BY org_id, repo, finding_key ORDER BY n) AS island
    FROM
    (
        SELECT f.org_id AS org_id, f.repo AS repo, f.finding_key AS finding_key, min(f.title) AS f_title, min(f.file) AS f_file,
            s.n AS n, s.occurred_at AS seen_at, s.next_scan_at AS next_scan_at
        FROM finding AS f
        INNER JOIN
        (
            SELECT org_id, repo, event_id, occurred_at,
                toInt64(row_number() OVER scans) AS n,
                leadInFrame(occurred_at, 1, toDateTime64(0, 3, 'UTC')) OVER scans AS next_scan_at
            FROM scan
            WHERE files_scanned > 0
            WINDOW scans AS (PARTITION BY org_id, repo ORDER BY occurred_at, event_id ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING)
        ) AS s ON s.org_id = f.org_id AND s.repo = f.repo AND s.event_id = f.scan_id
        WHERE f.category = 'secrets' AND f.severity = 'critical'
        GROUP BY org_id, repo, finding_key, n, seen_at, next_scan_at
    )
)
GROUP BY org_id, repo, finding_key, island;

-- The newest scan of each repository and the route AgentShield's fleet rules give it; first match wins.
CREATE VIEW IF NOT EXISTS repo_route AS
SELECT org_id, repo,
    argMax(event_id, (occurred_at, event_id)) AS scan_id,
    max(s.occurred_at) AS scanned_at,
    argMax(score, (occurred_at, event_id)) AS score,
    argMax(critical, (occurred_at, event_id)) AS critical,
    argMax(high, (occurred_at, event_id)) AS high,
    argMax(packages_risky, (occurred_at, event_id)) AS risky_packages,
    CAST(argMax(policy_status, (occurred_at, event_id)) = 'failed', 'Bool') AS is_policy_failed,
    CAST(argMax(baseline_status, (occurred_at, event_id)) = 'regressed', 'Bool') AS is_regressed,
    CAST(argMax(expected_bundle_digest != '' AND expected_bundle_digest != bundle_digest, (occurred_at, event_id)), 'Bool') AS is_invalid,
    multiIf(is_invalid, 'invalid',
        critical + high + argMax(packages_critical + packages_high, (occurred_at, event_id)) > 0, 'security-blocker',
        is_policy_failed, 'policy-review',
        is_regressed, 'baseline-regression',
        risky_packages > 0, 'supply-chain-review',
        'ready') AS route
FROM scan AS s
WHERE files_scanned > 0
GROUP BY org_id, repo;

-- The organisation now: its repositories' newest scans, folded. Status as AgentShield's operator readback:
-- invalid evidence before blocked before ready.
CREATE VIEW IF NOT EXISTS cross_repo_org_rollup AS
SELECT org_id,
    count() AS repos,
    avg(r.score) AS score_mean,
    min(r.score) AS score_min,
    sum(r.critical) AS critical,
    sum(r.high) AS high,
    countIf(r.is_policy_failed) AS policy_failures,
    countIf(r.is_regressed) AS baseline_regressions,
    sum(r.risky_packages) AS risky_packages,
    countIf(r.route = 'invalid') AS invalid,
    countIf(r.route = 'security-blocker') AS security_blocker,
    countIf(r.route = 'policy-review') AS policy_review,
    countIf(r.route = 'baseline-regression') AS baseline_regression,
    countIf(r.route = 'supply-chain-review') AS supply_chain_review,
    countIf(r.route = 'ready') AS ready,
    multiIf(invalid > 0, 'invalid-evidence', ready < repos, 'blocked', 'ready') AS status
FROM repo_route AS r
GROUP BY org_id;
