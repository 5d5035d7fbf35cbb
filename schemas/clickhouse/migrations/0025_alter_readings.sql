-- A drift keeps the findings that came and went, as its producer listed them: key, id, severity, category, title, file.
-- Writer: drift_event_in_mv_v1, from the events of the drift's span; at most 500 of each. Reader: the API.
-- new_findings and resolved_findings stay the counts, which may be greater. Rows from before have empty lists.
-- content_hash stays as it is: a drift's event id is made of its lists.

ALTER TABLE drift_event_v1
    ADD COLUMN IF NOT EXISTS new_list Array(Tuple(finding_key String, id String, severity String, category String, title String, file String)) AFTER resolved_findings,
    ADD COLUMN IF NOT EXISTS resolved_list Array(Tuple(finding_key String, id String, severity String, category String, title String, file String)) AFTER new_list;

ALTER TABLE drift_event_in_v1
    ADD COLUMN IF NOT EXISTS new_list Array(Tuple(finding_key String, id String, severity String, category String, title String, file String)) AFTER resolved_findings,
    ADD COLUMN IF NOT EXISTS resolved_list Array(Tuple(finding_key String, id String, severity String, category String, title String, file String)) AFTER new_list;

ALTER TABLE drift_event_in_mv_v1 MODIFY QUERY
WITH arrayMap((name, a) -> (name, (a['agentshield.finding.key'], a['agentshield.finding.id'], a['agentshield.finding.severity'], a['agentshield.finding.category'], a['agentshield.finding.title'], a['agentshield.finding.file'])),
    Events.Name, Events.Attributes) AS listed
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
    arraySlice(arrayMap(finding -> finding.2, arrayFilter(finding -> finding.1 = 'agentshield.finding.new', listed)), 1, 500) AS new_list,
    arraySlice(arrayMap(finding -> finding.2, arrayFilter(finding -> finding.1 = 'agentshield.finding.resolved', listed)), 1, 500) AS resolved_list,
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

ALTER TABLE drift_event_mv_v1 MODIFY QUERY
SELECT org_id, repo, event_id, occurred_at, score_previous, score_current, score_delta, is_regression, has_critical, new_findings, resolved_findings, new_list, resolved_list, trace_id, ingested_at
FROM drift_event_in_v1
WHERE problem = '';

CREATE OR REPLACE VIEW drift_event AS SELECT * FROM drift_event_v1 FINAL;

-- An improvement is a drift whose score rose; one whose score stayed was counted as one. Hours with drifts are due again.
INSERT INTO dirty_hour_v1
SELECT DISTINCT 'drift_event' AS fact, org_id, repo, toStartOfHour(occurred_at) AS bucket_start, now64(3, 'UTC') AS marked_at FROM drift_event_v1;

-- An injection attempt that only the reason's text tells is an attempt; attempts_by_text was counted beside, not among.
INSERT INTO dirty_hour_v1
SELECT DISTINCT 'runtime_event' AS fact, org_id, repo, bucket_start, now64(3, 'UTC') AS marked_at FROM injection_attempt_rate_v1 WHERE attempts_by_text > 0;

-- score_trend of the whole organisation: what its repositories' newest scans leave at the end of each bucket. The grade
-- is AgentShield's for the mean score: A from 90, B from 75, C from 60, D from 40, else F.
CREATE VIEW IF NOT EXISTS score_trend_org_hour AS
SELECT org_id, h.bucket_start AS bucket_start, repos, score_mean, score_min, multiIf(score_mean >= 90, 'A', score_mean >= 75, 'B', score_mean >= 60, 'C', score_mean >= 40, 'D', 'F') AS grade
FROM cross_repo_org_rollup_hour AS h;

CREATE VIEW IF NOT EXISTS score_trend_org_day AS
SELECT org_id, d.bucket_start AS bucket_start, repos, score_mean, score_min, multiIf(score_mean >= 90, 'A', score_mean >= 75, 'B', score_mean >= 60, 'C', score_mean >= 40, 'D', 'F') AS grade
FROM cross_repo_org_rollup_day AS d;

CREATE VIEW IF NOT EXISTS score_trend_org_week AS
SELECT org_id, w.bucket_start AS bucket_start, repos, score_mean, score_min, multiIf(score_mean >= 90, 'A', score_mean >= 75, 'B', score_mean >= 60, 'C', score_mean >= 40, 'D', 'F') AS grade
FROM cross_repo_org_rollup_week AS w;

-- Critical and high findings, by scan that shows them, whose acceptance lasts now; and what else of that scan blocks.
CREATE VIEW IF NOT EXISTS accepted_finding AS
SELECT f.org_id AS org_id, f.repo AS repo, f.scan_id AS scan_id, countIf(f.severity = 'critical') AS critical, countIf(f.severity = 'high') AS high,
    any(s.packages_critical + s.packages_high) AS blocking_packages
FROM finding AS f
INNER JOIN scan AS s ON s.org_id = f.org_id AND s.repo = f.repo AND s.event_id = f.scan_id
WHERE (f.org_id, f.repo, f.finding_key) IN
    (SELECT org_id, repo, finding_key FROM finding_triage_interval WHERE state = 'accepted' AND since <= now64(3, 'UTC') AND until > now64(3, 'UTC'))
    AND f.severity IN ('critical', 'high')
GROUP BY org_id, repo, scan_id;

-- As in 0009, but a finding does not block while its acceptance lasts. Series over time have routes as scans gave them.
CREATE OR REPLACE VIEW repo_route AS
SELECT p.org_id AS org_id, p.repo AS repo, p.scan_id AS scan_id, p.scan_at AS scanned_at, p.score AS score, p.critical AS critical, p.high AS high,
    p.risky_packages AS risky_packages, p.is_policy_failed AS is_policy_failed, p.is_regressed AS is_regressed, p.is_invalid AS is_invalid,
    toLowCardinality(multiIf(
        p.route != 'security-blocker' OR a.scan_id = '' OR p.critical + p.high > a.critical + a.high OR a.blocking_packages > 0, toString(p.route),
        p.is_policy_failed, 'policy-review',
        p.is_regressed, 'baseline-regression',
        p.risky_packages > 0, 'supply-chain-review',
        'ready')) AS route
FROM posture_interval AS p
LEFT JOIN accepted_finding AS a ON a.org_id = p.org_id AND a.repo = p.repo AND a.scan_id = p.scan_id
WHERE p.valid_until = toDateTime('2106-02-07 06:00:00', 'UTC');
