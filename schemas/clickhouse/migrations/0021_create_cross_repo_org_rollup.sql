-- Series: the organisation after each hour in which one of its repositories was scanned: the newest posture of every
-- repository, folded; with the review items open at that time. Parts, key and replay as in 0011, but a bucket is
-- (organisation, hour).
--
-- scans is 0 where the hour's scans are gone. Status is that of AgentShield's operator readback: invalid evidence before
-- blocked before ready. Review items are folded from control_event (0009) at each read.

-- Hours.
CREATE TABLE IF NOT EXISTS cross_repo_org_rollup_v1
(
    org_id LowCardinality(String),
    bucket_start DateTime('UTC'),
    formula UInt16,
    scans UInt64,
    repos UInt64,
    score_sum UInt64,
    score_min UInt8,
    critical UInt64,
    high UInt64,
    medium UInt64,
    low UInt64,
    info UInt64,
    policy_failures UInt64,
    baseline_regressions UInt64,
    risky_packages UInt64,
    invalid UInt64,
    security_blocker UInt64,
    policy_review UInt64,
    baseline_regression UInt64,
    supply_chain_review UInt64,
    ready UInt64,
    version UInt64
)
ENGINE = ReplacingMergeTree(version)
PARTITION BY toYYYYMM(bucket_start)
ORDER BY (org_id, bucket_start, formula)
TTL bucket_start + toIntervalDay(731)
SETTINGS index_granularity = 2048, fsync_after_insert = 0, fsync_part_directory = 0;

-- Moments at which a review item opened (step 1) or closed (step -1): approved, dismissed or superseded.
CREATE VIEW IF NOT EXISTS review_item_step AS
SELECT org_id, subject AS review_item_id, route, at, toInt8(is_open) - toInt8(was_open) AS step
FROM
(
    SELECT org_id, subject, JSONExtractString(detail, 'route') AS route, c.occurred_at AS at, state = 'open' AS is_open,
        lagInFrame(toUInt8(state = 'open')) OVER life AS was_open
    FROM control_event AS c
    WHERE kind = 'review_item'
    WINDOW life AS (PARTITION BY org_id, subject ORDER BY c.occurred_at, c.event_id ROWS BETWEEN 1 PRECEDING AND CURRENT ROW)
)
WHERE step != 0;

-- Review items open at the end of each bucket in which one opened or closed. Holds until the next row of its route.
CREATE VIEW IF NOT EXISTS open_review_item_org_hour AS
SELECT org_id, bucket_start, route, opened, closed,
    toUInt64(sum(toInt64(opened) - toInt64(closed)) OVER (PARTITION BY org_id, route ORDER BY bucket_start)) AS open
FROM (SELECT org_id, toStartOfHour(at) AS bucket_start, route, countIf(step = 1) AS opened,
    countIf(step = -1) AS closed FROM review_item_step GROUP BY org_id, bucket_start, route);

CREATE VIEW IF NOT EXISTS open_review_item_org_day AS
SELECT org_id, bucket_start, route, opened, closed,
    toUInt64(sum(toInt64(opened) - toInt64(closed)) OVER (PARTITION BY org_id, route ORDER BY bucket_start)) AS open
FROM (SELECT org_id, toStartOfDay(at) AS bucket_start, route, countIf(step = 1) AS opened,
    countIf(step = -1) AS closed FROM review_item_step GROUP BY org_id, bucket_start, route);

CREATE VIEW IF NOT EXISTS open_review_item_org_week AS
SELECT org_id, bucket_start, route, opened, closed,
    toUInt64(sum(toInt64(opened) - toInt64(closed)) OVER (PARTITION BY org_id, route ORDER BY bucket_start)) AS open
FROM (SELECT org_id, toDateTime(toMonday(at), 'UTC') AS bucket_start, route, countIf(step = 1) AS opened,
    countIf(step = -1) AS closed FROM review_item_step GROUP BY org_id, bucket_start, route);

-- The same, one row a moment with all routes beside each other, for joins by time.
CREATE VIEW IF NOT EXISTS open_review_item_moment AS
SELECT org_id, at, sum(sum(step)) OVER moments AS open_review_items,
        sum(sumIf(step, route = 'invalid')) OVER moments AS open_invalid,
        sum(sumIf(step, route = 'security-blocker')) OVER moments AS open_security_blocker,
        sum(sumIf(step, route = 'policy-review')) OVER moments AS open_policy_review,
        sum(sumIf(step, route = 'baseline-regression')) OVER moments AS open_baseline_regression,
        sum(sumIf(step, route = 'supply-chain-review')) OVER moments AS open_supply_chain_review
