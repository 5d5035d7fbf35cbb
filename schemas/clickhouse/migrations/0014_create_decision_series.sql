-- What people decided, in the series: open review items by route, and findings that are accepted until a date or muted.
-- Folded from the control events when they are read: people decide seldom, and so it is exact at every moment, also
-- when an acceptance ends by itself. Writer: nobody. Reader: boards and the API.

-- An item belongs to the organisation by its id: what closes it may not name the repository.
CREATE OR REPLACE VIEW review_item_state AS
SELECT org_id, argMaxIf(c.repo, (c.occurred_at, c.event_id), c.repo != '') AS repo, subject AS review_item_id,
    argMax(state, (c.occurred_at, c.event_id)) AS status,
    argMax(JSONExtractString(detail, 'route'), (c.occurred_at, c.event_id)) AS route,
    min(c.occurred_at) AS opened_at, max(c.occurred_at) AS changed_at
FROM control_event AS c
WHERE kind = 'review_item'
GROUP BY org_id, subject;

-- Every moment at which an item was opened (step 1) or closed (-1): approved, dismissed or replaced by a newer scan's.
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

-- Open items at the end of each bucket in which one was opened or closed. It holds until the next row of its route.
CREATE VIEW IF NOT EXISTS open_review_item_org_hour AS
SELECT org_id, bucket_start, route, opened, closed,
    toUInt64(sum(toInt64(opened) - toInt64(closed)) OVER (PARTITION BY org_id, route ORDER BY bucket_start)) AS open
FROM (SELECT org_id, toStartOfHour(at) AS bucket_start, route, countIf(step = 1) AS opened, countIf(step = -1) AS closed FROM review_item_step GROUP BY org_id, bucket_start, route);

CREATE VIEW IF NOT EXISTS open_review_item_org_day AS
SELECT org_id, bucket_start, route, opened, closed,
    toUInt64(sum(toInt64(opened) - toInt64(closed)) OVER (PARTITION BY org_id, route ORDER BY bucket_start)) AS open
FROM (SELECT org_id, toStartOfDay(at) AS bucket_start, route, countIf(step = 1) AS opened, countIf(step = -1) AS closed FROM review_item_step GROUP BY org_id, bucket_start, route);

CREATE VIEW IF NOT EXISTS open_review_item_org_week AS
SELECT org_id, bucket_start, route, opened, closed,
    toUInt64(sum(toInt64(opened) - toInt64(closed)) OVER (PARTITION BY org_id, route ORDER BY bucket_start)) AS open
FROM (SELECT org_id, toDateTime(toMonday(at), 'UTC') AS bucket_start, route, countIf(step = 1) AS opened, countIf(step = -1) AS closed FROM review_item_step GROUP BY org_id, bucket_start, route);

-- The same as one row a moment, all routes beside each other, for joining by time.
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

-- The organisation now: as before the repositories by the route that their newest scan calls for, and beside them
-- the review items that are open, by route.
CREATE OR REPLACE VIEW cross_repo_org_rollup AS
SELECT f.org_id AS org_id, f.repos AS repos, f.score_mean AS score_mean, f.score_min AS score_min, f.critical AS critical, f.high AS high, f.policy_failures AS policy_failures, f.baseline_regressions AS baseline_regressions, f.risky_packages AS risky_packages, f.invalid AS invalid, f.security_blocker AS security_blocker, f.policy_review AS policy_review, f.baseline_regression AS baseline_regression, f.supply_chain_review AS supply_chain_review, f.ready AS ready, f.status AS status,
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

