-- What people, boards, the API and jobs read of the series: for each the hour as the jobs wrote it, and day and ISO week
-- (from Monday, UTC) folded from hours when they are read, so that they cannot disagree. ..._org_... is the same for
-- the whole organisation. A view shows one formula and, of each bucket, the rows of its greatest version.
-- A rate is formed only by whoever reads: sums of numerators over sums of denominators.
-- CREATE OR REPLACE stands where a view of 0005 or 0007 gets a new definition.

CREATE OR REPLACE VIEW blocked_command_rate_hour AS
SELECT org_id, repo, bucket_start, tool, agent, rule_category, allowed, blocked, asked, allowed + blocked + asked AS total
FROM
(
    SELECT *, max(version) OVER (PARTITION BY org_id, repo, bucket_start) AS head_version
    FROM blocked_command_rate_v1 FINAL
    WHERE formula = (SELECT argMax(formula, switched_at) FROM rollup_formula_v1 WHERE series = 'blocked_command_rate')
)
WHERE version = head_version AND NOT is_head;

CREATE OR REPLACE VIEW blocked_command_rate_day AS
SELECT org_id, repo, toStartOfDay(h.bucket_start) AS bucket_start, tool, agent, rule_category,
    sum(h.allowed) AS allowed, sum(h.blocked) AS blocked, sum(h.asked) AS asked, sum(h.total) AS total
FROM blocked_command_rate_hour AS h
GROUP BY org_id, repo, bucket_start, tool, agent, rule_category;

CREATE VIEW IF NOT EXISTS blocked_command_rate_week AS
SELECT org_id, repo, toDateTime(toMonday(h.bucket_start), 'UTC') AS bucket_start, tool, agent, rule_category,
    sum(h.allowed) AS allowed, sum(h.blocked) AS blocked, sum(h.asked) AS asked, sum(h.total) AS total
FROM blocked_command_rate_hour AS h
GROUP BY org_id, repo, bucket_start, tool, agent, rule_category;

CREATE VIEW IF NOT EXISTS blocked_command_rate_org_hour AS
SELECT org_id, h.bucket_start AS bucket_start, tool, agent, rule_category,
    sum(h.allowed) AS allowed, sum(h.blocked) AS blocked, sum(h.asked) AS asked, sum(h.total) AS total
FROM blocked_command_rate_hour AS h
GROUP BY org_id, bucket_start, tool, agent, rule_category;

CREATE VIEW IF NOT EXISTS blocked_command_rate_org_day AS
SELECT org_id, toStartOfDay(h.bucket_start) AS bucket_start, tool, agent, rule_category,
    sum(h.allowed) AS allowed, sum(h.blocked) AS blocked, sum(h.asked) AS asked, sum(h.total) AS total
FROM blocked_command_rate_hour AS h
GROUP BY org_id, bucket_start, tool, agent, rule_category;

CREATE VIEW IF NOT EXISTS blocked_command_rate_org_week AS
SELECT org_id, toDateTime(toMonday(h.bucket_start), 'UTC') AS bucket_start, tool, agent, rule_category,
    sum(h.allowed) AS allowed, sum(h.blocked) AS blocked, sum(h.asked) AS asked, sum(h.total) AS total
FROM blocked_command_rate_hour AS h
GROUP BY org_id, bucket_start, tool, agent, rule_category;

-- Durations of decisions. decision_duration holds the sketches, for folding; the others the microseconds read off them.
CREATE VIEW IF NOT EXISTS decision_duration AS
SELECT org_id, repo, bucket_start, decisions, duration, duration_us_max
FROM decision_duration_v1 FINAL
WHERE formula = (SELECT argMax(formula, switched_at) FROM rollup_formula_v1 WHERE series = 'decision_duration') AND decisions > 0;

CREATE VIEW IF NOT EXISTS decision_duration_hour AS
SELECT org_id, repo, d.bucket_start AS bucket_start, sum(d.decisions) AS decisions,
    quantilesDDMerge(0.01, 0.5, 0.95, 0.99)(d.duration) AS quantiles,
    quantiles[1] AS duration_us_p50, quantiles[2] AS duration_us_p95, quantiles[3] AS duration_us_p99, max(d.duration_us_max) AS duration_us_max
FROM decision_duration AS d
GROUP BY org_id, repo, bucket_start;

CREATE VIEW IF NOT EXISTS decision_duration_org_hour AS
SELECT org_id, d.bucket_start AS bucket_start, sum(d.decisions) AS decisions,
    quantilesDDMerge(0.01, 0.5, 0.95, 0.99)(d.duration) AS quantiles,
    quantiles[1] AS duration_us_p50, quantiles[2] AS duration_us_p95, quantiles[3] AS duration_us_p99, max(d.duration_us_max) AS duration_us_max
FROM decision_duration AS d
GROUP BY org_id, bucket_start;

CREATE VIEW IF NOT EXISTS decision_duration_day AS
SELECT org_id, repo, toStartOfDay(d.bucket_start) AS bucket_start, sum(d.decisions) AS decisions,
    quantilesDDMerge(0.01, 0.5, 0.95, 0.99)(d.duration) AS quantiles,
    quantiles[1] AS duration_us_p50, quantiles[2] AS duration_us_p95, quantiles[3] AS duration_us_p99, max(d.duration_us_max) AS duration_us_max
FROM decision_duration AS d
GROUP BY org_id, repo, bucket_start;