FROM review_item_step
GROUP BY org_id, at
WINDOW moments AS (PARTITION BY org_id ORDER BY at);

-- Critical and high findings whose acceptance holds now, by the scan that shows them; and what else of that scan blocks.
CREATE VIEW IF NOT EXISTS accepted_finding AS
SELECT f.org_id AS org_id, f.repo AS repo, f.scan_id AS scan_id, countIf(f.severity = 'critical') AS critical, countIf(f.severity = 'high') AS high,
    any(s.packages_critical + s.packages_high) AS blocking_packages
FROM finding AS f
INNER JOIN scan AS s ON s.org_id = f.org_id AND s.repo = f.repo AND s.event_id = f.scan_id
WHERE (f.org_id, f.repo, f.finding_key) IN
    (SELECT org_id, repo, finding_key FROM finding_triage_interval WHERE state = 'accepted' AND since <= now64(3, 'UTC') AND until > now64(3, 'UTC'))
    AND f.severity IN ('critical', 'high')
GROUP BY org_id, repo, scan_id;

-- Newest scan of each repository and its route. A finding does not block while its acceptance holds; series over time keep the
-- routes that scans gave.
CREATE VIEW IF NOT EXISTS repo_route AS
SELECT p.org_id AS org_id, p.repo AS repo, p.scan_id AS scan_id, p.scan_at AS scanned_at, p.score AS score, p.critical AS critical, p.high AS high,
    p.risky_packages AS risky_packages, p.is_policy_failed AS is_policy_failed, p.is_regressed AS is_regressed, p.is_invalid AS is_invalid,
    toLowCardinality(multiIf(
        p.route != 'security-blocker' OR a.scan_id = '' OR p.critical + p.high > a.critical + a.high OR a.blocking_packages > 0, toString(p.route),
        p.is_policy_failed, 'policy-review',
        p.is_regressed, 'baseline-regression',
        p.risky_packages > 0, 'supply-chain-review',
        'ready')) AS route
FROM posture_interval AS p
LEFT JOIN accepted_finding AS a ON a.org_id = p.org_id AND a.repo = p.repo AND a.scan_id = p.scan_id
WHERE p.valid_until = toDateTime('2106-02-07 06:00:00', 'UTC');

-- The organisation now.
CREATE VIEW IF NOT EXISTS cross_repo_org_rollup AS
SELECT f.org_id AS org_id, f.repos AS repos, f.score_mean AS score_mean, f.score_min AS score_min, f.critical AS critical, f.high AS high,
    f.policy_failures AS policy_failures, f.baseline_regressions AS baseline_regressions, f.risky_packages AS risky_packages, f.invalid AS invalid,
    f.security_blocker AS security_blocker, f.policy_review AS policy_review, f.baseline_regression AS baseline_regression,
    f.supply_chain_review AS supply_chain_review, f.ready AS ready, f.status AS status,
    toUInt64(o.open_review_items) AS open_review_items,
    toUInt64(o.open_invalid) AS open_invalid,
    toUInt64(o.open_security_blocker) AS open_security_blocker,
    toUInt64(o.open_policy_review) AS open_policy_review,
    toUInt64(o.open_baseline_regression) AS open_baseline_regression,
    toUInt64(o.open_supply_chain_review) AS open_supply_chain_review
FROM
(
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
    GROUP BY org_id
) AS f
LEFT JOIN
(
    SELECT org_id,
        count() AS open_review_items,
        countIf(i.route = 'invalid') AS open_invalid,
        countIf(i.route = 'security-blocker') AS open_security_blocker,
        countIf(i.route = 'policy-review') AS open_policy_review,
        countIf(i.route = 'baseline-regression') AS open_baseline_regression,
        countIf(i.route = 'supply-chain-review') AS open_supply_chain_review
    FROM review_item_state AS i
    WHERE i.status = 'open'
    GROUP BY org_id
) AS o ON o.org_id = f.org_id;

