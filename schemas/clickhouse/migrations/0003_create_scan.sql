-- Fact: one scan of AgentShield.
--
-- Every fact has the same chain:
--   otel_*             landing
--   <fact>_in_mv_v1    reads attributes into columns; `problem` is empty if a fact can be made, else names what is wrong
--   <fact>_in_v1       ENGINE = Null: stores nothing, hands each row to the two views below
--   <fact>_mv_v1       writes rows without a problem to <fact>_v1
--   quarantine_<fact>_mv_v1   writes the others to quarantine_v1
--   <fact>_v1          the fact
--   <fact>             the fact, deduplicated: what people, boards, the API and explain read
--
-- Identity: (event_id, occurred_at) within organisation and repository. event_id is made at the source from what happened.
-- Deduplication: ReplacingMergeTree by content_hash. Of two rows of equal identity the greater hash remains, so the result
-- depends on the set of rows and not on their order. FINAL and a merge agree.
-- Key: organisation, repository, hour: the rows of one dirty bucket, which a rollup job reads. Granules of 2048 rows keep
-- that read small.
-- Replay: landing may be read again at any time (shieldwatch facts rebuild); facts of equal identity replace each other.
-- Retention: 730 days, as long as series.
--
-- No expression of a <fact>_in_mv_v1 view may throw, for any value that a client sends: the INSERT into landing would fail
-- with it, and the collector would retry that batch until it is set aside. Rows without an organisation never become facts.
--
-- Values that the producer did not send are NULL, not 0: the score's breakdown, packages of a check that did not run,
-- findings that a baseline left unchanged, artifacts, the remediation plan's counts. The content hash tells 0 from NULL.
--   integrity    empty without an evidence pack; `mismatch` if the digest or an artifact does not verify; `suspect` if the
--                report contradicts its remediation plan; else `ok`
--   key_scheme   how the keys of the scan's findings were made: `source` by our exporter, `gateway` from rows that came
--                without keys, empty by older producers and by scans that list no findings. Keys of two schemes do not compare.

-- The fact.
CREATE TABLE IF NOT EXISTS scan_v1
(
    org_id LowCardinality(String),
    repo String,
    event_id String,
    occurred_at DateTime64(3, 'UTC'),
    score UInt8,
    grade LowCardinality(String),
    score_secrets Nullable(UInt8),
    score_permissions Nullable(UInt8),
    score_hooks Nullable(UInt8),
    score_mcp Nullable(UInt8),
    score_agents Nullable(UInt8),
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
    baseline_unchanged Nullable(UInt32),
    baseline_new_critical UInt32,
    baseline_new_high UInt32,
    packages_total Nullable(UInt32),
    packages_risky UInt32,
    packages_critical UInt32,
    packages_high UInt32,
    expected_bundle_digest String,
    redacted Bool,
    artifact_count Nullable(UInt32),
    verified_artifact_count Nullable(UInt32),
    integrity LowCardinality(String)
        DEFAULT multiIf(expected_bundle_digest != '' AND expected_bundle_digest != bundle_digest, 'mismatch', bundle_digest = '', '', 'ok'),
    runtime_confidence Map(String, UInt32),
    remediation_findings Nullable(UInt32),
    auto_fixable Nullable(UInt32),
    manual_review Nullable(UInt32),
    key_scheme LowCardinality(String),
    trace_id String,
    ingested_at DateTime64(3, 'UTC'),
    content_hash UInt64 MATERIALIZED cityHash64(score, grade, ifNull(score_secrets, 255), ifNull(score_permissions, 255), ifNull(score_hooks, 255),
        ifNull(score_mcp, 255), ifNull(score_agents, 255),
        critical, high, medium, low, info, files_scanned, min_severity, producer_version, bundle_digest, trace_id,
        policy_status, policy_name, policy_pack, policy_violations, policy_min_score, policy_exceptions_total, policy_exceptions_active,
        policy_exceptions_expiring_soon, policy_exceptions_expired, baseline_status, baseline_score_delta, baseline_new, baseline_resolved,
        ifNull(baseline_unchanged, 4294967295), baseline_new_critical, baseline_new_high, ifNull(packages_total, 4294967295), packages_risky,
        packages_critical, packages_high, expected_bundle_digest, redacted, ifNull(artifact_count, 4294967295),
        ifNull(verified_artifact_count, 4294967295), integrity, toString(runtime_confidence), ifNull(remediation_findings, 4294967295),
        ifNull(auto_fixable, 4294967295), ifNull(manual_review, 4294967295), key_scheme)
)
ENGINE = ReplacingMergeTree(content_hash)
PARTITION BY toYYYYMM(occurred_at)
ORDER BY (org_id, repo, toStartOfHour(occurred_at), event_id, occurred_at)
TTL toDateTime(occurred_at) + toIntervalDay(730)
SETTINGS index_granularity = 2048;