-- Its trend, with the items that were open at the end of the bucket.
CREATE OR REPLACE VIEW cross_repo_org_rollup_hour AS
SELECT h.org_id AS org_id, h.bucket_start AS bucket_start, h.repos AS repos, h.score_mean AS score_mean, h.score_min AS score_min, h.critical AS critical, h.high AS high, h.medium AS medium, h.low AS low, h.info AS info, h.policy_failures AS policy_failures, h.baseline_regressions AS baseline_regressions, h.risky_packages AS risky_packages, h.invalid AS invalid, h.security_blocker AS security_blocker, h.policy_review AS policy_review, h.baseline_regression AS baseline_regression, h.supply_chain_review AS supply_chain_review, h.ready AS ready, h.status AS status,
    toUInt64(o.open_review_items) AS open_review_items,
    toUInt64(o.open_invalid) AS open_invalid,
    toUInt64(o.open_security_blocker) AS open_security_blocker,
    toUInt64(o.open_policy_review) AS open_policy_review,
    toUInt64(o.open_baseline_regression) AS open_baseline_regression,
    toUInt64(o.open_supply_chain_review) AS open_supply_chain_review
FROM
(
    SELECT org_id, t.bucket_start AS bucket_start, repos, score_sum / repos AS score_mean, score_min, critical, high, medium, low, info, policy_failures, baseline_regressions, risky_packages,
        invalid, security_blocker, policy_review, baseline_regression, supply_chain_review, ready, multiIf(invalid > 0, 'invalid-evidence', ready < repos, 'blocked', 'ready') AS status,
        toDateTime64(t.bucket_start + toIntervalHour(1), 3, 'UTC') AS ends_at
    FROM cross_repo_org_rollup_v1 AS t FINAL
    WHERE formula = (SELECT argMax(formula, switched_at) FROM rollup_formula_v1 WHERE series = 'cross_repo_org_rollup') AND scans > 0
) AS h
ASOF LEFT JOIN open_review_item_moment AS o ON o.org_id = h.org_id AND o.at < h.ends_at;

CREATE OR REPLACE VIEW cross_repo_org_rollup_day AS
SELECT d.org_id AS org_id, d.bucket_start AS bucket_start, d.repos AS repos, d.score_mean AS score_mean, d.score_min AS score_min, d.critical AS critical, d.high AS high, d.medium AS medium, d.low AS low, d.info AS info, d.policy_failures AS policy_failures, d.baseline_regressions AS baseline_regressions, d.risky_packages AS risky_packages, d.invalid AS invalid, d.security_blocker AS security_blocker, d.policy_review AS policy_review, d.baseline_regression AS baseline_regression, d.supply_chain_review AS supply_chain_review, d.ready AS ready, d.status AS status,
    toUInt64(o.open_review_items) AS open_review_items,
    toUInt64(o.open_invalid) AS open_invalid,
    toUInt64(o.open_security_blocker) AS open_security_blocker,
    toUInt64(o.open_policy_review) AS open_policy_review,
    toUInt64(o.open_baseline_regression) AS open_baseline_regression,
    toUInt64(o.open_supply_chain_review) AS open_supply_chain_review
FROM
(
    SELECT org_id, toStartOfDay(h.bucket_start) AS bucket_start, toDateTime64(bucket_start + toIntervalDay(1), 3, 'UTC') AS ends_at,
        argMax(h.repos, h.bucket_start) AS repos, argMax(h.score_mean, h.bucket_start) AS score_mean, argMax(h.score_min, h.bucket_start) AS score_min, argMax(h.critical, h.bucket_start) AS critical, argMax(h.high, h.bucket_start) AS high, argMax(h.medium, h.bucket_start) AS medium, argMax(h.low, h.bucket_start) AS low, argMax(h.info, h.bucket_start) AS info, argMax(h.policy_failures, h.bucket_start) AS policy_failures, argMax(h.baseline_regressions, h.bucket_start) AS baseline_regressions, argMax(h.risky_packages, h.bucket_start) AS risky_packages, argMax(h.invalid, h.bucket_start) AS invalid, argMax(h.security_blocker, h.bucket_start) AS security_blocker, argMax(h.policy_review, h.bucket_start) AS policy_review, argMax(h.baseline_regression, h.bucket_start) AS baseline_regression, argMax(h.supply_chain_review, h.bucket_start) AS supply_chain_review, argMax(h.ready, h.bucket_start) AS ready, argMax(h.status, h.bucket_start) AS status
    FROM cross_repo_org_rollup_hour AS h
    GROUP BY org_id, bucket_start
) AS d
ASOF LEFT JOIN open_review_item_moment AS o ON o.org_id = d.org_id AND o.at < d.ends_at;