-- The organisation over time, with the review items open at the end of the bucket.
CREATE VIEW IF NOT EXISTS cross_repo_org_rollup_hour AS
SELECT h.org_id AS org_id, h.bucket_start AS bucket_start, h.repos AS repos, h.score_mean AS score_mean, h.score_min AS score_min,
    h.critical AS critical, h.high AS high, h.medium AS medium, h.low AS low, h.info AS info, h.policy_failures AS policy_failures,
    h.baseline_regressions AS baseline_regressions, h.risky_packages AS risky_packages, h.invalid AS invalid,
    h.security_blocker AS security_blocker, h.policy_review AS policy_review, h.baseline_regression AS baseline_regression,
    h.supply_chain_review AS supply_chain_review, h.ready AS ready, h.status AS status,
    toUInt64(o.open_review_items) AS open_review_items,
    toUInt64(o.open_invalid) AS open_invalid,
    toUInt64(o.open_security_blocker) AS open_security_blocker,
    toUInt64(o.open_policy_review) AS open_policy_review,
    toUInt64(o.open_baseline_regression) AS open_baseline_regression,
    toUInt64(o.open_supply_chain_review) AS open_supply_chain_review
FROM
(
    SELECT org_id, t.bucket_start AS bucket_start, repos, score_sum / repos AS score_mean, score_min, critical, high, medium, low, info,
        policy_failures, baseline_regressions, risky_packages,
        invalid, security_blocker, policy_review, baseline_regression, supply_chain_review, ready,
            multiIf(invalid > 0, 'invalid-evidence', ready < repos, 'blocked', 'ready') AS status,
        toDateTime64(t.bucket_start + toIntervalHour(1), 3, 'UTC') AS ends_at
    FROM cross_repo_org_rollup_v1 AS t FINAL
    WHERE formula = (SELECT argMax(formula, switched_at) FROM rollup_formula_v1 WHERE series = 'cross_repo_org_rollup') AND scans > 0
) AS h
ASOF LEFT JOIN open_review_item_moment AS o ON o.org_id = h.org_id AND o.at < h.ends_at;

CREATE VIEW IF NOT EXISTS cross_repo_org_rollup_day AS
SELECT d.org_id AS org_id, d.bucket_start AS bucket_start, d.repos AS repos, d.score_mean AS score_mean, d.score_min AS score_min,
    d.critical AS critical, d.high AS high, d.medium AS medium, d.low AS low, d.info AS info, d.policy_failures AS policy_failures,
    d.baseline_regressions AS baseline_regressions, d.risky_packages AS risky_packages, d.invalid AS invalid,
    d.security_blocker AS security_blocker, d.policy_review AS policy_review, d.baseline_regression AS baseline_regression,
    d.supply_chain_review AS supply_chain_review, d.ready AS ready, d.status AS status,
    toUInt64(o.open_review_items) AS open_review_items,
    toUInt64(o.open_invalid) AS open_invalid,
    toUInt64(o.open_security_blocker) AS open_security_blocker,
    toUInt64(o.open_policy_review) AS open_policy_review,
    toUInt64(o.open_baseline_regression) AS open_baseline_regression,
    toUInt64(o.open_supply_chain_review) AS open_supply_chain_review
FROM
(
    SELECT org_id, toStartOfDay(h.bucket_start) AS bucket_start, toDateTime64(bucket_start + toIntervalDay(1), 3, 'UTC') AS ends_at,
        argMax(h.repos, h.bucket_start) AS repos, argMax(h.score_mean, h.bucket_start) AS score_mean,
            argMax(h.score_min, h.bucket_start) AS score_min, argMax(h.critical, h.bucket_start) AS critical,
            argMax(h.high, h.bucket_start) AS high, argMax(h.medium, h.bucket_start) AS medium, argMax(h.low, h.bucket_start) AS low,
            argMax(h.info, h.bucket_start) AS info, argMax(h.policy_failures, h.bucket_start) AS policy_failures,
            argMax(h.baseline_regressions, h.bucket_start) AS baseline_regressions, argMax(h.risky_packages, h.bucket_start) AS risky_packages,
            argMax(h.invalid, h.bucket_start) AS invalid, argMax(h.security_blocker, h.bucket_start) AS security_blocker,
            argMax(h.policy_review, h.bucket_start) AS policy_review, argMax(h.baseline_regression, h.bucket_start) AS baseline_regression,
            argMax(h.supply_chain_review, h.bucket_start) AS supply_chain_review, argMax(h.ready, h.bucket_start) AS ready,
            argMax(h.status, h.bucket_start) AS status
    FROM cross_repo_org_rollup_hour AS h
    GROUP BY org_id, bucket_start
) AS d
ASOF LEFT JOIN open_review_item_moment AS o ON o.org_id = d.org_id AND o.at < d.ends_at;

