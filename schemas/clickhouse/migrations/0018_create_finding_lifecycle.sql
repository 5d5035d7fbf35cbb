-- Two series: findings that came and went, and their lifecycle by severity and category. Parts, key and replay as in 0011.

-- One row for each finding that appears (change 1) or disappears (change -1), at the scan that first shows it or first does
-- not, compared with the scan before that reports this severity. A finding is known by key and occurrence: a moved line is no
-- change.
--   previous_at   time of the scan before; 1970 where there was none
--   is_rekeyed    the two scans made keys in different ways: the finding changed its key, and was neither found nor fixed
-- Reader: the jobs of finding_lifecycle and drift_history, the views of 0019 and 0020.
CREATE TABLE IF NOT EXISTS finding_transition_v1
(
    org_id LowCardinality(String),
    repo String,
    bucket_start DateTime('UTC'),
    is_head Bool,
    severity LowCardinality(String),
    category LowCardinality(String),
    finding_key String,
    occurrence UInt32,
    scan_at DateTime64(3, 'UTC'),
    scan_id String,
    formula UInt16,
    change Int8,
    is_rekeyed Bool,
    previous_at DateTime64(3, 'UTC'),
    title String,
    file String,
    version UInt64
)
ENGINE = ReplacingMergeTree(version)
PARTITION BY toYYYYMM(bucket_start)
ORDER BY (org_id, repo, bucket_start, is_head, severity, category, finding_key, occurrence, scan_at, scan_id, formula)
TTL bucket_start + toIntervalDay(731)
SETTINGS index_granularity = 2048, fsync_after_insert = 0, fsync_part_directory = 0;

CREATE VIEW IF NOT EXISTS finding_transition AS
SELECT org_id, repo, bucket_start, severity, category, finding_key, occurrence, scan_at, scan_id, change, is_rekeyed,
    previous_at, title, file
FROM
(
    SELECT *, max(version) OVER (PARTITION BY org_id, repo, bucket_start) AS head_version
    FROM finding_transition_v1 FINAL
    WHERE formula = (SELECT argMax(formula, switched_at) FROM rollup_formula_v1 WHERE series = 'finding_transition')
)
WHERE version = head_version AND NOT is_head;

-- Findings by severity and category.
--   new, regressed, fixed   appeared for the first time, came back, disappeared
--   fix_seconds             sum of the ages of the fixed ones: mean time to fix = sum(fix_seconds) / sum(fixed)
--   open                    after the bucket's last scan; holds until the next row of the same severity and category
CREATE TABLE IF NOT EXISTS finding_lifecycle_v1
(
    org_id LowCardinality(String),
    repo String,
    bucket_start DateTime('UTC'),
    is_head Bool,
    severity LowCardinality(String),
    category LowCardinality(String),
    formula UInt16,
    new UInt64,
    regressed UInt64,
    fixed UInt64,
    fix_seconds UInt64,
    open UInt64,
    version UInt64
)
ENGINE = ReplacingMergeTree(version)
PARTITION BY toYYYYMM(bucket_start)
ORDER BY (org_id, repo, bucket_start, is_head, severity, category, formula)
TTL bucket_start + toIntervalDay(731)
SETTINGS index_granularity = 2048, fsync_after_insert = 0, fsync_part_directory = 0;

CREATE TABLE IF NOT EXISTS finding_lifecycle_day_v1
(
    org_id LowCardinality(String),
    repo String,
    bucket_start DateTime('UTC'),
    formula UInt16,
    severities Array(LowCardinality(String)),
    categories Array(LowCardinality(String)),
    new Array(UInt64),
    regressed Array(UInt64),
    fixed Array(UInt64),
    fix_seconds Array(UInt64),
    open Array(UInt64),
    version UInt64
)
ENGINE = ReplacingMergeTree(version)
PARTITION BY toYear(bucket_start)
ORDER BY (org_id, repo, bucket_start, formula)
TTL bucket_start + toIntervalDay(731)
SETTINGS index_granularity = 256, fsync_after_insert = 0, fsync_part_directory = 0;

