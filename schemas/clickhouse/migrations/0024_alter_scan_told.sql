-- A scan keeps what its producer told: findings by kind of confidence, the remediation plan's counts, how its keys were made.
-- Writer: scan_in_mv_v1, from the attributes of the scan's span, whichever way it came. Readers: the API and the rollups.
-- Counts that were not told are NULL, not 0: packages of a check that did not run, what a baseline left unchanged, artifacts.
-- Scans that are stored already stay as they are: of them a check that did not run and one of no packages both say 0.
-- integrity is also `mismatch` where an artifact does not verify, and where the producer or the gateway found it so.
-- key_scheme: `source` (keys of our exporter), `gateway` (made of rows that came without keys), or empty (older producers,
-- and scans that list nothing). Keys of two schemes name one finding differently. So between scans of two schemes nothing
-- was found or fixed: what is open changes its name (is_rekeyed), and no series counts that.

ALTER TABLE scan_v1
    ADD COLUMN IF NOT EXISTS runtime_confidence Map(String, UInt32) AFTER integrity,
    ADD COLUMN IF NOT EXISTS remediation_findings Nullable(UInt32) AFTER runtime_confidence,
    ADD COLUMN IF NOT EXISTS auto_fixable Nullable(UInt32) AFTER remediation_findings,
    ADD COLUMN IF NOT EXISTS manual_review Nullable(UInt32) AFTER auto_fixable,
    ADD COLUMN IF NOT EXISTS key_scheme LowCardinality(String) AFTER manual_review;

ALTER TABLE scan_v1 MODIFY COLUMN content_hash UInt64 MATERIALIZED cityHash64(score, grade, ifNull(score_secrets, 255), ifNull(score_permissions, 255), ifNull(score_hooks, 255), ifNull(score_mcp, 255), ifNull(score_agents, 255),
        critical, high, medium, low, info, files_scanned, min_severity, producer_version, bundle_digest, trace_id,
        policy_status, policy_name, policy_pack, policy_violations, policy_min_score, policy_exceptions_total, policy_exceptions_active, policy_exceptions_expiring_soon, policy_exceptions_expired, baseline_status, baseline_score_delta, baseline_new, baseline_resolved, ifNull(baseline_unchanged, 4294967295), baseline_new_critical, baseline_new_high, ifNull(packages_total, 4294967295), packages_risky, packages_critical, packages_high, expected_bundle_digest, redacted, ifNull(artifact_count, 4294967295), ifNull(verified_artifact_count, 4294967295), integrity, toString(runtime_confidence), ifNull(remediation_findings, 4294967295), ifNull(auto_fixable, 4294967295), ifNull(manual_review, 4294967295), key_scheme);

ALTER TABLE scan_v1
    MODIFY COLUMN baseline_unchanged Nullable(UInt32),
    MODIFY COLUMN packages_total Nullable(UInt32),
    MODIFY COLUMN artifact_count Nullable(UInt32),
    MODIFY COLUMN verified_artifact_count Nullable(UInt32);

ALTER TABLE scan_in_v1
    ADD COLUMN IF NOT EXISTS runtime_confidence Map(String, UInt32) AFTER integrity,
    ADD COLUMN IF NOT EXISTS remediation_findings Nullable(UInt32) AFTER runtime_confidence,
    ADD COLUMN IF NOT EXISTS auto_fixable Nullable(UInt32) AFTER remediation_findings,
    ADD COLUMN IF NOT EXISTS manual_review Nullable(UInt32) AFTER auto_fixable,
    ADD COLUMN IF NOT EXISTS key_scheme LowCardinality(String) AFTER manual_review;

ALTER TABLE scan_in_v1
    MODIFY COLUMN baseline_unchanged Nullable(UInt32),
    MODIFY COLUMN packages_total Nullable(UInt32),
    MODIFY COLUMN artifact_count Nullable(UInt32),
    MODIFY COLUMN verified_artifact_count Nullable(UInt32);

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
            OR SpanAttributes['agentshield.evidence_pack.integrity'] = 'mismatch' OR ifNull(verified_artifact_count < artifact_count, false), 'mismatch',
        SpanAttributes['agentshield.evidence_pack.integrity'] = 'suspect', 'suspect',
        bundle_digest = '', '',
        'ok') AS integrity,
    mapApply((name, counted) -> (substring(name, 37), toUInt32OrZero(counted)), mapFilter((name, counted) -> name IN ('agentshield.scan.runtime_confidence.active-runtime', 'agentshield.scan.runtime_confidence.project-local-optional', 'agentshield.scan.runtime_confidence.template-example', 'agentshield.scan.runtime_confidence.docs-example', 'agentshield.scan.runtime_confidence.plugin-cache', 'agentshield.scan.runtime_confidence.plugin-manifest', 'agentshield.scan.runtime_confidence.hook-code'), SpanAttributes)) AS runtime_confidence,
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