CREATE VIEW IF NOT EXISTS decision_duration_org_day AS
SELECT org_id, toStartOfDay(d.bucket_start) AS bucket_start, sum(d.decisions) AS decisions,
    quantilesDDMerge(0.01, 0.5, 0.95, 0.99)(d.duration) AS quantiles,
    quantiles[1] AS duration_us_p50, quantiles[2] AS duration_us_p95, quantiles[3] AS duration_us_p99, max(d.duration_us_max) AS duration_us_max
FROM decision_duration AS d
GROUP BY org_id, bucket_start;

CREATE VIEW IF NOT EXISTS decision_duration_week AS
SELECT org_id, repo, toDateTime(toMonday(d.bucket_start), 'UTC') AS bucket_start, sum(d.decisions) AS decisions,
    quantilesDDMerge(0.01, 0.5, 0.95, 0.99)(d.duration) AS quantiles,
    quantiles[1] AS duration_us_p50, quantiles[2] AS duration_us_p95, quantiles[3] AS duration_us_p99, max(d.duration_us_max) AS duration_us_max
FROM decision_duration AS d
GROUP BY org_id, repo, bucket_start;

CREATE VIEW IF NOT EXISTS decision_duration_org_week AS
SELECT org_id, toDateTime(toMonday(d.bucket_start), 'UTC') AS bucket_start, sum(d.decisions) AS decisions,
    quantilesDDMerge(0.01, 0.5, 0.95, 0.99)(d.duration) AS quantiles,
    quantiles[1] AS duration_us_p50, quantiles[2] AS duration_us_p95, quantiles[3] AS duration_us_p99, max(d.duration_us_max) AS duration_us_max
FROM decision_duration AS d
GROUP BY org_id, bucket_start;

CREATE OR REPLACE VIEW score_trend_hour AS
SELECT org_id, repo, bucket_start, min_severity, producer_version, scans, empty_scans, score_sum,
    grade_last, total_findings_last, critical_last, high_last, files_scanned_last,
    -- A bucket of nothing but empty scans has no score: absence, not zero.
    if(scans = 0, NULL, score_min) AS score_min,
    if(scans = 0, NULL, score_max) AS score_max,
    if(scans = 0, NULL, score_last) AS score_last,
    if(scans = 0, NULL, score_sum / scans) AS score_mean,
    if(scans = 0, NULL, score_secrets_last) AS score_secrets_last,
    if(scans = 0, NULL, score_permissions_last) AS score_permissions_last,
    if(scans = 0, NULL, score_hooks_last) AS score_hooks_last,
    if(scans = 0, NULL, score_mcp_last) AS score_mcp_last,
    if(scans = 0, NULL, score_agents_last) AS score_agents_last,
    if(scans = 0, NULL, last_at) AS last_at
FROM
(
    SELECT *, max(version) OVER (PARTITION BY org_id, repo, bucket_start) AS head_version
    FROM score_trend_v1 FINAL
    WHERE formula = (SELECT argMax(formula, switched_at) FROM rollup_formula_v1 WHERE series = 'score_trend')
)
WHERE version = head_version AND NOT is_head;

CREATE OR REPLACE VIEW score_trend_day AS
SELECT org_id, repo, toStartOfDay(h.bucket_start) AS bucket_start, min_severity, producer_version,
    sum(h.scans) AS scans, sum(h.empty_scans) AS empty_scans, sum(h.score_sum) AS score_sum,
    min(h.score_min) AS score_min, max(h.score_max) AS score_max,
    argMax(h.score_last, h.last_at) AS score_last, if(scans = 0, NULL, score_sum / scans) AS score_mean,
    -- Strings and counts of an empty bucket are '' and 0. Its last_at is NULL and never wins an argMax.
    argMax(h.grade_last, h.last_at) AS grade_last,
    argMax(h.score_secrets_last, h.last_at) AS score_secrets_last,
    argMax(h.score_permissions_last, h.last_at) AS score_permissions_last,
    argMax(h.score_hooks_last, h.last_at) AS score_hooks_last,
    argMax(h.score_mcp_last, h.last_at) AS score_mcp_last,
    argMax(h.score_agents_last, h.last_at) AS score_agents_last,
    argMax(h.total_findings_last, h.last_at) AS total_findings_last,
    argMax(h.critical_last, h.last_at) AS critical_last,
    argMax(h.high_last, h.last_at) AS high_last,
    argMax(h.files_scanned_last, h.last_at) AS files_scanned_last,
    max(h.last_at) AS last_at
FROM score_trend_hour AS h
GROUP BY org_id, repo, bucket_start, min_severity, producer_version;

CREATE VIEW IF NOT EXISTS score_trend_week AS
SELECT org_id, repo, toDateTime(toMonday(h.bucket_start), 'UTC') AS bucket_start, min_severity, producer_version,
    sum(h.scans) AS scans, sum(h.empty_scans) AS empty_scans, sum(h.score_sum) AS score_sum,
    min(h.score_min) AS score_min, max(h.score_max) AS score_max,
    argMax(h.score_last, h.last_at) AS score_last, if(scans = 0, NULL, score_sum / scans) AS score_mean,
    -- Strings and counts of an empty bucket are '' and 0. Its last_at is NULL and never wins an argMax.
    argMax(h.grade_last, h.last_at) AS grade_last,
    argMax(h.score_secrets_last, h.last_at) AS score_secrets_last,
    argMax(h.score_permissions_last, h.last_at) AS score_permissions_last,
    argMax(h.score_hooks_last, h.last_at) AS score_hooks_last,
    argMax(h.score_mcp_last, h.last_at) AS score_mcp_last,
    argMax(h.score_agents_last, h.last_at) AS score_agents_last,
    argMax(h.total_findings_last, h.last_at) AS total_findings_last,
    argMax(h.critical_last, h.last_at) AS critical_last,
    argMax(h.high_last, h.last_at) AS high_last,
    argMax(h.files_scanned_last, h.last_at) AS files_scanned_last,
    max(h.last_at) AS last_at
