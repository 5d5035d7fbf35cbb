-- Two series that other jobs read, so that none of them reads scans or findings of other hours to find the scan before or
-- after. Parts, key and replay as in 0011.

-- One narrow row for each scan.
--   is_counted      the scan looked at files
--   is_detailed     and its findings are known one by one; a summary of counts neither shows nor fixes a finding
--   severity_from   the lowest severity that the scan reports, 0 info to 4 critical
--   route           by AgentShield's fleet rules, first match wins
CREATE TABLE IF NOT EXISTS scan_posture_v1
(
    org_id LowCardinality(String),
    repo String,
    bucket_start DateTime('UTC'),
    is_head Bool,
    scan_at DateTime64(3, 'UTC'),
    scan_id String,
    formula UInt16,
    severity_from UInt8,
    is_counted Bool,
    is_detailed Bool,
    key_scheme LowCardinality(String),
    score UInt8,
    critical UInt32,
    high UInt32,
    medium UInt32,
    low UInt32,
    info UInt32,
    risky_packages UInt32,
    is_policy_failed Bool,
    is_regressed Bool,
    is_invalid Bool,
    route LowCardinality(String),
    facts UInt64,
    facts_hash UInt64,
    version UInt64
)
ENGINE = ReplacingMergeTree(version)
PARTITION BY toYYYYMM(bucket_start)
ORDER BY (org_id, repo, bucket_start, is_head, scan_at, scan_id, formula)
TTL bucket_start + toIntervalDay(731)
SETTINGS index_granularity = 2048, fsync_after_insert = 0, fsync_part_directory = 0;

CREATE VIEW IF NOT EXISTS scan_posture AS
SELECT org_id, repo, bucket_start, scan_at, scan_id, severity_from, is_counted, is_detailed, key_scheme, score, critical, high, medium, low, info,
    risky_packages, is_policy_failed, is_regressed, is_invalid, route
FROM
(
    SELECT *, max(version) OVER (PARTITION BY org_id, repo, bucket_start) AS head_version
    FROM scan_posture_v1 FINAL
    WHERE formula = (SELECT argMax(formula, switched_at) FROM rollup_formula_v1 WHERE series = 'scan_posture')
)
WHERE version = head_version AND NOT is_head;

-- Posture that an hour's last scan leaves, and until when it holds: the repository's next hour with a scan; the end of time for
-- the newest. The indices let a reader of one moment skip intervals that end before it or begin after it.
CREATE TABLE IF NOT EXISTS posture_interval_v1
(
    org_id LowCardinality(String),
    repo String,
    bucket_start DateTime('UTC'),
    formula UInt16,
    valid_until DateTime('UTC'),
    scans UInt64,
    scan_id String,
    scan_at DateTime64(3, 'UTC'),
    score UInt8,
    critical UInt32,
    high UInt32,
    medium UInt32,
    low UInt32,
    info UInt32,
    risky_packages UInt32,
    is_policy_failed Bool,
    is_regressed Bool,
    is_invalid Bool,
    route LowCardinality(String),
    version UInt64,
    INDEX idx_valid_until valid_until TYPE minmax GRANULARITY 1,
    INDEX idx_bucket_start bucket_start TYPE minmax GRANULARITY 1
)
ENGINE = ReplacingMergeTree(version)
PARTITION BY toYYYYMM(bucket_start)
ORDER BY (org_id, repo, bucket_start, formula)
TTL bucket_start + toIntervalDay(731)
SETTINGS index_granularity = 2048, fsync_after_insert = 0, fsync_part_directory = 0;

CREATE VIEW IF NOT EXISTS posture_interval AS
SELECT org_id, repo, bucket_start, valid_until, scan_id, scan_at, score, critical, high, medium, low, info,
    risky_packages, is_policy_failed, is_regressed, is_invalid, route
FROM posture_interval_v1 FINAL
WHERE formula = (SELECT argMax(formula, switched_at) FROM rollup_formula_v1 WHERE series = 'posture_interval') AND scans > 0;
