-- From landing to facts: the only place that renames. Each kind of record has three parts:
--   <fact>_in_v1     a table that stores nothing (Null): the record read out of its attributes, with `problem`
--                    empty where a fact can be made of it
--   <fact>_in_mv_v1  fills it from landing
--   <fact>_mv_v1     writes the fact; quarantine_<fact>_mv_v1 writes the rest to quarantine
-- Rows without an organisation never become facts; the collector has dropped them already.
-- Replay safety: facts fold by their key, so landing may be fed through here again.
-- No expression here may throw, whatever a client sends: the INSERT into landing would fail with it, and a
-- collector would retry that batch for ever.

CREATE TABLE IF NOT EXISTS scan_in_v1
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
    problem LowCardinality(String)
)
ENGINE = Null;

CREATE MATERIALIZED VIEW IF NOT EXISTS scan_in_mv_v1 TO scan_in_v1 AS
SELECT
    OrgId AS org_id,
    Repository AS repo,
    if(SpanAttributes['shieldwatch.event.id'] != '', SpanAttributes['shieldwatch.event.id'], concat(TraceId, '-', SpanId)) AS event_id,
    coalesce(parseDateTime64BestEffortOrNull(SpanAttributes['agentshield.scan.generated_at'], 3, 'UTC'), toDateTime64(Timestamp, 3, 'UTC')) AS occurred_at,
    toUInt8OrZero(SpanAttributes['agentshield.scan.score']) AS score,
    SpanAttributes['agentshield.scan.grade'] AS grade,
    toUInt8OrZero(SpanAttributes['agentshield.scan.breakdown.secrets']) AS score_secrets,
    toUInt8OrZero(SpanAttributes['agentshield.scan.breakdown.permissions']) AS score_permissions,
    toUInt8OrZero(SpanAttributes['agentshield.scan.breakdown.hooks']) AS score_hooks,
    toUInt8OrZero(SpanAttributes['agentshield.scan.breakdown.mcp']) AS score_mcp,
    toUInt8OrZero(SpanAttributes['agentshield.scan.breakdown.agents']) AS score_agents,
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
    toUInt32OrZero(SpanAttributes['agentshield.baseline.findings.unchanged']) AS baseline_unchanged,
    toUInt32OrZero(SpanAttributes['agentshield.baseline.findings.new_critical']) AS baseline_new_critical,
    toUInt32OrZero(SpanAttributes['agentshield.baseline.findings.new_high']) AS baseline_new_high,
    toUInt32OrZero(SpanAttributes['agentshield.supply_chain.packages.total']) AS packages_total,
    toUInt32OrZero(SpanAttributes['agentshield.supply_chain.packages.risky']) AS packages_risky,
    toUInt32OrZero(SpanAttributes['agentshield.supply_chain.packages.critical']) AS packages_critical,
    toUInt32OrZero(SpanAttributes['agentshield.supply_chain.packages.high']) AS packages_high,
    SpanAttributes['agentshield.evidence_pack.expected_digest'] AS expected_bundle_digest,
    SpanAttributes['agentshield.evidence_pack.redacted'] = 'true' AS redacted,
    toUInt32OrZero(SpanAttributes['agentshield.evidence_pack.artifacts']) AS artifact_count,
    toUInt32OrZero(SpanAttributes['agentshield.evidence_pack.artifacts_verified']) AS verified_artifact_count,
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
SELECT org_id, repo, event_id, occurred_at, score, grade, score_secrets, score_permissions, score_hooks, score_mcp, score_agents, total_findings, critical, high, medium, low, info, files_scanned, min_severity, producer_version, bundle_digest, provider, ci_sha, ci_run_id, ci_workflow,
    policy_status, policy_name, policy_pack, policy_violations, policy_min_score, policy_exceptions_total, policy_exceptions_active, policy_exceptions_expiring_soon, policy_exceptions_expired, baseline_status, baseline_score_delta, baseline_new, baseline_resolved, baseline_unchanged, baseline_new_critical, baseline_new_high, packages_total, packages_risky, packages_critical, packages_high, expected_bundle_digest, redacted, artifact_count, verified_artifact_count,
    trace_id, ingested_at
FROM scan_in_v1
WHERE problem = '';

CREATE MATERIALIZED VIEW IF NOT EXISTS quarantine_scan_mv_v1 TO quarantine_v1 AS
SELECT org_id, repo, 'scan' AS record, event_id, occurred_at, problem, trace_id, ingested_at
FROM scan_in_v1
WHERE problem != '';

CREATE TABLE IF NOT EXISTS finding_in_v1
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
    problem LowCardinality(String)
)
ENGINE = Null;