FROM score_trend_hour AS h
GROUP BY org_id, repo, bucket_start, min_severity, producer_version;

-- Is the posture decaying? new_findings and resolved_findings are what the drifts claim; new_critical to resolved_info
-- what scans show. Without a drift the band of score changes is NULL.
CREATE OR REPLACE VIEW drift_history_hour AS
SELECT org_id, repo, bucket_start, drifts, regressions, improvements, critical_drifts,
    if(drifts = 0, NULL, score_delta_min) AS score_delta_min,
    if(drifts = 0, NULL, score_delta_max) AS score_delta_max,
    score_delta_sum, new_findings, resolved_findings, new_critical, new_high, new_medium, new_low, new_info, resolved_critical, resolved_high, resolved_medium, resolved_low, resolved_info
FROM drift_history_v1 FINAL
WHERE formula = (SELECT argMax(formula, switched_at) FROM rollup_formula_v1 WHERE series = 'drift_history') AND drifts + new_critical + resolved_critical + new_high + resolved_high + new_medium + resolved_medium + new_low + resolved_low + new_info + resolved_info > 0;

CREATE OR REPLACE VIEW drift_history_day AS
SELECT org_id, repo, toStartOfDay(h.bucket_start) AS bucket_start,
    sum(h.drifts) AS drifts, sum(h.regressions) AS regressions, sum(h.improvements) AS improvements, sum(h.critical_drifts) AS critical_drifts,
    min(h.score_delta_min) AS score_delta_min, max(h.score_delta_max) AS score_delta_max, sum(h.score_delta_sum) AS score_delta_sum,
    sum(h.new_findings) AS new_findings, sum(h.resolved_findings) AS resolved_findings, sum(h.new_critical) AS new_critical, sum(h.new_high) AS new_high, sum(h.new_medium) AS new_medium, sum(h.new_low) AS new_low, sum(h.new_info) AS new_info, sum(h.resolved_critical) AS resolved_critical, sum(h.resolved_high) AS resolved_high, sum(h.resolved_medium) AS resolved_medium, sum(h.resolved_low) AS resolved_low, sum(h.resolved_info) AS resolved_info
FROM drift_history_hour AS h
GROUP BY org_id, repo, bucket_start;

CREATE VIEW IF NOT EXISTS drift_history_week AS
SELECT org_id, repo, toDateTime(toMonday(h.bucket_start), 'UTC') AS bucket_start,
    sum(h.drifts) AS drifts, sum(h.regressions) AS regressions, sum(h.improvements) AS improvements, sum(h.critical_drifts) AS critical_drifts,
    min(h.score_delta_min) AS score_delta_min, max(h.score_delta_max) AS score_delta_max, sum(h.score_delta_sum) AS score_delta_sum,
    sum(h.new_findings) AS new_findings, sum(h.resolved_findings) AS resolved_findings, sum(h.new_critical) AS new_critical, sum(h.new_high) AS new_high, sum(h.new_medium) AS new_medium, sum(h.new_low) AS new_low, sum(h.new_info) AS new_info, sum(h.resolved_critical) AS resolved_critical, sum(h.resolved_high) AS resolved_high, sum(h.resolved_medium) AS resolved_medium, sum(h.resolved_low) AS resolved_low, sum(h.resolved_info) AS resolved_info
FROM drift_history_hour AS h
GROUP BY org_id, repo, bucket_start;

CREATE VIEW IF NOT EXISTS drift_history_org_hour AS
SELECT org_id, h.bucket_start AS bucket_start,
    sum(h.drifts) AS drifts, sum(h.regressions) AS regressions, sum(h.improvements) AS improvements, sum(h.critical_drifts) AS critical_drifts,
    min(h.score_delta_min) AS score_delta_min, max(h.score_delta_max) AS score_delta_max, sum(h.score_delta_sum) AS score_delta_sum,
    sum(h.new_findings) AS new_findings, sum(h.resolved_findings) AS resolved_findings, sum(h.new_critical) AS new_critical, sum(h.new_high) AS new_high, sum(h.new_medium) AS new_medium, sum(h.new_low) AS new_low, sum(h.new_info) AS new_info, sum(h.resolved_critical) AS resolved_critical, sum(h.resolved_high) AS resolved_high, sum(h.resolved_medium) AS resolved_medium, sum(h.resolved_low) AS resolved_low, sum(h.resolved_info) AS resolved_info
FROM drift_history_hour AS h
GROUP BY org_id, bucket_start;

CREATE VIEW IF NOT EXISTS drift_history_org_day AS
SELECT org_id, toStartOfDay(h.bucket_start) AS bucket_start,
    sum(h.drifts) AS drifts, sum(h.regressions) AS regressions, sum(h.improvements) AS improvements, sum(h.critical_drifts) AS critical_drifts,
    min(h.score_delta_min) AS score_delta_min, max(h.score_delta_max) AS score_delta_max, sum(h.score_delta_sum) AS score_delta_sum,
    sum(h.new_findings) AS new_findings, sum(h.resolved_findings) AS resolved_findings, sum(h.new_critical) AS new_critical, sum(h.new_high) AS new_high, sum(h.new_medium) AS new_medium, sum(h.new_low) AS new_low, sum(h.new_info) AS new_info, sum(h.resolved_critical) AS resolved_critical, sum(h.resolved_high) AS resolved_high, sum(h.resolved_medium) AS resolved_medium, sum(h.resolved_low) AS resolved_low, sum(h.resolved_info) AS resolved_info
