-- Facts: what happened, typed, counted once.
-- Writer: the views of 0004, and nothing else. Reader: rollup jobs, and people through the plain views
-- `scan`, `finding`, `runtime_event`, `drift_event`.
--
-- Counted once: a fact is (event_id, occurred_at) within its organisation and repository. The same fact
-- delivered again has the same key and folds; of two that differ in content the greatest content_hash
-- stands, so the result depends on the set of what came, never on its order. FINAL and a merge agree.
-- Key: organisation, repository, hour: exactly what a rollup job reads when one bucket is dirty; the
-- granule of 2048 rows keeps such a read small.
-- Facts live as long as their series: 730 days.

CREATE TABLE IF NOT EXISTS scan_v1
(
    org_id LowCardinality(String),
    repo String,
    event_id String,
    occurred_at DateTime64(3, 'UTC'),
    score UInt8,
    grade LowCardinality(String),
    score_secrets UInt8,
    score_permissions UInt8,
    score_hooks UInt8,
    score_mcp UInt8,
    score_agents UInt8,
    total_findings UInt32,
    critical UInt32,
    high UInt32,
    medium UInt32,
    low UInt32,
    info UInt32,
    files_scanned UInt32,
    min_severity LowCardinality(String),
    producer_version LowCardinality(String),
    bundle_digest String,
    provider LowCardinality(String),
    ci_sha String,
    ci_run_id String,
    ci_workflow String,
    policy_status LowCardinality(String),
    policy_name String,
    policy_pack LowCardinality(String),
    policy_violations UInt32,
    policy_min_score UInt8,
    policy_exceptions_total UInt32,
    policy_exceptions_active UInt32,
    policy_exceptions_expiring_soon UInt32,
    policy_exceptions_expired UInt32,
    baseline_status LowCardinality(String),
    baseline_score_delta Int16,
    baseline_new UInt32,
    baseline_resolved UInt32,
    baseline_unchanged UInt32,
    baseline_new_critical UInt32,
    baseline_new_high UInt32,
    packages_total UInt32,
    packages_risky UInt32,
    packages_critical UInt32,
    packages_high UInt32,
    expected_bundle_digest String,
    redacted Bool,
    artifact_count UInt32,
    verified_artifact_count UInt32,
    trace_id String,
    ingested_at DateTime64(3, 'UTC'),
    content_hash UInt64 MATERIALIZED cityHash64(score, grade, score_secrets, score_permissions, score_hooks, score_mcp, score_agents,
        critical, high, medium, low, info, files_scanned, min_severity, producer_version, bundle_digest, trace_id,
        policy_status, policy_name, policy_pack, policy_violations, policy_min_score, policy_exceptions_total, policy_exceptions_active, policy_exceptions_expiring_soon, policy_exceptions_expired, baseline_status, baseline_score_delta, baseline_new, baseline_resolved, baseline_unchanged, baseline_new_critical, baseline_new_high, packages_total, packages_risky, packages_critical, packages_high, expected_bundle_digest, redacted, artifact_count, verified_artifact_count)
)
ENGINE = ReplacingMergeTree(content_hash)
PARTITION BY toYYYYMM(occurred_at)
ORDER BY (org_id, repo, toStartOfHour(occurred_at), event_id, occurred_at)
TTL toDateTime(occurred_at) + toIntervalDay(730)
SETTINGS index_granularity = 2048;

CREATE TABLE IF NOT EXISTS finding_v1
(
    org_id LowCardinality(String),
    repo String,
    event_id String,
    occurred_at DateTime64(3, 'UTC'),
    scan_id String,
    finding_key String,
    occurrence UInt32,
    finding_id String,
    severity LowCardinality(String),
    category LowCardinality(String),
    title String,
    file String,
    line UInt32,
    runtime_confidence LowCardinality(String),
    fingerprint String,
    trace_id String,
    ingested_at DateTime64(3, 'UTC'),
    content_hash UInt64 MATERIALIZED cityHash64(scan_id, finding_key, occurrence, finding_id, severity, category, title, file, line,
        runtime_confidence, fingerprint, trace_id)
)
ENGINE = ReplacingMergeTree(content_hash)
PARTITION BY toYYYYMM(occurred_at)
ORDER BY (org_id, repo, toStartOfHour(occurred_at), scan_id, event_id, occurred_at)
TTL toDateTime(occurred_at) + toIntervalDay(730)
SETTINGS index_granularity = 2048;

CREATE TABLE IF NOT EXISTS runtime_event_v1
(
    org_id LowCardinality(String),
    repo String,
    event_id String,
    occurred_at DateTime64(3, 'UTC'),
    session_id String,
    agent LowCardinality(String),
    tool LowCardinality(String),
    tool_call_id String,
    decision LowCardinality(String),
    reason String,
    rule_name String,
    rule_category LowCardinality(String),
    duration_us UInt64,
    source LowCardinality(String),
    trace_id String,
    ingested_at DateTime64(3, 'UTC'),
    content_hash UInt64 MATERIALIZED cityHash64(session_id, agent, tool, tool_call_id, decision, reason, rule_name, rule_category,
        duration_us, source, trace_id)
)
ENGINE = ReplacingMergeTree(content_hash)
PARTITION BY toYYYYMM(occurred_at)
ORDER BY (org_id, repo, toStartOfHour(occurred_at), event_id, occurred_at)
TTL toDateTime(occurred_at) + toIntervalDay(730)
SETTINGS index_granularity = 2048;