CREATE MATERIALIZED VIEW IF NOT EXISTS finding_in_mv_v1 TO finding_in_v1 AS
SELECT
    OrgId AS org_id,
    Repository AS repo,
    if(LogAttributes['shieldwatch.event.id'] != '', LogAttributes['shieldwatch.event.id'], lower(hex(sipHash128(Timestamp, TraceId, SpanId, Body, LogAttributes)))) AS event_id,
    coalesce(parseDateTime64BestEffortOrNull(LogAttributes['agentshield.scan.generated_at'], 3, 'UTC'), toDateTime64(Timestamp, 3, 'UTC')) AS occurred_at,
    LogAttributes['agentshield.scan.id'] AS scan_id,
    LogAttributes['agentshield.finding.key'] AS finding_key,
    toUInt32OrZero(LogAttributes['agentshield.finding.occurrence']) AS occurrence,
    LogAttributes['agentshield.finding.id'] AS finding_id,
    LogAttributes['agentshield.finding.severity'] AS severity,
    LogAttributes['agentshield.finding.category'] AS category,
    LogAttributes['agentshield.finding.title'] AS title,
    LogAttributes['agentshield.finding.file'] AS file,
    toUInt32OrZero(LogAttributes['agentshield.finding.line']) AS line,
    LogAttributes['agentshield.finding.runtime_confidence'] AS runtime_confidence,
    LogAttributes['agentshield.finding.fingerprint'] AS fingerprint,
    TraceId AS trace_id,
    IngestedAt AS ingested_at,
    multiIf(
        LogAttributes['agentshield.finding.key'] = '', 'finding key missing',
        LogAttributes['agentshield.finding.severity'] NOT IN ('critical', 'high', 'medium', 'low', 'info'), 'severity unknown',
        occurred_at > IngestedAt + toIntervalDay(1), 'timestamp in the future',
        occurred_at < IngestedAt - toIntervalDay(730), 'timestamp before the oldest facts',
        Repository = '', 'repository missing',
        '') AS problem
FROM otel_logs
WHERE OrgId != ''
    -- An exporter that started before this table existed leaves EventName empty until it is restarted.
    AND (EventName = 'agentshield.finding' OR (EventName = '' AND LogAttributes['agentshield.finding.key'] != ''));

CREATE MATERIALIZED VIEW IF NOT EXISTS finding_mv_v1 TO finding_v1 AS
SELECT org_id, repo, event_id, occurred_at, scan_id, finding_key, occurrence, finding_id, severity, category, title, file, line, runtime_confidence, fingerprint, trace_id, ingested_at
FROM finding_in_v1
WHERE problem = '';

CREATE MATERIALIZED VIEW IF NOT EXISTS quarantine_finding_mv_v1 TO quarantine_v1 AS
SELECT org_id, repo, 'finding' AS record, event_id, occurred_at, problem, trace_id, ingested_at
FROM finding_in_v1
WHERE problem != '';

CREATE TABLE IF NOT EXISTS runtime_event_in_v1
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
    problem LowCardinality(String)
)
ENGINE = Null;

CREATE MATERIALIZED VIEW IF NOT EXISTS runtime_event_in_mv_v1 TO runtime_event_in_v1 AS
SELECT
    OrgId AS org_id,
    Repository AS repo,
    if(SpanAttributes['shieldwatch.event.id'] != '', SpanAttributes['shieldwatch.event.id'], concat(TraceId, '-', SpanId)) AS event_id,
    coalesce(parseDateTime64BestEffortOrNull(SpanAttributes['agentshield.decision.timestamp'], 3, 'UTC'), toDateTime64(Timestamp, 3, 'UTC')) AS occurred_at,
    SpanAttributes['session.id'] AS session_id,
    SpanAttributes['gen_ai.agent.name'] AS agent,
    SpanAttributes['gen_ai.tool.name'] AS tool,
    SpanAttributes['gen_ai.tool.call.id'] AS tool_call_id,
    SpanAttributes['agentshield.decision.action'] AS decision,
    SpanAttributes['agentshield.decision.reason'] AS reason,
    SpanAttributes['security_rule.name'] AS rule_name,
    SpanAttributes['security_rule.category'] AS rule_category,
    ifNull(accurateCastOrNull(round(least(toFloat64OrNull(SpanAttributes['agentshield.decision.duration']), 86400000) * 1000), 'UInt64'), 0) AS duration_us,
    SpanAttributes['shieldwatch.event.source'] AS source,
    TraceId AS trace_id,
    IngestedAt AS ingested_at,
    multiIf(
        SpanAttributes['agentshield.decision.action'] NOT IN ('allow', 'block', 'ask'), 'decision unknown',
        SpanAttributes['gen_ai.tool.name'] = '', 'tool missing',
        occurred_at > IngestedAt + toIntervalDay(1), 'timestamp in the future',
        occurred_at < IngestedAt - toIntervalDay(730), 'timestamp before the oldest facts',
        Repository = '', 'repository missing',
        '') AS problem
FROM otel_traces
WHERE OrgId != '' AND SpanName = 'agentshield.decision';

CREATE MATERIALIZED VIEW IF NOT EXISTS runtime_event_mv_v1 TO runtime_event_v1 AS
SELECT org_id, repo, event_id, occurred_at, session_id, agent, tool, tool_call_id, decision, reason, rule_name, rule_category, duration_us, source, trace_id, ingested_at
FROM runtime_event_in_v1
WHERE problem = '';