FROM drift_history_hour AS h
GROUP BY org_id, bucket_start;

CREATE VIEW IF NOT EXISTS drift_history_org_week AS
SELECT org_id, toDateTime(toMonday(h.bucket_start), 'UTC') AS bucket_start,
    sum(h.drifts) AS drifts, sum(h.regressions) AS regressions, sum(h.improvements) AS improvements, sum(h.critical_drifts) AS critical_drifts,
    min(h.score_delta_min) AS score_delta_min, max(h.score_delta_max) AS score_delta_max, sum(h.score_delta_sum) AS score_delta_sum,
    sum(h.new_findings) AS new_findings, sum(h.resolved_findings) AS resolved_findings, sum(h.new_critical) AS new_critical, sum(h.new_high) AS new_high, sum(h.new_medium) AS new_medium, sum(h.new_low) AS new_low, sum(h.new_info) AS new_info, sum(h.resolved_critical) AS resolved_critical, sum(h.resolved_high) AS resolved_high, sum(h.resolved_medium) AS resolved_medium, sum(h.resolved_low) AS resolved_low, sum(h.resolved_info) AS resolved_info
FROM drift_history_hour AS h
GROUP BY org_id, bucket_start;

-- Injection attempts out of decisions; findings counts each injection finding once in its bucket, however many scans saw it.
-- attempts_by_text is apart: blocks without a rule category whose reason reads like an injection.
CREATE VIEW IF NOT EXISTS injection_attempt_rate AS
SELECT org_id, repo, bucket_start, attempts, attempts_by_text, decisions, finding_hashes
FROM injection_attempt_rate_v1 FINAL
WHERE formula = (SELECT argMax(formula, switched_at) FROM rollup_formula_v1 WHERE series = 'injection_attempt_rate') AND decisions + length(finding_hashes) > 0;

CREATE OR REPLACE VIEW injection_attempt_rate_hour AS
SELECT org_id, repo, i.bucket_start AS bucket_start, sum(i.attempts) AS attempts, sum(i.decisions) AS decisions,
    uniqExactArray(i.finding_hashes) AS findings, sum(i.attempts_by_text) AS attempts_by_text
FROM injection_attempt_rate AS i
GROUP BY org_id, repo, bucket_start;

CREATE OR REPLACE VIEW injection_attempt_rate_day AS
SELECT org_id, repo, toStartOfDay(i.bucket_start) AS bucket_start, sum(i.attempts) AS attempts, sum(i.decisions) AS decisions,
    uniqExactArray(i.finding_hashes) AS findings, sum(i.attempts_by_text) AS attempts_by_text
FROM injection_attempt_rate AS i
GROUP BY org_id, repo, bucket_start;

CREATE VIEW IF NOT EXISTS injection_attempt_rate_week AS
SELECT org_id, repo, toDateTime(toMonday(i.bucket_start), 'UTC') AS bucket_start, sum(i.attempts) AS attempts, sum(i.decisions) AS decisions,
    uniqExactArray(i.finding_hashes) AS findings, sum(i.attempts_by_text) AS attempts_by_text
FROM injection_attempt_rate AS i
GROUP BY org_id, repo, bucket_start;

CREATE VIEW IF NOT EXISTS injection_attempt_rate_org_hour AS
SELECT org_id, i.bucket_start AS bucket_start, sum(i.attempts) AS attempts, sum(i.decisions) AS decisions,
    sum(i.findings) AS findings, sum(i.attempts_by_text) AS attempts_by_text
FROM injection_attempt_rate_hour AS i
GROUP BY org_id, bucket_start;

CREATE VIEW IF NOT EXISTS injection_attempt_rate_org_day AS
SELECT org_id, i.bucket_start AS bucket_start, sum(i.attempts) AS attempts, sum(i.decisions) AS decisions,
    sum(i.findings) AS findings, sum(i.attempts_by_text) AS attempts_by_text
FROM injection_attempt_rate_day AS i
GROUP BY org_id, bucket_start;

CREATE VIEW IF NOT EXISTS injection_attempt_rate_org_week AS
SELECT org_id, i.bucket_start AS bucket_start, sum(i.attempts) AS attempts, sum(i.decisions) AS decisions,
    sum(i.findings) AS findings, sum(i.attempts_by_text) AS attempts_by_text
FROM injection_attempt_rate_week AS i
GROUP BY org_id, bucket_start;

-- What jobs build on.
CREATE VIEW IF NOT EXISTS scan_posture AS
SELECT org_id, repo, bucket_start, scan_at, scan_id, severity_from, is_counted, is_detailed, score, critical, high, medium, low, info,
    risky_packages, is_policy_failed, is_regressed, is_invalid, route
FROM
(
    SELECT *, max(version) OVER (PARTITION BY org_id, repo, bucket_start) AS head_version
    FROM scan_posture_v1 FINAL
    WHERE formula = (SELECT argMax(formula, switched_at) FROM rollup_formula_v1 WHERE series = 'scan_posture')
)
WHERE version = head_version AND NOT is_head;

CREATE VIEW IF NOT EXISTS posture_interval AS
SELECT org_id, repo, bucket_start, valid_until, scan_id, scan_at, score, critical, high, medium, low, info,
    risky_packages, is_policy_failed, is_regressed, is_invalid, route
FROM posture_interval_v1 FINAL
WHERE formula = (SELECT argMax(formula, switched_at) FROM rollup_formula_v1 WHERE series = 'posture_interval') AND scans > 0;

CREATE VIEW IF NOT EXISTS finding_transition AS
SELECT org_id, repo, bucket_start, severity, category, finding_key, occurrence, scan_at, scan_id, change,
    previous_at, title, file
