-- Series: scores of scans, by minimum severity and producer version. Parts, key and replay as in 0011; days and weeks are
-- folded from hours at each read. score_trend_org_* is in 0021.
--
-- AgentShield computes the score after it filtered by severity, so scores of two filters do not compare. Scans of 0 files are
-- counted in empty_scans and have no score. `last` is by time of the report, then event id, never by arrival. The parts of the
-- score are those of the last scan, NULL where it sent none.

-- Hours.
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
    score_secrets_last Nullable(UInt8),
    score_permissions_last Nullable(UInt8),
    score_hooks_last Nullable(UInt8),
    score_mcp_last Nullable(UInt8),
    score_agents_last Nullable(UInt8),
    total_findings_last UInt32,
    critical_last UInt32,
    high_last UInt32,
    files_scanned_last UInt32,
    last_at DateTime64(3, 'UTC'),
    version UInt64,
    formula UInt16,
    facts UInt64,
    facts_hash UInt64
)
ENGINE = ReplacingMergeTree(version)
PARTITION BY toYYYYMM(bucket_start)
PRIMARY KEY (org_id, repo, bucket_start, is_head, min_severity, producer_version)
ORDER BY (org_id, repo, bucket_start, is_head, min_severity, producer_version, formula)
TTL bucket_start + toIntervalDay(731)
SETTINGS index_granularity = 2048, fsync_after_insert = 0, fsync_part_directory = 0;

-- Views of a repository. A bucket of empty scans only has no score: NULL, not 0. argMax skips NULL, so the parts are wrapped in
-- a tuple: the last scan's NULL remains a NULL.
CREATE VIEW IF NOT EXISTS score_trend_hour AS
SELECT org_id, repo, bucket_start, min_severity, producer_version, scans, empty_scans, score_sum,
    grade_last, total_findings_last, critical_last, high_last, files_scanned_last,
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

CREATE VIEW IF NOT EXISTS score_trend_day AS
SELECT org_id, repo, toStartOfDay(h.bucket_start) AS bucket_start, min_severity, producer_version,
    sum(h.scans) AS scans, sum(h.empty_scans) AS empty_scans, sum(h.score_sum) AS score_sum,
    min(h.score_min) AS score_min, max(h.score_max) AS score_max,
    argMax(h.score_last, h.last_at) AS score_last, if(scans = 0, NULL, score_sum / scans) AS score_mean,
    argMax(h.grade_last, h.last_at) AS grade_last,
    argMax(tuple(h.score_secrets_last), h.last_at).1 AS score_secrets_last,
    argMax(tuple(h.score_permissions_last), h.last_at).1 AS score_permissions_last,
    argMax(tuple(h.score_hooks_last), h.last_at).1 AS score_hooks_last,
    argMax(tuple(h.score_mcp_last), h.last_at).1 AS score_mcp_last,
    argMax(tuple(h.score_agents_last), h.last_at).1 AS score_agents_last,
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
    argMax(h.grade_last, h.last_at) AS grade_last,
    argMax(tuple(h.score_secrets_last), h.last_at).1 AS score_secrets_last,
    argMax(tuple(h.score_permissions_last), h.last_at).1 AS score_permissions_last,
    argMax(tuple(h.score_hooks_last), h.last_at).1 AS score_hooks_last,
    argMax(tuple(h.score_mcp_last), h.last_at).1 AS score_mcp_last,
    argMax(tuple(h.score_agents_last), h.last_at).1 AS score_agents_last,
    argMax(h.total_findings_last, h.last_at) AS total_findings_last,
    argMax(h.critical_last, h.last_at) AS critical_last,
    argMax(h.high_last, h.last_at) AS high_last,
    argMax(h.files_scanned_last, h.last_at) AS files_scanned_last,
    max(h.last_at) AS last_at
FROM score_trend_hour AS h
GROUP BY org_id, repo, bucket_start, min_severity, producer_version;
