-- cross_repo_org_rollup, one row = one hour of one organisation (keys have no repository).
-- Result: the fold, by AgentShield's fleet rules, of the newest posture of each repository at the end of the hour.
-- Hours in which no repository was scanned have scans = 0. Reads the rows of posture_interval that hold in those hours;
-- an index skips the others.
INSERT INTO cross_repo_org_rollup_v1
    (org_id, bucket_start, formula, scans, repos, score_sum, score_min, critical, high, medium, low, info, policy_failures,
     baseline_regressions, risky_packages, invalid, security_blocker, policy_review, baseline_regression, supply_chain_review, ready, version)
WITH keys AS
(
    SELECT key.1 AS org_id, key.2 AS repo, toDateTime(key.3, 'UTC') AS bucket_start FROM (SELECT arrayJoin({keys}) AS key)
)
SELECT k.org_id, k.bucket_start, {formula:UInt16} AS formula,
    countIf((p.is_there = 1 AND p.bucket_start <= k.bucket_start AND p.valid_until > k.bucket_start AS holds) AND p.bucket_start = k.bucket_start) AS scans,
    countIf(holds) AS repos,
    sumIf(p.score, holds) AS score_sum,
    minIf(p.score, holds) AS score_min,
    sumIf(p.critical, holds) AS critical,
    sumIf(p.high, holds) AS high,
    sumIf(p.medium, holds) AS medium,
    sumIf(p.low, holds) AS low,
    sumIf(p.info, holds) AS info,
    countIf(holds AND p.is_policy_failed) AS policy_failures,
    countIf(holds AND p.is_regressed) AS baseline_regressions,
    sumIf(p.risky_packages, holds) AS risky_packages,
    countIf(holds AND p.route = 'invalid') AS invalid,
    countIf(holds AND p.route = 'security-blocker') AS security_blocker,
    countIf(holds AND p.route = 'policy-review') AS policy_review,
    countIf(holds AND p.route = 'baseline-regression') AS baseline_regression,
    countIf(holds AND p.route = 'supply-chain-review') AS supply_chain_review,
    countIf(holds AND p.route = 'ready') AS ready,
    {version:UInt64} AS version
FROM keys AS k
LEFT JOIN
(
    SELECT org_id, bucket_start, valid_until, score, critical, high, medium, low, info, is_policy_failed, is_regressed, risky_packages, route, 1 AS is_there
    FROM posture_interval
    WHERE org_id IN {orgs} AND valid_until > {from:DateTime('UTC')} AND bucket_start <= {to:DateTime('UTC')}
) AS p ON p.org_id = k.org_id
GROUP BY k.org_id, k.bucket_start