CREATE OR REPLACE VIEW cross_repo_org_rollup_week AS
SELECT d.org_id AS org_id, d.bucket_start AS bucket_start, d.repos AS repos, d.score_mean AS score_mean, d.score_min AS score_min, d.critical AS critical, d.high AS high, d.medium AS medium, d.low AS low, d.info AS info, d.policy_failures AS policy_failures, d.baseline_regressions AS baseline_regressions, d.risky_packages AS risky_packages, d.invalid AS invalid, d.security_blocker AS security_blocker, d.policy_review AS policy_review, d.baseline_regression AS baseline_regression, d.supply_chain_review AS supply_chain_review, d.ready AS ready, d.status AS status,
    toUInt64(o.open_review_items) AS open_review_items,
    toUInt64(o.open_invalid) AS open_invalid,
    toUInt64(o.open_security_blocker) AS open_security_blocker,
    toUInt64(o.open_policy_review) AS open_policy_review,
    toUInt64(o.open_baseline_regression) AS open_baseline_regression,
    toUInt64(o.open_supply_chain_review) AS open_supply_chain_review
FROM
(
    SELECT org_id, toDateTime(toMonday(h.bucket_start), 'UTC') AS bucket_start, toDateTime64(bucket_start + toIntervalWeek(1), 3, 'UTC') AS ends_at,
        argMax(h.repos, h.bucket_start) AS repos, argMax(h.score_mean, h.bucket_start) AS score_mean, argMax(h.score_min, h.bucket_start) AS score_min, argMax(h.critical, h.bucket_start) AS critical, argMax(h.high, h.bucket_start) AS high, argMax(h.medium, h.bucket_start) AS medium, argMax(h.low, h.bucket_start) AS low, argMax(h.info, h.bucket_start) AS info, argMax(h.policy_failures, h.bucket_start) AS policy_failures, argMax(h.baseline_regressions, h.bucket_start) AS baseline_regressions, argMax(h.risky_packages, h.bucket_start) AS risky_packages, argMax(h.invalid, h.bucket_start) AS invalid, argMax(h.security_blocker, h.bucket_start) AS security_blocker, argMax(h.policy_review, h.bucket_start) AS policy_review, argMax(h.baseline_regression, h.bucket_start) AS baseline_regression, argMax(h.supply_chain_review, h.bucket_start) AS supply_chain_review, argMax(h.ready, h.bucket_start) AS ready, argMax(h.status, h.bucket_start) AS status
    FROM cross_repo_org_rollup_hour AS h
    GROUP BY org_id, bucket_start
) AS d
ASOF LEFT JOIN open_review_item_moment AS o ON o.org_id = d.org_id AND o.at < d.ends_at;

-- What was decided about a finding holds from then to the next decision about it, or to its `until`.
CREATE VIEW IF NOT EXISTS finding_triage_interval AS
SELECT org_id, repo, finding_key, state, decided_at AS since, least(next_at, ends_at) AS until
FROM
(
    SELECT org_id, repo, subject AS finding_key, state, c.occurred_at AS decided_at,
        leadInFrame(c.occurred_at, 1, toDateTime64('2106-02-07 06:00:00', 3, 'UTC')) OVER life AS next_at,
        coalesce(parseDateTime64BestEffortOrNull(JSONExtractString(detail, 'until'), 3, 'UTC'), toDateTime64('2106-02-07 06:00:00', 3, 'UTC')) AS ends_at
    FROM control_event AS c
    WHERE kind = 'finding_triage'
    WINDOW life AS (PARTITION BY org_id, repo, subject ORDER BY c.occurred_at, c.event_id ROWS BETWEEN CURRENT ROW AND 1 FOLLOWING)
)
WHERE state IN ('accepted', 'muted') AND since < until;