FROM
(
    SELECT *, max(version) OVER (PARTITION BY org_id, repo, bucket_start) AS head_version
    FROM finding_transition_v1 FINAL
    WHERE formula = (SELECT argMax(formula, switched_at) FROM rollup_formula_v1 WHERE series = 'finding_transition')
)
WHERE version = head_version AND NOT is_head;

-- The life of findings. Mean time to repair of any range is sum(fix_seconds) / sum(fixed). open holds until the next row of
-- the same severity and category. The organisation's open findings by severity are in cross_repo_org_rollup_....
CREATE VIEW IF NOT EXISTS finding_lifecycle_hour AS
SELECT org_id, repo, bucket_start, severity, category, new, regressed, fixed, fix_seconds, open
FROM
(
    SELECT *, max(version) OVER (PARTITION BY org_id, repo, bucket_start) AS head_version
    FROM finding_lifecycle_v1 FINAL
    WHERE formula = (SELECT argMax(formula, switched_at) FROM rollup_formula_v1 WHERE series = 'finding_lifecycle')
)
WHERE version = head_version AND NOT is_head;

CREATE VIEW IF NOT EXISTS finding_lifecycle_day AS
SELECT org_id, repo, toStartOfDay(h.bucket_start) AS bucket_start, severity, category,
    sum(h.new) AS new, sum(h.regressed) AS regressed, sum(h.fixed) AS fixed, sum(h.fix_seconds) AS fix_seconds, argMax(h.open, h.bucket_start) AS open
FROM finding_lifecycle_hour AS h
GROUP BY org_id, repo, bucket_start, severity, category;

CREATE VIEW IF NOT EXISTS finding_lifecycle_week AS
SELECT org_id, repo, toDateTime(toMonday(h.bucket_start), 'UTC') AS bucket_start, severity, category,
    sum(h.new) AS new, sum(h.regressed) AS regressed, sum(h.fixed) AS fixed, sum(h.fix_seconds) AS fix_seconds, argMax(h.open, h.bucket_start) AS open
FROM finding_lifecycle_hour AS h
GROUP BY org_id, repo, bucket_start, severity, category;

CREATE VIEW IF NOT EXISTS finding_lifecycle_org_hour AS
SELECT org_id, h.bucket_start AS bucket_start, severity, category,
    sum(h.new) AS new, sum(h.regressed) AS regressed, sum(h.fixed) AS fixed, sum(h.fix_seconds) AS fix_seconds
FROM finding_lifecycle_hour AS h
GROUP BY org_id, bucket_start, severity, category;

CREATE VIEW IF NOT EXISTS finding_lifecycle_org_day AS
SELECT org_id, toStartOfDay(h.bucket_start) AS bucket_start, severity, category,
    sum(h.new) AS new, sum(h.regressed) AS regressed, sum(h.fixed) AS fixed, sum(h.fix_seconds) AS fix_seconds
FROM finding_lifecycle_hour AS h
GROUP BY org_id, bucket_start, severity, category;

CREATE VIEW IF NOT EXISTS finding_lifecycle_org_week AS
SELECT org_id, toDateTime(toMonday(h.bucket_start), 'UTC') AS bucket_start, severity, category,
    sum(h.new) AS new, sum(h.regressed) AS regressed, sum(h.fixed) AS fixed, sum(h.fix_seconds) AS fix_seconds
FROM finding_lifecycle_hour AS h
GROUP BY org_id, bucket_start, severity, category;

-- What stands open now, one row a finding: since when, and how often it had been fixed before.
CREATE VIEW IF NOT EXISTS open_finding AS
SELECT org_id, repo, severity, category, finding_key, occurrence,
    argMax(t.title, (t.scan_at, t.scan_id)) AS title, argMax(t.file, (t.scan_at, t.scan_id)) AS file,
    max(t.scan_at) AS opened_at, countIf(t.change = -1) AS recurrences
FROM finding_transition AS t
GROUP BY org_id, repo, severity, category, finding_key, occurrence
HAVING argMax(t.change, (t.scan_at, t.scan_id)) = 1;

-- One row an episode of a critical secret: exposed from the first scan that shows it to the next scan that does not. Shown
-- again later it is the next episode. However often a file repeats it, it is one secret. Scans that cannot tell resolve nothing.
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
            FROM finding_transition AS t
            WHERE t.category = 'secrets' AND t.severity = 'critical'
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

-- Values that were masked on the way in, and the records they were in.
CREATE VIEW IF NOT EXISTS masked_value_hour AS
SELECT org_id, repo, bucket_start, records, masked
FROM masked_value_v1 FINAL
WHERE formula = (SELECT argMax(formula, switched_at) FROM rollup_formula_v1 WHERE series = 'masked_value') AND records > 0;

CREATE VIEW IF NOT EXISTS masked_value_day AS
SELECT org_id, repo, toStartOfDay(h.bucket_start) AS bucket_start,
    sum(h.records) AS records, sum(h.masked) AS masked
FROM masked_value_hour AS h
GROUP BY org_id, repo, bucket_start;

CREATE VIEW IF NOT EXISTS masked_value_week AS
SELECT org_id, repo, toDateTime(toMonday(h.bucket_start), 'UTC') AS bucket_start,
    sum(h.records) AS records, sum(h.masked) AS masked
FROM masked_value_hour AS h
GROUP BY org_id, repo, bucket_start;

CREATE VIEW IF NOT EXISTS masked_value_org_hour AS
SELECT org_id, h.bucket_start AS bucket_start,
    sum(h.records) AS records, sum(h.masked) AS masked
