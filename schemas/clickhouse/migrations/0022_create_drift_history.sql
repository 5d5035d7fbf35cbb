-- Series: drifts as reported, and beside them what scans show to have changed since the scan before, by severity. Parts, key
-- and replay as in 0011; days and weeks are folded from hours at each read.
--
--   improvements                       drifts whose score rose and that are no regression
--   new_findings, resolved_findings    as reported by the drifts
--   new_<severity>, resolved_<severity>   as scans show; the first scan of a repository is no drift
-- Without a drift the range of score changes is NULL.

-- Hours.
CREATE TABLE IF NOT EXISTS drift_history_v1
(
    org_id LowCardinality(String),
    repo String,
    bucket_start DateTime('UTC'),
    formula UInt16,
    drifts UInt64,
    regressions UInt64,
    improvements UInt64,
    critical_drifts UInt64,
    score_delta_min Int16,
    score_delta_max Int16,
    score_delta_sum Int64,
    new_findings UInt64,
    resolved_findings UInt64,
    new_critical UInt64,
    new_high UInt64,
    new_medium UInt64,
    new_low UInt64,
    new_info UInt64,
    resolved_critical UInt64,
    resolved_high UInt64,
    resolved_medium UInt64,
    resolved_low UInt64,
    resolved_info UInt64,
    facts UInt64,
    facts_hash UInt64,
    version UInt64
)
ENGINE = ReplacingMergeTree(version)
PARTITION BY toYYYYMM(bucket_start)
ORDER BY (org_id, repo, bucket_start, formula)
TTL bucket_start + toIntervalDay(731)
SETTINGS index_granularity = 2048, fsync_after_insert = 0, fsync_part_directory = 0;

-- Views of a repository.
CREATE VIEW IF NOT EXISTS drift_history_hour AS
SELECT org_id, repo, bucket_start, drifts, regressions, improvements, critical_drifts,
    if(drifts = 0, NULL, score_delta_min) AS score_delta_min,
    if(drifts = 0, NULL, score_delta_max) AS score_delta_max,
    score_delta_sum, new_findings, resolved_findings, new_critical, new_high, new_medium, new_low, new_info, resolved_critical, resolved_high,
    resolved_medium, resolved_low, resolved_info
FROM drift_history_v1 FINAL
WHERE formula = (SELECT argMax(formula, switched_at) FROM rollup_formula_v1 WHERE series = 'drift_history') AND drifts + new_critical + resolved_critical + new_high + resolved_high + new_medium + resolved_medium + new_low + resolved_low + new_info + resolved_info > 0;

CREATE VIEW IF NOT EXISTS drift_history_day AS
SELECT org_id, repo, toStartOfDay(h.bucket_start) AS bucket_start,
    sum(h.drifts) AS drifts, sum(h.regressions) AS regressions, sum(h.improvements) AS improvements, sum(h.critical_drifts) AS critical_drifts,
    min(h.score_delta_min) AS score_delta_min, max(h.score_delta_max) AS score_delta_max, sum(h.score_delta_sum) AS score_delta_sum,
    sum(h.new_findings) AS new_findings, sum(h.resolved_findings) AS resolved_findings, sum(h.new_critical) AS new_critical,
    sum(h.new_high) AS new_high, sum(h.new_medium) AS new_medium, sum(h.new_low) AS new_low, sum(h.new_info) AS new_info,
    sum(h.resolved_critical) AS resolved_critical, sum(h.resolved_high) AS resolved_high, sum(h.resolved_medium) AS resolved_medium,
    sum(h.resolved_low) AS resolved_low, sum(h.resolved_info) AS resolved_info
FROM drift_history_hour AS h
GROUP BY org_id, repo, bucket_start;