CREATE VIEW IF NOT EXISTS scan AS SELECT * FROM scan_v1 FINAL;

-- What a scan carries of other checks, under the names of those entities. Reader: people, boards.
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
SELECT org_id, repo, event_id AS scan_id, occurred_at AS generated_at, bundle_digest, expected_bundle_digest, integrity,
    artifact_count, verified_artifact_count, redacted
FROM scan
WHERE bundle_digest != '';

-- Landing to fact and quarantine.
CREATE TABLE IF NOT EXISTS scan_in_v1
(
    org_id LowCardinality(String),
    repo String,
    event_id String,
    occurred_at DateTime64(3, 'UTC'),
    score UInt8,
    grade LowCardinality(String),
    score_secrets Nullable(UInt8),
    score_permissions Nullable(UInt8),
    score_hooks Nullable(UInt8),
    score_mcp Nullable(UInt8),
    score_agents Nullable(UInt8),
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
    baseline_unchanged Nullable(UInt32),
    baseline_new_critical UInt32,
    baseline_new_high UInt32,
    packages_total Nullable(UInt32),
    packages_risky UInt32,
    packages_critical UInt32,
    packages_high UInt32,
    expected_bundle_digest String,
    redacted Bool,
    artifact_count Nullable(UInt32),
    verified_artifact_count Nullable(UInt32),
    integrity LowCardinality(String),
    runtime_confidence Map(String, UInt32),
    remediation_findings Nullable(UInt32),
    auto_fixable Nullable(UInt32),
    manual_review Nullable(UInt32),
    key_scheme LowCardinality(String),
    trace_id String,
    ingested_at DateTime64(3, 'UTC'),
    problem LowCardinality(String)
)
ENGINE = Null;