FROM masked_value_hour AS h
GROUP BY org_id, bucket_start;

CREATE VIEW IF NOT EXISTS masked_value_org_day AS
SELECT org_id, toStartOfDay(h.bucket_start) AS bucket_start,
    sum(h.records) AS records, sum(h.masked) AS masked
FROM masked_value_hour AS h
GROUP BY org_id, bucket_start;

CREATE VIEW IF NOT EXISTS masked_value_org_week AS
SELECT org_id, toDateTime(toMonday(h.bucket_start), 'UTC') AS bucket_start,
    sum(h.records) AS records, sum(h.masked) AS masked
FROM masked_value_hour AS h
GROUP BY org_id, bucket_start;

-- Critical secrets by bucket: shown anew or again, gone, open at its end (NULL where no scan could tell), and values masked.
CREATE VIEW IF NOT EXISTS secret_exposure_hour AS
SELECT org_id, repo, bucket_start, sum(exposed) AS exposed, sum(resolved) AS resolved, max(open) AS open, sum(masked) AS masked
FROM
(
    SELECT org_id, repo, bucket_start, new + regressed AS exposed, fixed AS resolved, toNullable(l.open) AS open, toUInt64(0) AS masked
    FROM finding_lifecycle_hour AS l
    WHERE severity = 'critical' AND category = 'secrets'
    UNION ALL
    SELECT org_id, repo, bucket_start, toUInt64(0), toUInt64(0), NULL, m.masked
    FROM masked_value_hour AS m
)
GROUP BY org_id, repo, bucket_start;

CREATE VIEW IF NOT EXISTS secret_exposure_day AS
SELECT org_id, repo, bucket_start, sum(exposed) AS exposed, sum(resolved) AS resolved, max(open) AS open, sum(masked) AS masked
FROM
(
    SELECT org_id, repo, bucket_start, new + regressed AS exposed, fixed AS resolved, toNullable(l.open) AS open, toUInt64(0) AS masked
    FROM finding_lifecycle_day AS l
    WHERE severity = 'critical' AND category = 'secrets'
    UNION ALL
    SELECT org_id, repo, bucket_start, toUInt64(0), toUInt64(0), NULL, m.masked
    FROM masked_value_day AS m
)
GROUP BY org_id, repo, bucket_start;

CREATE VIEW IF NOT EXISTS secret_exposure_week AS
SELECT org_id, repo, bucket_start, sum(exposed) AS exposed, sum(resolved) AS resolved, max(open) AS open, sum(masked) AS masked
FROM
(
    SELECT org_id, repo, bucket_start, new + regressed AS exposed, fixed AS resolved, toNullable(l.open) AS open, toUInt64(0) AS masked
    FROM finding_lifecycle_week AS l
    WHERE severity = 'critical' AND category = 'secrets'
    UNION ALL
    SELECT org_id, repo, bucket_start, toUInt64(0), toUInt64(0), NULL, m.masked
    FROM masked_value_week AS m
)
GROUP BY org_id, repo, bucket_start;

-- The newest scan of each repository and the route AgentShield's fleet rules give it.
CREATE OR REPLACE VIEW repo_route AS
SELECT org_id, repo, p.scan_id AS scan_id, p.scan_at AS scanned_at, p.score AS score, p.critical AS critical, p.high AS high,
    p.risky_packages AS risky_packages, p.is_policy_failed AS is_policy_failed, p.is_regressed AS is_regressed, p.is_invalid AS is_invalid,
    p.route AS route
FROM posture_interval AS p
WHERE p.valid_until = toDateTime('2106-02-07 06:00:00', 'UTC');

-- The organisation now. Status as AgentShield's operator readback: invalid evidence before blocked before ready.
-- The counts by route are the repositories that wait for such a review, as the newest scans say. What people have
-- decided about review items since is in Postgres, and not yet a fact here.
CREATE OR REPLACE VIEW cross_repo_org_rollup AS
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

-- Its trend: the state after each hour in which a repository was scanned. It holds until the next row.
CREATE VIEW IF NOT EXISTS cross_repo_org_rollup_hour AS
SELECT org_id, bucket_start, repos, score_sum / repos AS score_mean, score_min, critical, high, medium, low, info, policy_failures, baseline_regressions, risky_packages, invalid, security_blocker, policy_review, baseline_regression, supply_chain_review, ready,
    multiIf(invalid > 0, 'invalid-evidence', ready < repos, 'blocked', 'ready') AS status
FROM cross_repo_org_rollup_v1 FINAL
WHERE formula = (SELECT argMax(formula, switched_at) FROM rollup_formula_v1 WHERE series = 'cross_repo_org_rollup') AND scans > 0;

CREATE VIEW IF NOT EXISTS cross_repo_org_rollup_day AS
SELECT org_id, toStartOfDay(h.bucket_start) AS bucket_start,
    argMax(h.repos, h.bucket_start) AS repos,
    argMax(h.score_mean, h.bucket_start) AS score_mean,
    argMax(h.score_min, h.bucket_start) AS score_min,
    argMax(h.critical, h.bucket_start) AS critical,
    argMax(h.high, h.bucket_start) AS high,
    argMax(h.medium, h.bucket_start) AS medium,
    argMax(h.low, h.bucket_start) AS low,
    argMax(h.info, h.bucket_start) AS info,
    argMax(h.policy_failures, h.bucket_start) AS policy_failures,
    argMax(h.baseline_regressions, h.bucket_start) AS baseline_regressions,
    argMax(h.risky_packages, h.bucket_start) AS risky_packages,
    argMax(h.invalid, h.bucket_start) AS invalid,
    argMax(h.security_blocker, h.bucket_start) AS security_blocker,
    argMax(h.policy_review, h.bucket_start) AS policy_review,
    argMax(h.baseline_regression, h.bucket_start) AS baseline_regression,
    argMax(h.supply_chain_review, h.bucket_start) AS supply_chain_review,
    argMax(h.ready, h.bucket_start) AS ready,
    argMax(h.status, h.bucket_start) AS status