-- Views of a repository.
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
SELECT org_id, repo, bucket_start, severity, category, news AS new, regressions AS regressed, fixes AS fixed, seconds AS fix_seconds, opens AS open
FROM finding_lifecycle_day_v1 FINAL
ARRAY JOIN severities AS severity, categories AS category, new AS news, regressed AS regressions, fixed AS fixes, fix_seconds AS seconds,
    open AS opens
WHERE formula = (SELECT argMax(formula, switched_at) FROM rollup_formula_v1 WHERE series = 'finding_lifecycle');

CREATE VIEW IF NOT EXISTS finding_lifecycle_week AS
SELECT org_id, repo, toDateTime(toMonday(d.bucket_start), 'UTC') AS bucket_start, severity, category,
    sum(d.new) AS new, sum(d.regressed) AS regressed, sum(d.fixed) AS fixed, sum(d.fix_seconds) AS fix_seconds, argMax(d.open, d.bucket_start) AS open
FROM finding_lifecycle_day AS d
GROUP BY org_id, repo, bucket_start, severity, category;

-- Views of the organisation. `open` is the running sum of the repositories' changes: a repository that was not scanned in a
-- bucket keeps what it had.
CREATE VIEW IF NOT EXISTS finding_lifecycle_org_hour AS
SELECT org_id, bucket_start, severity, category, new, regressed, fixed, fix_seconds,
    toUInt64(sum(change) OVER (PARTITION BY org_id, severity, category ORDER BY bucket_start)) AS open
FROM
(
    SELECT org_id, d.bucket_start AS bucket_start, severity, category, sum(d.new) AS new, sum(d.regressed) AS regressed, sum(d.fixed) AS fixed,
        sum(d.fix_seconds) AS fix_seconds, sum(d.step) AS change
    FROM (SELECT *, toInt64(open) - lagInFrame(toInt64(open)) OVER (PARTITION BY org_id, repo, severity,
        category ORDER BY bucket_start ROWS BETWEEN 1 PRECEDING AND CURRENT ROW) AS step FROM finding_lifecycle_hour) AS d
    GROUP BY org_id, bucket_start, severity, category
);

CREATE VIEW IF NOT EXISTS finding_lifecycle_org_day AS
SELECT org_id, bucket_start, severity, category, new, regressed, fixed, fix_seconds,
    toUInt64(sum(change) OVER (PARTITION BY org_id, severity, category ORDER BY bucket_start)) AS open
FROM
(
    SELECT org_id, d.bucket_start AS bucket_start, severity, category, sum(d.new) AS new, sum(d.regressed) AS regressed, sum(d.fixed) AS fixed,
        sum(d.fix_seconds) AS fix_seconds, sum(d.step) AS change
    FROM (SELECT *, toInt64(open) - lagInFrame(toInt64(open)) OVER (PARTITION BY org_id, repo, severity,
        category ORDER BY bucket_start ROWS BETWEEN 1 PRECEDING AND CURRENT ROW) AS step FROM finding_lifecycle_day) AS d
    GROUP BY org_id, bucket_start, severity, category
);

CREATE VIEW IF NOT EXISTS finding_lifecycle_org_week AS
SELECT org_id, bucket_start, severity, category, new, regressed, fixed, fix_seconds,
    toUInt64(sum(change) OVER (PARTITION BY org_id, severity, category ORDER BY bucket_start)) AS open
FROM
(
    SELECT org_id, d.bucket_start AS bucket_start, severity, category, sum(d.new) AS new, sum(d.regressed) AS regressed, sum(d.fixed) AS fixed,
        sum(d.fix_seconds) AS fix_seconds, sum(d.step) AS change
    FROM (SELECT *, toInt64(open) - lagInFrame(toInt64(open)) OVER (PARTITION BY org_id, repo, severity,
        category ORDER BY bucket_start ROWS BETWEEN 1 PRECEDING AND CURRENT ROW) AS step FROM finding_lifecycle_week) AS d
    GROUP BY org_id, bucket_start, severity, category
);