-- When a finding that scans showed stood accepted or muted: where its being open and a decision about it overlap.
CREATE VIEW IF NOT EXISTS triaged_finding AS
SELECT f.org_id AS org_id, f.repo AS repo, f.severity AS severity, f.category AS category, f.finding_key AS finding_key, f.occurrence AS occurrence,
    t.state AS state, greatest(f.since, t.since) AS since, least(f.until, t.until) AS until
FROM
(
    SELECT org_id, repo, severity, category, finding_key, occurrence, change, p.scan_at AS since,
        leadInFrame(p.scan_at, 1, toDateTime64('2106-02-07 06:00:00', 3, 'UTC')) OVER life AS until
    FROM finding_transition AS p
    WHERE (org_id, repo, finding_key) IN (SELECT org_id, repo, finding_key FROM finding_triage_interval)
    WINDOW life AS (PARTITION BY org_id, repo, severity, category, finding_key, occurrence ORDER BY p.scan_at, p.scan_id ROWS BETWEEN CURRENT ROW AND 1 FOLLOWING)
) AS f
INNER JOIN finding_triage_interval AS t ON t.org_id = f.org_id AND t.repo = f.repo AND t.finding_key = f.finding_key
WHERE f.change = 1 AND greatest(f.since, t.since) < least(f.until, t.until);

-- Every moment at which a finding came, went, or began or ceased to be accepted or muted.
CREATE VIEW IF NOT EXISTS open_finding_step AS
SELECT org_id, repo, severity, category, p.scan_at AS at, toInt64(p.change) AS open, toInt64(0) AS accepted, toInt64(0) AS muted
FROM finding_transition AS p
UNION ALL
SELECT org_id, repo, severity, category, (arrayJoin([(since, 1), (until, -1)]) AS moment).1 AS at, toInt64(0),
    if(state = 'accepted', toInt64(moment.2), 0), if(state = 'muted', toInt64(moment.2), 0)
FROM triaged_finding
WHERE at <= now64(3, 'UTC');

-- Findings open at the end of each bucket in which that changed, and how many of them stood accepted or muted. It holds
-- until the next row of the same severity and category. What nobody has decided about is open - accepted - muted.
CREATE VIEW IF NOT EXISTS open_finding_hour AS
SELECT org_id, repo, bucket_start, severity, category,
    toUInt64(sum(opens) OVER steps) AS open, toUInt64(sum(accepts) OVER steps) AS accepted, toUInt64(sum(mutes) OVER steps) AS muted
FROM
(
    SELECT org_id, repo, toStartOfHour(s.at) AS bucket_start, severity, category, sum(s.open) AS opens, sum(s.accepted) AS accepts, sum(s.muted) AS mutes
    FROM open_finding_step AS s
    GROUP BY org_id, repo, bucket_start, severity, category
)
WINDOW steps AS (PARTITION BY org_id, repo, severity, category ORDER BY bucket_start);

CREATE VIEW IF NOT EXISTS open_finding_org_hour AS
SELECT org_id, bucket_start, severity, category,
    toUInt64(sum(opens) OVER steps) AS open, toUInt64(sum(accepts) OVER steps) AS accepted, toUInt64(sum(mutes) OVER steps) AS muted
FROM
(
    SELECT org_id, toStartOfHour(s.at) AS bucket_start, severity, category, sum(s.open) AS opens, sum(s.accepted) AS accepts, sum(s.muted) AS mutes
    FROM open_finding_step AS s
    GROUP BY org_id, bucket_start, severity, category
)
WINDOW steps AS (PARTITION BY org_id, severity, category ORDER BY bucket_start);

CREATE VIEW IF NOT EXISTS open_finding_day AS
SELECT org_id, repo, bucket_start, severity, category,
    toUInt64(sum(opens) OVER steps) AS open, toUInt64(sum(accepts) OVER steps) AS accepted, toUInt64(sum(mutes) OVER steps) AS muted