FROM cross_repo_org_rollup_hour AS h
GROUP BY org_id, bucket_start;

CREATE VIEW IF NOT EXISTS cross_repo_org_rollup_week AS
SELECT org_id, toDateTime(toMonday(h.bucket_start), 'UTC') AS bucket_start,
    argMax(h.repos, h.bucket_start) AS repos,
    argMax(h.score_mean, h.bucket_start) AS score_mean,
    argMax(h.score_min, h.bucket_start) AS score_min,
    argMax(h.critical, h.bucket_start) AS critical,
    argMax(h.high, h.bucket_start) AS high,
    argMax(h.medium, h.bucket_start) AS medium,
    argMax(h.low, h.bucket_start) AS low,
    argMax(h.info, h.bucket_start) AS info,
    argMax(h.policy_failures, h.bucket_start) AS policy_failures,
    argMax(h.baseline_regressions, h.bucket_start) AS baseline_regressions,
    argMax(h.risky_packages, h.bucket_start) AS risky_packages,
    argMax(h.invalid, h.bucket_start) AS invalid,
    argMax(h.security_blocker, h.bucket_start) AS security_blocker,
    argMax(h.policy_review, h.bucket_start) AS policy_review,
    argMax(h.baseline_regression, h.bucket_start) AS baseline_regression,
    argMax(h.supply_chain_review, h.bucket_start) AS supply_chain_review,
    argMax(h.ready, h.bucket_start) AS ready,
    argMax(h.status, h.bucket_start) AS status
FROM cross_repo_org_rollup_hour AS h
GROUP BY org_id, bucket_start;

-- Who was heard when.
CREATE VIEW IF NOT EXISTS coverage_activity AS
SELECT org_id, repo, bucket_start, producer, events, last_at, sessions
FROM
(
    SELECT *, max(version) OVER (PARTITION BY org_id, repo, bucket_start) AS head_version
    FROM coverage_v1 FINAL
    WHERE formula = (SELECT argMax(formula, switched_at) FROM rollup_formula_v1 WHERE series = 'coverage')
)
WHERE version = head_version AND NOT is_head;

-- Every repository and producer now: reporting within a day, silent since, or never heard though the repository is known
-- by another producer and should be scanned and guarded.
CREATE VIEW IF NOT EXISTS coverage AS
SELECT org_id, repo, producer, minIf(first, first > toDateTime64(0, 3, 'UTC')) AS first_seen_at, max(last) AS last_seen_at,
    multiIf(last_seen_at = toDateTime64(0, 3, 'UTC'), 'never', last_seen_at >= now64(3, 'UTC') - toIntervalHour(24), 'reporting', 'silent') AS state,
    if(state = 'never', NULL, dateDiff('second', last_seen_at, now64(3, 'UTC'))) AS silent_seconds
FROM
(
    SELECT org_id, repo, producer, toDateTime64(a.bucket_start, 3, 'UTC') AS first, a.last_at AS last
    FROM coverage_activity AS a
    UNION ALL
    SELECT DISTINCT org_id, repo, arrayJoin(['scan', 'guard']) AS producer, toDateTime64(0, 3, 'UTC'), toDateTime64(0, 3, 'UTC')
    FROM coverage_activity
    WHERE repo != ''
)
GROUP BY org_id, repo, producer;

-- The same over time: every bucket since a producer was first heard, silent ones too. Their events are NULL, not 0.
CREATE VIEW IF NOT EXISTS coverage_hour AS
SELECT org_id, repo, producer, heard_at + toIntervalHour(step) AS bucket_start, if(step = 0, 'reporting', 'silent') AS state,
    if(step = 0, toNullable(heard_events), NULL) AS events, last_at AS last_seen_at
FROM
(
    SELECT org_id, repo, producer, heard_at, heard_events, last_at,
        arrayJoin(range(toUInt32(greatest(dateDiff('hour', heard_at, leadInFrame(heard_at, 1, toStartOfHour(now('UTC')) + toIntervalHour(1)) OVER next), 1)))) AS step
    FROM
    (
        SELECT org_id, repo, producer, a.bucket_start AS heard_at, sum(a.events) AS heard_events, max(a.last_at) AS last_at
        FROM coverage_activity AS a
        GROUP BY org_id, repo, producer, heard_at
    )
    WINDOW next AS (PARTITION BY org_id, repo, producer ORDER BY heard_at ROWS BETWEEN CURRENT ROW AND 1 FOLLOWING)
);

-- Sessions that an agent reported and those its guard saw: unguarded_sessions should be 0.
CREATE VIEW IF NOT EXISTS session_coverage_hour AS
SELECT org_id, a.bucket_start AS bucket_start,
    groupUniqArrayArrayIf(a.sessions, a.producer NOT IN ('guard', 'scan', 'watch')) AS by_agent,
    groupUniqArrayArrayIf(a.sessions, a.producer = 'guard') AS by_guard,
    length(by_agent) AS agent_sessions, length(by_guard) AS guarded_sessions,
    length(by_agent) - length(arrayIntersect(by_agent, by_guard)) AS unguarded_sessions
FROM coverage_activity AS a
GROUP BY org_id, bucket_start;