CREATE VIEW IF NOT EXISTS drift_history_week AS
SELECT org_id, repo, toDateTime(toMonday(h.bucket_start), 'UTC') AS bucket_start,
    sum(h.drifts) AS drifts, sum(h.regressions) AS regressions, sum(h.improvements) AS improvements, sum(h.critical_drifts) AS critical_drifts,
    min(h.score_delta_min) AS score_delta_min, max(h.score_delta_max) AS score_delta_max, sum(h.score_delta_sum) AS score_delta_sum,
    sum(h.new_findings) AS new_findings, sum(h.resolved_findings) AS resolved_findings, sum(h.new_critical) AS new_critical,
    sum(h.new_high) AS new_high, sum(h.new_medium) AS new_medium, sum(h.new_low) AS new_low, sum(h.new_info) AS new_info,
    sum(h.resolved_critical) AS resolved_critical, sum(h.resolved_high) AS resolved_high, sum(h.resolved_medium) AS resolved_medium,
    sum(h.resolved_low) AS resolved_low, sum(h.resolved_info) AS resolved_info
FROM drift_history_hour AS h
GROUP BY org_id, repo, bucket_start;

-- Views of the organisation.
CREATE VIEW IF NOT EXISTS drift_history_org_hour AS
SELECT org_id, h.bucket_start AS bucket_start,
    sum(h.drifts) AS drifts, sum(h.regressions) AS regressions, sum(h.improvements) AS improvements, sum(h.critical_drifts) AS critical_drifts,
    min(h.score_delta_min) AS score_delta_min, max(h.score_delta_max) AS score_delta_max, sum(h.score_delta_sum) AS score_delta_sum,
    sum(h.new_findings) AS new_findings, sum(h.resolved_findings) AS resolved_findings, sum(h.new_critical) AS new_critical,
    sum(h.new_high) AS new_high, sum(h.new_medium) AS new_medium, sum(h.new_low) AS new_low, sum(h.new_info) AS new_info,
    sum(h.resolved_critical) AS resolved_critical, sum(h.resolved_high) AS resolved_high, sum(h.resolved_medium) AS resolved_medium,
    sum(h.resolved_low) AS resolved_low, sum(h.resolved_info) AS resolved_info
FROM drift_history_hour AS h
GROUP BY org_id, bucket_start;

CREATE VIEW IF NOT EXISTS drift_history_org_day AS
SELECT org_id, toStartOfDay(h.bucket_start) AS bucket_start,
    sum(h.drifts) AS drifts, sum(h.regressions) AS regressions, sum(h.improvements) AS improvements, sum(h.critical_drifts) AS critical_drifts,
    min(h.score_delta_min) AS score_delta_min, max(h.score_delta_max) AS score_delta_max, sum(h.score_delta_sum) AS score_delta_sum,
    sum(h.new_findings) AS new_findings, sum(h.resolved_findings) AS resolved_findings, sum(h.new_critical) AS new_critical,
    sum(h.new_high) AS new_high, sum(h.new_medium) AS new_medium, sum(h.new_low) AS new_low, sum(h.new_info) AS new_info,
    sum(h.resolved_critical) AS resolved_critical, sum(h.resolved_high) AS resolved_high, sum(h.resolved_medium) AS resolved_medium,
    sum(h.resolved_low) AS resolved_low, sum(h.resolved_info) AS resolved_info
FROM drift_history_hour AS h
GROUP BY org_id, bucket_start;

CREATE VIEW IF NOT EXISTS drift_history_org_week AS
SELECT org_id, toDateTime(toMonday(h.bucket_start), 'UTC') AS bucket_start,
    sum(h.drifts) AS drifts, sum(h.regressions) AS regressions, sum(h.improvements) AS improvements, sum(h.critical_drifts) AS critical_drifts,
    min(h.score_delta_min) AS score_delta_min, max(h.score_delta_max) AS score_delta_max, sum(h.score_delta_sum) AS score_delta_sum,
    sum(h.new_findings) AS new_findings, sum(h.resolved_findings) AS resolved_findings, sum(h.new_critical) AS new_critical,
    sum(h.new_high) AS new_high, sum(h.new_medium) AS new_medium, sum(h.new_low) AS new_low, sum(h.new_info) AS new_info,
    sum(h.resolved_critical) AS resolved_critical, sum(h.resolved_high) AS resolved_high, sum(h.resolved_medium) AS resolved_medium,
    sum(h.resolved_low) AS resolved_low, sum(h.resolved_info) AS resolved_info
FROM drift_history_hour AS h
GROUP BY org_id, bucket_start;