CREATE MATERIALIZED VIEW IF NOT EXISTS scan_in_mv_v1 TO scan_in_v1 AS
SELECT
    OrgId AS org_id,
    Repository AS repo,
    if(SpanAttributes['shieldwatch.event.id'] != '', SpanAttributes['shieldwatch.event.id'], concat(TraceId, '-', SpanId)) AS event_id,
    coalesce(parseDateTime64BestEffortOrNull(SpanAttributes['agentshield.scan.generated_at'], 3, 'UTC'),
        toDateTime64(Timestamp, 3, 'UTC')) AS occurred_at,
    toUInt8OrZero(SpanAttributes['agentshield.scan.score']) AS score,
    SpanAttributes['agentshield.scan.grade'] AS grade,
    toUInt8OrNull(SpanAttributes['agentshield.scan.breakdown.secrets']) AS score_secrets,
    toUInt8OrNull(SpanAttributes['agentshield.scan.breakdown.permissions']) AS score_permissions,
    toUInt8OrNull(SpanAttributes['agentshield.scan.breakdown.hooks']) AS score_hooks,
    toUInt8OrNull(SpanAttributes['agentshield.scan.breakdown.mcp']) AS score_mcp,
    toUInt8OrNull(SpanAttributes['agentshield.scan.breakdown.agents']) AS score_agents,
    toUInt32OrZero(SpanAttributes['agentshield.scan.findings.total']) AS total_findings,
    toUInt32OrZero(SpanAttributes['agentshield.scan.findings.critical']) AS critical,
    toUInt32OrZero(SpanAttributes['agentshield.scan.findings.high']) AS high,
    toUInt32OrZero(SpanAttributes['agentshield.scan.findings.medium']) AS medium,
    toUInt32OrZero(SpanAttributes['agentshield.scan.findings.low']) AS low,
    toUInt32OrZero(SpanAttributes['agentshield.scan.findings.info']) AS info,
    toUInt32OrZero(SpanAttributes['agentshield.scan.files_scanned']) AS files_scanned,
    SpanAttributes['agentshield.scan.min_severity'] AS min_severity,
    SpanAttributes['agentshield.version'] AS producer_version,
    SpanAttributes['agentshield.scan.bundle_digest'] AS bundle_digest,
    SpanAttributes['agentshield.scan.provider'] AS provider,
    SpanAttributes['vcs.ref.head.revision'] AS ci_sha,
    SpanAttributes['cicd.pipeline.run.id'] AS ci_run_id,
    SpanAttributes['cicd.pipeline.name'] AS ci_workflow,
    SpanAttributes['agentshield.policy.status'] AS policy_status,
    SpanAttributes['agentshield.policy.name'] AS policy_name,
    SpanAttributes['agentshield.policy.pack'] AS policy_pack,
    toUInt32OrZero(SpanAttributes['agentshield.policy.violations']) AS policy_violations,
    toUInt8OrZero(SpanAttributes['agentshield.policy.min_score']) AS policy_min_score,
    toUInt32OrZero(SpanAttributes['agentshield.policy.exceptions.total']) AS policy_exceptions_total,
    toUInt32OrZero(SpanAttributes['agentshield.policy.exceptions.active']) AS policy_exceptions_active,
    toUInt32OrZero(SpanAttributes['agentshield.policy.exceptions.expiring_soon']) AS policy_exceptions_expiring_soon,
    toUInt32OrZero(SpanAttributes['agentshield.policy.exceptions.expired']) AS policy_exceptions_expired,
    SpanAttributes['agentshield.baseline.status'] AS baseline_status,
    toInt16OrZero(SpanAttributes['agentshield.baseline.score_delta']) AS baseline_score_delta,
    toUInt32OrZero(SpanAttributes['agentshield.baseline.findings.new']) AS baseline_new,
    toUInt32OrZero(SpanAttributes['agentshield.baseline.findings.resolved']) AS baseline_resolved,
    toUInt32OrNull(SpanAttributes['agentshield.baseline.findings.unchanged']) AS baseline_unchanged,
    toUInt32OrZero(SpanAttributes['agentshield.baseline.findings.new_critical']) AS baseline_new_critical,
    toUInt32OrZero(SpanAttributes['agentshield.baseline.findings.new_high']) AS baseline_new_high,
    toUInt32OrNull(SpanAttributes['agentshield.supply_chain.packages.total']) AS packages_total,
    toUInt32OrZero(SpanAttributes['agentshield.supply_chain.packages.risky']) AS packages_risky,
    toUInt32OrZero(SpanAttributes['agentshield.supply_chain.packages.critical']) AS packages_critical,
    toUInt32OrZero(SpanAttributes['agentshield.supply_chain.packages.high']) AS packages_high,
    SpanAttributes['agentshield.evidence_pack.expected_digest'] AS expected_bundle_digest,
    SpanAttributes['agentshield.evidence_pack.redacted'] = 'true' AS redacted,
    toUInt32OrNull(SpanAttributes['agentshield.evidence_pack.artifacts']) AS artifact_count,
    toUInt32OrNull(SpanAttributes['agentshield.evidence_pack.artifacts_verified']) AS verified_artifact_count,
    multiIf((expected_bundle_digest != '' AND expected_bundle_digest != bundle_digest)
            OR SpanAttributes['agentshield.evidence_pack.integrity'] = 'mismatch' OR ifNull(verified_artifact_count < artifact_count, false),
                'mismatch',
        SpanAttributes['agentshield.evidence_pack.integrity'] = 'suspect', 'suspect',
        bundle_digest = '', '',
        'ok') AS integrity,
    mapApply((name, counted) -> (substring(name, 37), toUInt32OrZero(counted)),
        mapFilter((name, counted) -> name IN ('agentshield.scan.runtime_confidence.active-runtime',
        'agentshield.scan.runtime_confidence.project-local-optional', 'agentshield.scan.runtime_confidence.template-example',
        'agentshield.scan.runtime_confidence.docs-example', 'agentshield.scan.runtime_confidence.plugin-cache',
        'agentshield.scan.runtime_confidence.plugin-manifest', 'agentshield.scan.runtime_confidence.hook-code'),
        SpanAttributes)) AS runtime_confidence,
    toUInt32OrNull(SpanAttributes['agentshield.remediation.total_findings']) AS remediation_findings,
    toUInt32OrNull(SpanAttributes['agentshield.remediation.auto_fixable']) AS auto_fixable,
    toUInt32OrNull(SpanAttributes['agentshield.remediation.manual_review']) AS manual_review,
    SpanAttributes['agentshield.scan.key_scheme'] AS key_scheme,
    TraceId AS trace_id,
    IngestedAt AS ingested_at,
    multiIf(
        ifNull(toUInt8OrNull(SpanAttributes['agentshield.scan.score']) > 100, true), 'score missing or out of range',
        SpanAttributes['agentshield.scan.grade'] NOT IN ('A', 'B', 'C', 'D', 'F'), 'grade unknown',
        toUInt32OrNull(SpanAttributes['agentshield.scan.files_scanned']) IS NULL, 'files scanned missing',
        occurred_at > IngestedAt + toIntervalDay(1), 'timestamp in the future',
        occurred_at < IngestedAt - toIntervalDay(730), 'timestamp before the oldest facts',
        Repository = '', 'repository missing',
        '') AS problem