ALTER TABLE scan_mv_v1 MODIFY QUERY
SELECT org_id, repo, event_id, occurred_at, score, grade, score_secrets, score_permissions, score_hooks, score_mcp, score_agents, total_findings, critical, high, medium, low, info, files_scanned, min_severity, producer_version, bundle_digest, provider, ci_sha, ci_run_id, ci_workflow,
    policy_status, policy_name, policy_pack, policy_violations, policy_min_score, policy_exceptions_total, policy_exceptions_active, policy_exceptions_expiring_soon, policy_exceptions_expired, baseline_status, baseline_score_delta, baseline_new, baseline_resolved, baseline_unchanged, baseline_new_critical, baseline_new_high, packages_total, packages_risky, packages_critical, packages_high, expected_bundle_digest, redacted, artifact_count, verified_artifact_count, integrity,
    runtime_confidence, remediation_findings, auto_fixable, manual_review, key_scheme,
    trace_id, ingested_at
FROM scan_in_v1
WHERE problem = '';

CREATE OR REPLACE VIEW scan AS SELECT * FROM scan_v1 FINAL;

CREATE OR REPLACE VIEW evidence_pack AS
SELECT org_id, repo, event_id AS scan_id, occurred_at AS generated_at, bundle_digest, expected_bundle_digest, integrity,
    artifact_count, verified_artifact_count, redacted
FROM scan
WHERE bundle_digest != '';

ALTER TABLE scan_posture_v1 ADD COLUMN IF NOT EXISTS key_scheme LowCardinality(String) AFTER is_detailed;

CREATE OR REPLACE VIEW scan_posture AS
SELECT org_id, repo, bucket_start, scan_at, scan_id, severity_from, is_counted, is_detailed, key_scheme, score, critical, high, medium, low, info,
    risky_packages, is_policy_failed, is_regressed, is_invalid, route
FROM
(
    SELECT *, max(version) OVER (PARTITION BY org_id, repo, bucket_start) AS head_version
    FROM scan_posture_v1 FINAL
    WHERE formula = (SELECT argMax(formula, switched_at) FROM rollup_formula_v1 WHERE series = 'scan_posture')
)
WHERE version = head_version AND NOT is_head;

ALTER TABLE finding_transition_v1 ADD COLUMN IF NOT EXISTS is_rekeyed Bool AFTER change;

CREATE OR REPLACE VIEW finding_transition AS
SELECT org_id, repo, bucket_start, severity, category, finding_key, occurrence, scan_at, scan_id, change, is_rekeyed,
    previous_at, title, file
FROM
(
    SELECT *, max(version) OVER (PARTITION BY org_id, repo, bucket_start) AS head_version
    FROM finding_transition_v1 FINAL
    WHERE formula = (SELECT argMax(formula, switched_at) FROM rollup_formula_v1 WHERE series = 'finding_transition')
)
WHERE version = head_version AND NOT is_head;

-- What stands open now, as in 0014; a finding that another scheme named in between had not been fixed.
CREATE OR REPLACE VIEW open_finding AS
SELECT f.org_id AS org_id, f.repo AS repo, f.severity AS severity, f.category AS category, f.finding_key AS finding_key, f.occurrence AS occurrence,
    f.title AS title, f.file AS file, f.opened_at AS opened_at, f.recurrences AS recurrences,
    if(t.state = '', 'open', t.state) AS triage, if(t.state = '' OR t.until = toDateTime64('2106-02-07 06:00:00', 3, 'UTC'), NULL, t.until) AS triage_until
FROM
(
    SELECT org_id, repo, severity, category, finding_key, occurrence,
        argMax(t.title, (t.scan_at, t.scan_id)) AS title, argMax(t.file, (t.scan_at, t.scan_id)) AS file,
        max(t.scan_at) AS opened_at, countIf(t.change = -1 AND NOT t.is_rekeyed) AS recurrences
    FROM finding_transition AS t
    GROUP BY org_id, repo, severity, category, finding_key, occurrence
    HAVING argMax(t.change, (t.scan_at, t.scan_id)) = 1
) AS f
LEFT JOIN (SELECT * FROM finding_triage_interval WHERE since <= now64(3, 'UTC') AND until > now64(3, 'UTC')) AS t
    ON t.org_id = f.org_id AND t.repo = f.repo AND t.finding_key = f.finding_key;
