-- Scans that do not say all that a scan can say.
-- score_secrets to score_agents: NULL where the producer sent no breakdown of the score, by category. It was 0 before.
-- integrity: whether the evidence of the scan holds together. Empty without an evidence pack, else `ok`, `mismatch` (the
-- digest is not what the artifacts give), or `suspect` (the report contradicts the remediation plan beside it, as the
-- gateway found). AgentShield routes a pack that does not verify to `invalid`, before any other rule, and a fleet with
-- one is `invalid-evidence`. A forged report verifies, since nothing is signed, so suspect goes the same way: its
-- numbers, good or bad, are not believed.
-- The content hash tells 0 from NULL and has the integrity, so that a correction is another content.

ALTER TABLE scan_v1 ADD COLUMN IF NOT EXISTS integrity LowCardinality(String)
    DEFAULT multiIf(expected_bundle_digest != '' AND expected_bundle_digest != bundle_digest, 'mismatch', bundle_digest = '', '', 'ok')
    AFTER verified_artifact_count;

ALTER TABLE scan_v1 MODIFY COLUMN content_hash UInt64 MATERIALIZED cityHash64(score, grade, ifNull(score_secrets, 255), ifNull(score_permissions, 255), ifNull(score_hooks, 255), ifNull(score_mcp, 255), ifNull(score_agents, 255),
        critical, high, medium, low, info, files_scanned, min_severity, producer_version, bundle_digest, trace_id,
        policy_status, policy_name, policy_pack, policy_violations, policy_min_score, policy_exceptions_total, policy_exceptions_active, policy_exceptions_expiring_soon, policy_exceptions_expired, baseline_status, baseline_score_delta, baseline_new, baseline_resolved, baseline_unchanged, baseline_new_critical, baseline_new_high, packages_total, packages_risky, packages_critical, packages_high, expected_bundle_digest, redacted, artifact_count, verified_artifact_count, integrity);

ALTER TABLE scan_v1
    MODIFY COLUMN score_secrets Nullable(UInt8), 
    MODIFY COLUMN score_permissions Nullable(UInt8), 
    MODIFY COLUMN score_hooks Nullable(UInt8), 
    MODIFY COLUMN score_mcp Nullable(UInt8), 
    MODIFY COLUMN score_agents Nullable(UInt8);

ALTER TABLE scan_in_v1 ADD COLUMN IF NOT EXISTS integrity LowCardinality(String) AFTER verified_artifact_count,
    MODIFY COLUMN score_secrets Nullable(UInt8), 
    MODIFY COLUMN score_permissions Nullable(UInt8), 
    MODIFY COLUMN score_hooks Nullable(UInt8), 
    MODIFY COLUMN score_mcp Nullable(UInt8), 
    MODIFY COLUMN score_agents Nullable(UInt8);

ALTER TABLE scan_in_mv_v1 MODIFY QUERY
SELECT
    OrgId AS org_id,
    Repository AS repo,
    if(SpanAttributes['shieldwatch.event.id'] != '', SpanAttributes['shieldwatch.event.id'], concat(TraceId, '-', SpanId)) AS event_id,
    coalesce(parseDateTime64BestEffortOrNull(SpanAttributes['agentshield.scan.generated_at'], 3, 'UTC'), toDateTime64(Timestamp, 3, 'UTC')) AS occurred_at,
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
    multiIf(expected_bundle_digest != '' AND expected_bundle_digest != bundle_digest, 'mismatch',
        SpanAttributes['agentshield.evidence_pack.integrity'] = 'suspect', 'suspect',
        bundle_digest = '', '',
        'ok') AS integrity,
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

ALTER TABLE scan_mv_v1 MODIFY QUERY
SELECT org_id, repo, event_id, occurred_at, score, grade, score_secrets, score_permissions, score_hooks, score_mcp, score_agents, total_findings, critical, high, medium, low, info, files_scanned, min_severity, producer_version, bundle_digest, provider, ci_sha, ci_run_id, ci_workflow,
    policy_status, policy_name, policy_pack, policy_violations, policy_min_score, policy_exceptions_total, policy_exceptions_active, policy_exceptions_expiring_soon, policy_exceptions_expired, baseline_status, baseline_score_delta, baseline_new, baseline_resolved, baseline_unchanged, baseline_new_critical, baseline_new_high, packages_total, packages_risky, packages_critical, packages_high, expected_bundle_digest, redacted, artifact_count, verified_artifact_count, integrity,
    trace_id, ingested_at
FROM scan_in_v1
WHERE problem = '';

CREATE OR REPLACE VIEW scan AS SELECT * FROM scan_v1 FINAL;