FROM otel_traces
WHERE OrgId != '' AND SpanName = 'agentshield.scan';

CREATE MATERIALIZED VIEW IF NOT EXISTS scan_mv_v1 TO scan_v1 AS
SELECT org_id, repo, event_id, occurred_at, score, grade, score_secrets, score_permissions, score_hooks, score_mcp, score_agents, total_findings,
    critical, high, medium, low, info, files_scanned, min_severity, producer_version, bundle_digest, provider, ci_sha, ci_run_id, ci_workflow,
    policy_status, policy_name, policy_pack, policy_violations, policy_min_score, policy_exceptions_total, policy_exceptions_active,
    policy_exceptions_expiring_soon, policy_exceptions_expired, baseline_status, baseline_score_delta, baseline_new, baseline_resolved,
    baseline_unchanged, baseline_new_critical, baseline_new_high, packages_total, packages_risky, packages_critical, packages_high,
    expected_bundle_digest, redacted, artifact_count, verified_artifact_count, integrity,
    runtime_confidence, remediation_findings, auto_fixable, manual_review, key_scheme,
    trace_id, ingested_at
FROM scan_in_v1
WHERE problem = '';

CREATE MATERIALIZED VIEW IF NOT EXISTS quarantine_scan_mv_v1 TO quarantine_v1 AS
SELECT org_id, repo, 'scan' AS record, event_id, occurred_at, problem, trace_id, ingested_at
FROM scan_in_v1
WHERE problem != '';

-- Registers (0002).
CREATE MATERIALIZED VIEW IF NOT EXISTS dirty_hour_scan_mv_v1 TO dirty_hour_v1 AS
SELECT 'scan' AS fact, org_id, repo, bucket_start, now64(3, 'UTC') AS marked_at
FROM (SELECT DISTINCT org_id, repo, toStartOfHour(occurred_at) AS bucket_start FROM scan_v1);

CREATE MATERIALIZED VIEW IF NOT EXISTS repository_activity_scan_mv_v1 TO repository_activity_v1 AS
SELECT org_id, repo, min(occurred_at) AS first_seen, max(occurred_at) AS last_seen
FROM scan_v1
GROUP BY org_id, repo;

CREATE MATERIALIZED VIEW IF NOT EXISTS producer_version_scan_mv_v1 TO producer_version_v1 AS
SELECT org_id, 'scan' AS producer, 'AgentShield' AS program, toString(producer_version) AS version, repo, min(occurred_at) AS first_seen,
    max(occurred_at) AS last_seen
FROM scan_v1
WHERE version != ''
GROUP BY org_id, producer, program, version, repo;
