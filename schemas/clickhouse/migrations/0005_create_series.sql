-- Series: what people look at.
-- Writer: the jobs of rollups/. Reader: boards and the API, through the plain views below.
--
-- A bucket is (org_id, repo, bucket_start), one hour. A job recomputes a whole bucket from facts and writes
-- it in one block: a head row (is_head) and one row per group, all under one version, the server's clock
-- in microseconds taken before the facts were read. The view shows the rows of a bucket's greatest version
-- and nothing else, so a later computation wins whoever writes last, a job may run twice, and a group that
-- is no longer there vanishes with the old version. Merges drop rows that a newer version replaced.
-- Days are folded from hours when they are read: they cannot disagree.

CREATE TABLE IF NOT EXISTS blocked_command_rate_v1
(
    org_id LowCardinality(String),
    repo String,
    bucket_start DateTime('UTC'),
    is_head Bool,
    tool LowCardinality(String),
    agent LowCardinality(String),
    rule_category LowCardinality(String),
    allowed UInt64,
    blocked UInt64,
    asked UInt64,
    version UInt64
)
ENGINE = ReplacingMergeTree(version)
PARTITION BY toYYYYMM(bucket_start)
ORDER BY (org_id, repo, bucket_start, is_head, tool, agent, rule_category)
TTL bucket_start + toIntervalDay(731)
SETTINGS index_granularity = 2048;

CREATE VIEW IF NOT EXISTS blocked_command_rate_hour AS
SELECT org_id, repo, bucket_start, tool, agent, rule_category, allowed, blocked, asked, allowed + blocked + asked AS total
FROM
(
    SELECT *, max(version) OVER (PARTITION BY org_id, repo, bucket_start) AS head_version
    FROM blocked_command_rate_v1 FINAL
)
WHERE version = head_version AND NOT is_head;

CREATE VIEW IF NOT EXISTS blocked_command_rate_day AS
SELECT org_id, repo, toStartOfDay(h.bucket_start) AS bucket_start, tool, agent, rule_category,
    sum(h.allowed) AS allowed, sum(h.blocked) AS blocked, sum(h.asked) AS asked, sum(h.total) AS total
FROM blocked_command_rate_hour AS h
GROUP BY org_id, repo, bucket_start, tool, agent, rule_category;

-- Scores by minimum severity and producer version: the score is computed after the severity filter, so
-- scores of different filters do not compare. Scans of 0 files found nothing to judge; AgentShield calls
-- them A / 100, here they are counted apart and score nothing.
CREATE TABLE IF NOT EXISTS score_trend_v1
(
    org_id LowCardinality(String),
    repo String,
    bucket_start DateTime('UTC'),
    is_head Bool,
    min_severity LowCardinality(String),
    producer_version LowCardinality(String),
    scans UInt64,
    empty_scans UInt64,
    score_sum UInt64,
    score_min UInt8,
    score_max UInt8,
    score_last UInt8,
    grade_last LowCardinality(String),
    score_secrets_last UInt8,
    score_permissions_last UInt8,
    score_hooks_last UInt8,
    score_mcp_last UInt8,
    score_agents_last UInt8,
    total_findings_last UInt32,
    critical_last UInt32,
    high_last UInt32,
    files_scanned_last UInt32,
    last_at DateTime64(3, 'UTC'),
    version UInt64
)
ENGINE = ReplacingMergeTree(version)
PARTITION BY toYYYYMM(bucket_start)
ORDER BY (org_id, repo, bucket_start, is_head, min_severity, producer_version)
TTL bucket_start + toIntervalDay(731)
SETTINGS index_granularity = 2048;

CREATE VIEW IF NOT EXISTS score_trend_hour AS
SELECT * EXCEPT (is_head, version, head_version, score_min, score_max, score_last, score_secrets_last, score_permissions_last,
        score_hooks_last, score_mcp_last, score_agents_last, last_at),
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
)
WHERE version = head_version AND NOT is_head;

CREATE VIEW IF NOT EXISTS score_trend_day AS
SELECT org_id, repo, toStartOfDay(h.bucket_start) AS bucket_start, min_severity, producer_version,
    sum(h.scans) AS scans, sum(h.empty_scans) AS empty_scans, sum(h.score_sum) AS score_sum,
    min(h.score_min) AS score_min, max(h.score_max) AS score_max,
    argMax(h.score_last, h.last_at) AS score_last, if(scans = 0, NULL, score_sum / scans) AS score_mean,
    -- Strings and counts of an empty bucket are '' and 0; last_at NULL never wins an argMax.
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

-- How far a job has worked off the dirty keys: marks at or before `settled_until` will not be looked at again.
CREATE TABLE IF NOT EXISTS rollup_watermark_v1
(
    job LowCardinality(String),
    settled_until DateTime64(3, 'UTC'),
    updated_at DateTime64(3, 'UTC') DEFAULT now64(3, 'UTC')
)
ENGINE = ReplacingMergeTree(settled_until)
ORDER BY job;