CREATE VIEW IF NOT EXISTS coverage_day AS
SELECT org_id, repo, producer, heard_at + toIntervalDay(step) AS bucket_start, if(step = 0, 'reporting', 'silent') AS state,
    if(step = 0, toNullable(heard_events), NULL) AS events, last_at AS last_seen_at
FROM
(
    SELECT org_id, repo, producer, heard_at, heard_events, last_at,
        arrayJoin(range(toUInt32(greatest(dateDiff('day', heard_at, leadInFrame(heard_at, 1, toStartOfDay(now('UTC')) + toIntervalDay(1)) OVER next), 1)))) AS step
    FROM
    (
        SELECT org_id, repo, producer, toStartOfDay(a.bucket_start) AS heard_at, sum(a.events) AS heard_events, max(a.last_at) AS last_at
        FROM coverage_activity AS a
        GROUP BY org_id, repo, producer, heard_at
    )
    WINDOW next AS (PARTITION BY org_id, repo, producer ORDER BY heard_at ROWS BETWEEN CURRENT ROW AND 1 FOLLOWING)
);

CREATE VIEW IF NOT EXISTS session_coverage_day AS
SELECT org_id, toStartOfDay(a.bucket_start) AS bucket_start,
    groupUniqArrayArrayIf(a.sessions, a.producer NOT IN ('guard', 'scan', 'watch')) AS by_agent,
    groupUniqArrayArrayIf(a.sessions, a.producer = 'guard') AS by_guard,
    length(by_agent) AS agent_sessions, length(by_guard) AS guarded_sessions,
    length(by_agent) - length(arrayIntersect(by_agent, by_guard)) AS unguarded_sessions
FROM coverage_activity AS a
GROUP BY org_id, bucket_start;

CREATE VIEW IF NOT EXISTS coverage_week AS
SELECT org_id, repo, producer, heard_at + toIntervalWeek(step) AS bucket_start, if(step = 0, 'reporting', 'silent') AS state,
    if(step = 0, toNullable(heard_events), NULL) AS events, last_at AS last_seen_at
FROM
(
    SELECT org_id, repo, producer, heard_at, heard_events, last_at,
        arrayJoin(range(toUInt32(greatest(dateDiff('week', heard_at, leadInFrame(heard_at, 1, toDateTime(toMonday(now('UTC')), 'UTC') + toIntervalWeek(1)) OVER next), 1)))) AS step
    FROM
    (
        SELECT org_id, repo, producer, toDateTime(toMonday(a.bucket_start), 'UTC') AS heard_at, sum(a.events) AS heard_events, max(a.last_at) AS last_at
        FROM coverage_activity AS a
        GROUP BY org_id, repo, producer, heard_at
    )
    WINDOW next AS (PARTITION BY org_id, repo, producer ORDER BY heard_at ROWS BETWEEN CURRENT ROW AND 1 FOLLOWING)
);

CREATE VIEW IF NOT EXISTS session_coverage_week AS
SELECT org_id, toDateTime(toMonday(a.bucket_start), 'UTC') AS bucket_start,
    groupUniqArrayArrayIf(a.sessions, a.producer NOT IN ('guard', 'scan', 'watch')) AS by_agent,
    groupUniqArrayArrayIf(a.sessions, a.producer = 'guard') AS by_guard,
    length(by_agent) AS agent_sessions, length(by_guard) AS guarded_sessions,
    length(by_agent) - length(arrayIntersect(by_agent, by_guard)) AS unguarded_sessions
FROM coverage_activity AS a
GROUP BY org_id, bucket_start;

-- The jobs themselves: how late, how much was waiting, what it cost. Over all organisations.
CREATE VIEW IF NOT EXISTS rollup_run AS
SELECT *, fromUnixTimestamp64Micro(toInt64(version), 'UTC') AS started_at FROM rollup_run_v1;

CREATE VIEW IF NOT EXISTS rollup_cost_hour AS
SELECT series, toStartOfHour(r.finished_at) AS bucket_start,
    count() AS runs, sum(r.buckets) AS buckets, max(r.backlog) AS backlog_max, max(r.lag_ms) AS lag_ms_max,
    quantileExactIf(0.95)(r.lag_ms, r.cause = 'mark') AS lag_ms_p95, sum(r.duration_ms) AS duration_ms, sum(r.rows_read) AS rows_read, sum(r.rows_written) AS rows_written
FROM rollup_run_v1 AS r
GROUP BY series, bucket_start;

CREATE VIEW IF NOT EXISTS rollup_cost_day AS
SELECT series, toStartOfDay(toDateTime(r.finished_at)) AS bucket_start,
    count() AS runs, sum(r.buckets) AS buckets, max(r.backlog) AS backlog_max, max(r.lag_ms) AS lag_ms_max,
    quantileExactIf(0.95)(r.lag_ms, r.cause = 'mark') AS lag_ms_p95, sum(r.duration_ms) AS duration_ms, sum(r.rows_read) AS rows_read, sum(r.rows_written) AS rows_written
FROM rollup_run_v1 AS r
GROUP BY series, bucket_start;

CREATE VIEW IF NOT EXISTS rollup_cost_week AS
SELECT series, toDateTime(toMonday(r.finished_at), 'UTC') AS bucket_start,
    count() AS runs, sum(r.buckets) AS buckets, max(r.backlog) AS backlog_max, max(r.lag_ms) AS lag_ms_max,
    quantileExactIf(0.95)(r.lag_ms, r.cause = 'mark') AS lag_ms_p95, sum(r.duration_ms) AS duration_ms, sum(r.rows_read) AS rows_read, sum(r.rows_written) AS rows_written
FROM rollup_run_v1 AS r
GROUP BY series, bucket_start;