CREATE MATERIALIZED VIEW IF NOT EXISTS quarantine_runtime_event_mv_v1 TO quarantine_v1 AS
SELECT org_id, repo, 'runtime_event' AS record, event_id, occurred_at, problem, trace_id, ingested_at
FROM runtime_event_in_v1
WHERE problem != '';

CREATE TABLE IF NOT EXISTS drift_event_in_v1
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
    problem LowCardinality(String)
)
ENGINE = Null;

CREATE MATERIALIZED VIEW IF NOT EXISTS drift_event_in_mv_v1 TO drift_event_in_v1 AS
SELECT
    OrgId AS org_id,
    Repository AS repo,
    if(SpanAttributes['shieldwatch.event.id'] != '', SpanAttributes['shieldwatch.event.id'], concat(TraceId, '-', SpanId)) AS event_id,
    coalesce(parseDateTime64BestEffortOrNull(SpanAttributes['agentshield.drift.timestamp'], 3, 'UTC'), toDateTime64(Timestamp, 3, 'UTC')) AS occurred_at,
    toUInt8OrZero(SpanAttributes['agentshield.drift.score.previous']) AS score_previous,
    toUInt8OrZero(SpanAttributes['agentshield.drift.score.current']) AS score_current,
    toInt16OrZero(SpanAttributes['agentshield.drift.score.delta']) AS score_delta,
    SpanAttributes['agentshield.drift.is_regression'] = 'true' AS is_regression,
    SpanAttributes['agentshield.drift.has_critical'] = 'true' AS has_critical,
    toUInt32OrZero(SpanAttributes['agentshield.drift.findings.new']) AS new_findings,
    toUInt32OrZero(SpanAttributes['agentshield.drift.findings.resolved']) AS resolved_findings,
    TraceId AS trace_id,
    IngestedAt AS ingested_at,
    multiIf(
        ifNull(toUInt8OrNull(SpanAttributes['agentshield.drift.score.current']) > 100, true), 'score missing or out of range',
        occurred_at > IngestedAt + toIntervalDay(1), 'timestamp in the future',
        occurred_at < IngestedAt - toIntervalDay(730), 'timestamp before the oldest facts',
        Repository = '', 'repository missing',
        '') AS problem
FROM otel_traces
WHERE OrgId != '' AND SpanName = 'agentshield.drift';

CREATE MATERIALIZED VIEW IF NOT EXISTS drift_event_mv_v1 TO drift_event_v1 AS
SELECT org_id, repo, event_id, occurred_at, score_previous, score_current, score_delta, is_regression, has_critical, new_findings, resolved_findings, trace_id, ingested_at
FROM drift_event_in_v1
WHERE problem = '';

CREATE MATERIALIZED VIEW IF NOT EXISTS quarantine_drift_event_mv_v1 TO quarantine_v1 AS
SELECT org_id, repo, 'drift_event' AS record, event_id, occurred_at, problem, trace_id, ingested_at
FROM drift_event_in_v1
WHERE problem != '';

CREATE MATERIALIZED VIEW IF NOT EXISTS dirty_hour_scan_mv_v1 TO dirty_hour_v1 AS
SELECT 'scan' AS fact, org_id, repo, bucket_start, now64(3, 'UTC') AS marked_at
FROM (SELECT DISTINCT org_id, repo, toStartOfHour(occurred_at) AS bucket_start FROM scan_v1);

CREATE MATERIALIZED VIEW IF NOT EXISTS dirty_hour_finding_mv_v1 TO dirty_hour_v1 AS
SELECT 'finding' AS fact, org_id, repo, bucket_start, now64(3, 'UTC') AS marked_at
FROM (SELECT DISTINCT org_id, repo, toStartOfHour(occurred_at) AS bucket_start FROM finding_v1);

CREATE MATERIALIZED VIEW IF NOT EXISTS dirty_hour_runtime_event_mv_v1 TO dirty_hour_v1 AS
SELECT 'runtime_event' AS fact, org_id, repo, bucket_start, now64(3, 'UTC') AS marked_at
FROM (SELECT DISTINCT org_id, repo, toStartOfHour(occurred_at) AS bucket_start FROM runtime_event_v1);

CREATE MATERIALIZED VIEW IF NOT EXISTS dirty_hour_drift_event_mv_v1 TO dirty_hour_v1 AS
SELECT 'drift_event' AS fact, org_id, repo, bucket_start, now64(3, 'UTC') AS marked_at
FROM (SELECT DISTINCT org_id, repo, toStartOfHour(occurred_at) AS bucket_start FROM drift_event_v1);

CREATE MATERIALIZED VIEW IF NOT EXISTS repository_activity_scan_mv_v1 TO repository_activity_v1 AS
SELECT org_id, repo, min(occurred_at) AS first_seen, max(occurred_at) AS last_seen
FROM scan_v1
GROUP BY org_id, repo;

CREATE MATERIALIZED VIEW IF NOT EXISTS repository_activity_runtime_event_mv_v1 TO repository_activity_v1 AS
SELECT org_id, repo, min(occurred_at) AS first_seen, max(occurred_at) AS last_seen
FROM runtime_event_v1
GROUP BY org_id, repo;