CREATE OR REPLACE VIEW evidence_pack AS
SELECT org_id, repo, event_id AS scan_id, occurred_at AS generated_at, bundle_digest, expected_bundle_digest, integrity,
    artifact_count, verified_artifact_count, redacted
FROM scan
WHERE bundle_digest != '';

-- The series. A bucket's parts are those of its last scan, or none: argMax passes over a NULL unless it is in a tuple.

ALTER TABLE score_trend_v1
    MODIFY COLUMN score_secrets_last Nullable(UInt8), 
    MODIFY COLUMN score_permissions_last Nullable(UInt8), 
    MODIFY COLUMN score_hooks_last Nullable(UInt8), 
    MODIFY COLUMN score_mcp_last Nullable(UInt8), 
    MODIFY COLUMN score_agents_last Nullable(UInt8);

CREATE OR REPLACE VIEW score_trend_day AS
SELECT org_id, repo, toStartOfDay(h.bucket_start) AS bucket_start, min_severity, producer_version,
    sum(h.scans) AS scans, sum(h.empty_scans) AS empty_scans, sum(h.score_sum) AS score_sum,
    min(h.score_min) AS score_min, max(h.score_max) AS score_max,
    argMax(h.score_last, h.last_at) AS score_last, if(scans = 0, NULL, score_sum / scans) AS score_mean,
    -- Strings and counts of an empty bucket are '' and 0. Its last_at is NULL and never wins an argMax.
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

CREATE OR REPLACE VIEW score_trend_week AS
SELECT org_id, repo, toDateTime(toMonday(h.bucket_start), 'UTC') AS bucket_start, min_severity, producer_version,
    sum(h.scans) AS scans, sum(h.empty_scans) AS empty_scans, sum(h.score_sum) AS score_sum,
    min(h.score_min) AS score_min, max(h.score_max) AS score_max,
    argMax(h.score_last, h.last_at) AS score_last, if(scans = 0, NULL, score_sum / scans) AS score_mean,
    -- Strings and counts of an empty bucket are '' and 0. Its last_at is NULL and never wins an argMax.
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

-- Scans that are stored already. A score is the mean of its parts, so five parts of 0 under a score above it were not
-- sent; and of what the gateway found suspect it left a control event. They are written anew, which marks their hours.
-- The corrected rows wait in a table of their own until those they replace are gone: beside each other in scan_v1, a merge
-- would keep the one with the greater hash, which may be the old one. Stopped anywhere, this is run again from its top:
-- what was removed already is in the waiting table, and what comes back twice folds.

CREATE TABLE IF NOT EXISTS scan_corrected_v1 AS scan_v1
ENGINE = MergeTree
ORDER BY (org_id, repo, occurred_at, event_id);

INSERT INTO scan_corrected_v1
SELECT * EXCEPT (is_untold, is_suspect)
    REPLACE (if(is_untold, NULL, score_secrets) AS score_secrets, if(is_untold, NULL, score_permissions) AS score_permissions, if(is_untold, NULL, score_hooks) AS score_hooks, if(is_untold, NULL, score_mcp) AS score_mcp, if(is_untold, NULL, score_agents) AS score_agents,
        if(is_suspect, 'suspect', integrity) AS integrity)
FROM
(
    SELECT *, score > 0 AND ifNull(score_secrets = 0, false) AND ifNull(score_permissions = 0, false) AND ifNull(score_hooks = 0, false) AND ifNull(score_mcp = 0, false) AND ifNull(score_agents = 0, false) AS is_untold,
        integrity = 'ok' AND (org_id, repo, bundle_digest) IN (SELECT org_id, repo, JSONExtractString(detail, 'bundleDigest') FROM control_event_v1 WHERE kind = 'scan_integrity' AND state = 'suspect') AS is_suspect
    FROM scan_v1 FINAL
)
WHERE is_untold OR is_suspect;

ALTER TABLE scan_v1 DELETE WHERE (score > 0 AND ifNull(score_secrets = 0, false) AND ifNull(score_permissions = 0, false) AND ifNull(score_hooks = 0, false) AND ifNull(score_mcp = 0, false) AND ifNull(score_agents = 0, false))
    OR (integrity = 'ok' AND (org_id, repo, bundle_digest) IN (SELECT org_id, repo, JSONExtractString(detail, 'bundleDigest') FROM control_event_v1 WHERE kind = 'scan_integrity' AND state = 'suspect'))
SETTINGS mutations_sync = 1;

INSERT INTO scan_v1 SELECT * FROM scan_corrected_v1;

DROP TABLE IF EXISTS scan_corrected_v1 SYNC;