FROM
(
    SELECT org_id, repo, toStartOfDay(s.at) AS bucket_start, severity, category, sum(s.open) AS opens, sum(s.accepted) AS accepts, sum(s.muted) AS mutes
    FROM open_finding_step AS s
    GROUP BY org_id, repo, bucket_start, severity, category
)
WINDOW steps AS (PARTITION BY org_id, repo, severity, category ORDER BY bucket_start);

CREATE VIEW IF NOT EXISTS open_finding_org_day AS
SELECT org_id, bucket_start, severity, category,
    toUInt64(sum(opens) OVER steps) AS open, toUInt64(sum(accepts) OVER steps) AS accepted, toUInt64(sum(mutes) OVER steps) AS muted
FROM
(
    SELECT org_id, toStartOfDay(s.at) AS bucket_start, severity, category, sum(s.open) AS opens, sum(s.accepted) AS accepts, sum(s.muted) AS mutes
    FROM open_finding_step AS s
    GROUP BY org_id, bucket_start, severity, category
)
WINDOW steps AS (PARTITION BY org_id, severity, category ORDER BY bucket_start);

CREATE VIEW IF NOT EXISTS open_finding_week AS
SELECT org_id, repo, bucket_start, severity, category,
    toUInt64(sum(opens) OVER steps) AS open, toUInt64(sum(accepts) OVER steps) AS accepted, toUInt64(sum(mutes) OVER steps) AS muted
FROM
(
    SELECT org_id, repo, toDateTime(toMonday(s.at), 'UTC') AS bucket_start, severity, category, sum(s.open) AS opens, sum(s.accepted) AS accepts, sum(s.muted) AS mutes
    FROM open_finding_step AS s
    GROUP BY org_id, repo, bucket_start, severity, category
)
WINDOW steps AS (PARTITION BY org_id, repo, severity, category ORDER BY bucket_start);

CREATE VIEW IF NOT EXISTS open_finding_org_week AS
SELECT org_id, bucket_start, severity, category,
    toUInt64(sum(opens) OVER steps) AS open, toUInt64(sum(accepts) OVER steps) AS accepted, toUInt64(sum(mutes) OVER steps) AS muted
FROM
(
    SELECT org_id, toDateTime(toMonday(s.at), 'UTC') AS bucket_start, severity, category, sum(s.open) AS opens, sum(s.accepted) AS accepts, sum(s.muted) AS mutes
    FROM open_finding_step AS s
    GROUP BY org_id, bucket_start, severity, category
)
WINDOW steps AS (PARTITION BY org_id, severity, category ORDER BY bucket_start);

-- The list itself says how each finding stands now, and until when.
CREATE OR REPLACE VIEW open_finding AS
SELECT f.org_id AS org_id, f.repo AS repo, f.severity AS severity, f.category AS category, f.finding_key AS finding_key, f.occurrence AS occurrence,
    f.title AS title, f.file AS file, f.opened_at AS opened_at, f.recurrences AS recurrences,
    if(t.state = '', 'open', t.state) AS triage, if(t.state = '' OR t.until = toDateTime64('2106-02-07 06:00:00', 3, 'UTC'), NULL, t.until) AS triage_until
FROM
(
    SELECT org_id, repo, severity, category, finding_key, occurrence,
        argMax(t.title, (t.scan_at, t.scan_id)) AS title, argMax(t.file, (t.scan_at, t.scan_id)) AS file,
        max(t.scan_at) AS opened_at, countIf(t.change = -1) AS recurrences
    FROM finding_transition AS t
    GROUP BY org_id, repo, severity, category, finding_key, occurrence
    HAVING argMax(t.change, (t.scan_at, t.scan_id)) = 1
) AS f
LEFT JOIN (SELECT * FROM finding_triage_interval WHERE since <= now64(3, 'UTC') AND until > now64(3, 'UTC')) AS t
    ON t.org_id = f.org_id AND t.repo = f.repo AND t.finding_key = f.finding_key;