CREATE TABLE IF NOT EXISTS drift_event_v1
(
    org_id LowCardinality(String),
    repo String,
    event_id String,
    occurred_at DateTime64(3, 'UTC'),
    score_previous UInt8,
    score_current UInt8,
    score_delta Int16,
    is_regression Bool,
    has_critical Bool,
    new_findings UInt32,
    resolved_findings UInt32,
    trace_id String,
    ingested_at DateTime64(3, 'UTC'),
    content_hash UInt64 MATERIALIZED cityHash64(score_previous, score_current, score_delta, is_regression, has_critical, new_findings,
        resolved_findings, trace_id)
)
ENGINE = ReplacingMergeTree(content_hash)
PARTITION BY toYYYYMM(occurred_at)
ORDER BY (org_id, repo, toStartOfHour(occurred_at), event_id, occurred_at)
TTL toDateTime(occurred_at) + toIntervalDay(730)
SETTINGS index_granularity = 2048;

CREATE VIEW IF NOT EXISTS scan AS SELECT * FROM scan_v1 FINAL;

-- What a scan carries of other checks, under the names of the entities they are.
CREATE VIEW IF NOT EXISTS policy_eval AS
SELECT org_id, repo, event_id AS scan_id, occurred_at, policy_name, policy_pack, CAST(policy_status = 'passed', 'Bool') AS is_passed,
    policy_violations AS violation_count, score, policy_min_score AS min_score,
    policy_exceptions_total AS exceptions_total, policy_exceptions_active AS exceptions_active,
    policy_exceptions_expiring_soon AS exceptions_expiring_soon, policy_exceptions_expired AS exceptions_expired
FROM scan
WHERE policy_status IN ('passed', 'failed');

CREATE VIEW IF NOT EXISTS baseline_comparison AS
SELECT org_id, repo, event_id AS scan_id, occurred_at, CAST(baseline_status = 'regressed', 'Bool') AS is_regression,
    baseline_new AS new_findings_count, baseline_resolved AS resolved_findings_count, baseline_unchanged AS unchanged_count,
    baseline_score_delta AS score_delta, baseline_new_critical AS new_critical_count, baseline_new_high AS new_high_count
FROM scan
WHERE baseline_status IN ('passed', 'regressed');

CREATE VIEW IF NOT EXISTS evidence_pack AS
SELECT org_id, repo, event_id AS scan_id, occurred_at AS generated_at, bundle_digest, expected_bundle_digest,
    if(expected_bundle_digest = '' OR expected_bundle_digest = bundle_digest, 'ok', 'mismatch') AS integrity,
    artifact_count, verified_artifact_count, redacted
FROM scan
WHERE bundle_digest != '';

CREATE VIEW IF NOT EXISTS finding AS SELECT * FROM finding_v1 FINAL;

CREATE VIEW IF NOT EXISTS runtime_event AS SELECT * FROM runtime_event_v1 FINAL;

CREATE VIEW IF NOT EXISTS drift_event AS SELECT * FROM drift_event_v1 FINAL;

-- Records of ours that no fact could be made of: dated more than a day ahead or before the facts of
-- their time were dropped, or without what the fact needs. They are kept by shape, counted once as facts
-- are, and shown.
CREATE TABLE IF NOT EXISTS quarantine_v1
(
    org_id LowCardinality(String),
    repo String,
    record LowCardinality(String),
    event_id String,
    occurred_at DateTime64(3, 'UTC'),
    problem LowCardinality(String),
    trace_id String,
    ingested_at DateTime64(3, 'UTC')
)
ENGINE = ReplacingMergeTree
PARTITION BY toYYYYMM(ingested_at)
ORDER BY (org_id, record, problem, repo, event_id, occurred_at)
TTL toDateTime(ingested_at) + toIntervalDay(90);

CREATE VIEW IF NOT EXISTS quarantine AS SELECT * FROM quarantine_v1 FINAL;

-- Which repositories an organisation has been heard from.
CREATE TABLE IF NOT EXISTS repository_activity_v1
(
    org_id LowCardinality(String),
    repo String,
    first_seen SimpleAggregateFunction(min, DateTime64(3, 'UTC')),
    last_seen SimpleAggregateFunction(max, DateTime64(3, 'UTC'))
)
ENGINE = AggregatingMergeTree
ORDER BY (org_id, repo);

CREATE VIEW IF NOT EXISTS repository_activity AS
SELECT org_id, repo, min(first_seen) AS first_seen_at, max(last_seen) AS last_seen_at
FROM repository_activity_v1
GROUP BY org_id, repo;

-- The log of dirty keys: which (organisation, repository, hour) of which fact an INSERT touched. A rollup
-- job works it off. Marking twice is harmless, and each mark is seen by every worker.
CREATE TABLE IF NOT EXISTS dirty_hour_v1
(
    fact LowCardinality(String),
    org_id LowCardinality(String),
    repo String,
    bucket_start DateTime('UTC'),
    marked_at DateTime64(3, 'UTC')
)
ENGINE = MergeTree
PARTITION BY toDate(marked_at)
ORDER BY (fact, marked_at)
TTL toDateTime(marked_at) + toIntervalDay(30);