CREATE VIEW IF NOT EXISTS cross_repo_org_rollup_week AS
SELECT d.org_id AS org_id, d.bucket_start AS bucket_start, d.repos AS repos, d.score_mean AS score_mean, d.score_min AS score_min,
    d.critical AS critical, d.high AS high, d.medium AS medium, d.low AS low, d.info AS info, d.policy_failures AS policy_failures,
    d.baseline_regressions AS baseline_regressions, d.risky_packages AS risky_packages, d.invalid AS invalid,
    d.security_blocker AS security_blocker, d.policy_review AS policy_review, d.baseline_regression AS baseline_regression,
    d.supply_chain_review AS supply_chain_review, d.ready AS ready, d.status AS status,
    toUInt64(o.open_review_items) AS open_review_items,
    toUInt64(o.open_invalid) AS open_invalid,
    toUInt64(o.open_security_blocker) AS open_security_blocker,
    toUInt64(o.open_policy_review) AS open_policy_review,
    toUInt64(o.open_baseline_regression) AS open_baseline_regression,
    toUInt64(o.open_supply_chain_review) AS open_supply_chain_review
FROM
(
    SELECT org_id, toDateTime(toMonday(h.bucket_start), 'UTC') AS bucket_start, toDateTime64(bucket_start + toIntervalWeek(1), 3, 'UTC') AS ends_at,
        argMax(h.repos, h.bucket_start) AS repos, argMax(h.score_mean, h.bucket_start) AS score_mean,
            argMax(h.score_min, h.bucket_start) AS score_min, argMax(h.critical, h.bucket_start) AS critical,
            argMax(h.high, h.bucket_start) AS high, argMax(h.medium, h.bucket_start) AS medium, argMax(h.low, h.bucket_start) AS low,
            argMax(h.info, h.bucket_start) AS info, argMax(h.policy_failures, h.bucket_start) AS policy_failures,
            argMax(h.baseline_regressions, h.bucket_start) AS baseline_regressions, argMax(h.risky_packages, h.bucket_start) AS risky_packages,
            argMax(h.invalid, h.bucket_start) AS invalid, argMax(h.security_blocker, h.bucket_start) AS security_blocker,
            argMax(h.policy_review, h.bucket_start) AS policy_review, argMax(h.baseline_regression, h.bucket_start) AS baseline_regression,
            argMax(h.supply_chain_review, h.bucket_start) AS supply_chain_review, argMax(h.ready, h.bucket_start) AS ready,
            argMax(h.status, h.bucket_start) AS status
    FROM cross_repo_org_rollup_hour AS h
    GROUP BY org_id, bucket_start
) AS d
ASOF LEFT JOIN open_review_item_moment AS o ON o.org_id = d.org_id AND o.at < d.ends_at;

-- score_trend of the organisation: what its repositories' newest scans leave at the end of each bucket. The grade is
-- AgentShield's for the mean score: A from 90, B from 75, C from 60, D from 40, else F.
CREATE VIEW IF NOT EXISTS score_trend_org_hour AS
SELECT org_id, h.bucket_start AS bucket_start, repos, score_mean, score_min,
    multiIf(score_mean >= 90, 'A', score_mean >= 75, 'B', score_mean >= 60, 'C', score_mean >= 40, 'D', 'F') AS grade
FROM cross_repo_org_rollup_hour AS h;

CREATE VIEW IF NOT EXISTS score_trend_org_day AS
SELECT org_id, d.bucket_start AS bucket_start, repos, score_mean, score_min,
    multiIf(score_mean >= 90, 'A', score_mean >= 75, 'B', score_mean >= 60, 'C', score_mean >= 40, 'D', 'F') AS grade
FROM cross_repo_org_rollup_day AS d;

CREATE VIEW IF NOT EXISTS score_trend_org_week AS
SELECT org_id, w.bucket_start AS bucket_start, repos, score_mean, score_min,
    multiIf(score_mean >= 90, 'A', score_mean >= 75, 'B', score_mean >= 60, 'C', score_mean >= 40, 'D', 'F') AS grade
FROM cross_repo_org_rollup_week AS w;
