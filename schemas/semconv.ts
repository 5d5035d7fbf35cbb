/**
 * Every attribute, event, metric and header name that Shieldwatch reads or writes, spelled once.
 *
 * Names without our prefix are OpenTelemetry semantic conventions (GenAI and VCS groups, status "Development"; general
 * group of semconv 1.45.0). `agentshield.*` describes decisions and findings of AgentShield; `shieldwatch.*` is about
 * transport, identity and tenancy.
 */

/** Prefix of attributes that only our own pipeline may set; a client's values are deleted first. */
export const SERVER_ATTRIBUTE_PREFIX = 'shieldwatch.tenant.';

/** Resource attributes that the collector (or the gateway's landing) sets from the token. */
export const ATTR_TENANT_ORG_ID = 'shieldwatch.tenant.org_id';
export const ATTR_TENANT_TOKEN_ID = 'shieldwatch.tenant.token_id';
/** Repository (`owner/name`) that the token is bound to; overrides the client's. Empty if not bound. */
export const ATTR_TENANT_REPOSITORY = 'shieldwatch.tenant.repository';
export const ATTR_TENANT_RETENTION_DAYS = 'shieldwatch.tenant.retention_days';

/**
 * Prefix of the counts of redaction on a record: `masked.<kind>` (secrets replaced), `dropped.attributes` (keys that
 * are not allowed), `dropped.content`. Counts of a scope or of a metric's description are on the resource.
 */
export const COUNT_ATTRIBUTE_PREFIX = 'shieldwatch.redaction.';

/** HTTP headers with the tenant, from the gateway to the collector. Never accepted from clients. */
export const HEADER_ORG_ID = 'x-shieldwatch-org-id';
export const HEADER_TOKEN_ID = 'x-shieldwatch-token-id';
export const HEADER_REPOSITORY = 'x-shieldwatch-repository';
export const HEADER_RETENTION_DAYS = 'x-shieldwatch-retention-days';
/** `keep` if the organisation keeps prompts, answers, tool arguments and results. Otherwise they are dropped. */
export const HEADER_CONTENT = 'x-shieldwatch-content';

/** `keep` if the organisation keeps e-mail addresses and login names. Otherwise pseudonyms replace them. */
export const HEADER_IDENTITIES = 'x-shieldwatch-identities';

/**
 * Header with the second secret of a browser session; the first is the cookie, which browsers send to every port of a
 * host.
 */
export const HEADER_SESSION_KEY = 'x-shieldwatch-session-key';

/** Event id, assigned at the source. Our spans and log records have it. */
export const ATTR_EVENT_ID = 'shieldwatch.event.id';
/** Source of a decision: `hook`, `rest` or `ndjson`. */
export const ATTR_EVENT_SOURCE = 'shieldwatch.event.source';

/** Semantic conventions, unchanged. */
export const ATTR_SERVICE_NAME = 'service.name';
export const ATTR_SERVICE_VERSION = 'service.version';
export const ATTR_SESSION_ID = 'session.id';
export const ATTR_VCS_OWNER_NAME = 'vcs.owner.name';
export const ATTR_VCS_REPOSITORY_NAME = 'vcs.repository.name';
export const ATTR_VCS_PROVIDER_NAME = 'vcs.provider.name';
export const ATTR_VCS_REPOSITORY_URL_FULL = 'vcs.repository.url.full';
export const ATTR_VCS_REF_HEAD_NAME = 'vcs.ref.head.name';
export const ATTR_VCS_REF_HEAD_TYPE = 'vcs.ref.head.type';
export const ATTR_VCS_REF_HEAD_REVISION = 'vcs.ref.head.revision';
export const ATTR_VCS_CHANGE_ID = 'vcs.change.id';
/** GitHub's repository id, which survives a rename, as claimed by GitHub Actions. */
export const ATTR_CI_GITHUB_REPOSITORY_ID = 'agentshield.ci.github.repository_id';
export const ATTR_CICD_PIPELINE_NAME = 'cicd.pipeline.name';
export const ATTR_CICD_PIPELINE_RUN_ID = 'cicd.pipeline.run.id';
export const ATTR_CICD_PIPELINE_RUN_URL_FULL = 'cicd.pipeline.run.url.full';
export const ATTR_CICD_PIPELINE_TASK_NAME = 'cicd.pipeline.task.name';
export const ATTR_GEN_AI_OPERATION_NAME = 'gen_ai.operation.name';
export const ATTR_GEN_AI_TOOL_NAME = 'gen_ai.tool.name';
export const ATTR_GEN_AI_TOOL_CALL_ID = 'gen_ai.tool.call.id';
export const ATTR_GEN_AI_CONVERSATION_ID = 'gen_ai.conversation.id';
export const ATTR_GEN_AI_AGENT_NAME = 'gen_ai.agent.name';
export const ATTR_GEN_AI_AGENT_VERSION = 'gen_ai.agent.version';
export const ATTR_ERROR_TYPE = 'error.type';
/** Keyed hash of the user's name; sent only if configured. */
export const ATTR_ENDUSER_PSEUDO_ID = 'enduser.pseudo.id';
/** Stable id of a rule, derived from its tool and pattern. */
export const ATTR_SECURITY_RULE_UUID = 'security_rule.uuid';
export const ATTR_SECURITY_RULE_NAME = 'security_rule.name';
export const ATTR_SECURITY_RULE_CATEGORY = 'security_rule.category';

/** Span names. */
export const SPAN_SCAN = 'agentshield.scan';
/** Facts are also derived from the former name, `agentshield.decision`. */
export const SPAN_DECISION = 'agentshield.pre_tool_use';
export const SPAN_DRIFT = 'agentshield.drift';
/** A live drill. No attribute of it is one of GenAI's, so that it is no agent event. */
export const SPAN_DRILL = 'shieldwatch.drill';

/** Log events (`EventName`). */
export const EVENT_FINDING = 'agentshield.finding';

/**
 * A blocked call as the proposed event of the GenAI conventions (genai#132, open in 2026-11). For rules and boards of
 * other tools; no fact is derived from it.
 */
export const EVENT_THREAT_DETECTION = 'agent.threat.detection';
export const ATTR_THREAT_RULE_ID = 'agent.threat.detection.rule_id';
export const ATTR_THREAT_RULESET = 'agent.threat.detection.ruleset';
export const ATTR_THREAT_SEVERITY = 'agent.threat.detection.severity';
export const ATTR_THREAT_ACTION = 'agent.threat.detection.action';
export const ATTR_THREAT_CORRELATION_ID = 'agent.threat.detection.correlation_id';

/** Span events of a drift span, one per new or resolved finding. */
export const SPAN_EVENT_FINDING_NEW = 'agentshield.finding.new';
export const SPAN_EVENT_FINDING_RESOLVED = 'agentshield.finding.resolved';

/** Scan span. */
export const ATTR_AGENTSHIELD_VERSION = 'agentshield.version';
export const ATTR_SCAN_GENERATED_AT = 'agentshield.scan.generated_at';
export const ATTR_SCAN_SCORE = 'agentshield.scan.score';
export const ATTR_SCAN_GRADE = 'agentshield.scan.grade';
/** One attribute per breakdown category: `agentshield.scan.breakdown.secrets` and so on. */
export const ATTR_SCAN_BREAKDOWN_PREFIX = 'agentshield.scan.breakdown.';
export const ATTR_SCAN_FINDINGS_TOTAL = 'agentshield.scan.findings.total';
/** One attribute per severity: `agentshield.scan.findings.critical` and so on. */
export const ATTR_SCAN_FINDINGS_PREFIX = 'agentshield.scan.findings.';
export const ATTR_SCAN_FILES_SCANNED = 'agentshield.scan.files_scanned';
export const ATTR_SCAN_MIN_SEVERITY = 'agentshield.scan.min_severity';
export const ATTR_SCAN_BUNDLE_DIGEST = 'agentshield.scan.bundle_digest';
export const ATTR_SCAN_EXIT_CODE = 'agentshield.scan.exit_code';
export const ATTR_SCAN_PROVIDER = 'agentshield.scan.provider';
/**
 * One attribute per level of runtime confidence, with the producer's count:
 * `agentshield.scan.runtime_confidence.active-runtime` and so on.
 */
export const ATTR_SCAN_RUNTIME_CONFIDENCE_PREFIX = 'agentshield.scan.runtime_confidence.';
/** How the keys of the scan's findings were computed; see `KEY_SCHEMES`. */
export const ATTR_SCAN_KEY_SCHEME = 'agentshield.scan.key_scheme';
export const ATTR_REMEDIATION_TOTAL_FINDINGS = 'agentshield.remediation.total_findings';
export const ATTR_REMEDIATION_AUTO_FIXABLE = 'agentshield.remediation.auto_fixable';
export const ATTR_REMEDIATION_MANUAL_REVIEW = 'agentshield.remediation.manual_review';

/**
 * Scan span: results of AgentShield's policy, baseline and supply-chain checks. A check that did not run sends only its
 * status.
 */
export const ATTR_POLICY_STATUS = 'agentshield.policy.status';
export const ATTR_POLICY_NAME = 'agentshield.policy.name';
export const ATTR_POLICY_PACK = 'agentshield.policy.pack';
export const ATTR_POLICY_VIOLATIONS = 'agentshield.policy.violations';
export const ATTR_POLICY_MIN_SCORE = 'agentshield.policy.min_score';
/** `total`, `active` (which includes those expiring soon), `expiring_soon`, `expired`. */
export const ATTR_POLICY_EXCEPTIONS_PREFIX = 'agentshield.policy.exceptions.';
export const ATTR_BASELINE_STATUS = 'agentshield.baseline.status';
export const ATTR_BASELINE_SCORE_DELTA = 'agentshield.baseline.score_delta';
/** `new`, `resolved`, `unchanged`, `new_critical`, `new_high`: the producer's counts, by its own fingerprints. */
export const ATTR_BASELINE_FINDINGS_PREFIX = 'agentshield.baseline.findings.';
/** `total`, `risky`, `critical`, `high`. */
export const ATTR_SUPPLY_CHAIN_PACKAGES_PREFIX = 'agentshield.supply_chain.packages.';
/**
 * Evidence pack: the digest in its manifest, the number of artifacts including the manifest, and how many of them
 * verify.
 */
export const ATTR_EVIDENCE_PACK_EXPECTED_DIGEST = 'agentshield.evidence_pack.expected_digest';
export const ATTR_EVIDENCE_PACK_REDACTED = 'agentshield.evidence_pack.redacted';
export const ATTR_EVIDENCE_PACK_ARTIFACTS = 'agentshield.evidence_pack.artifacts';
export const ATTR_EVIDENCE_PACK_ARTIFACTS_VERIFIED = 'agentshield.evidence_pack.artifacts_verified';
/** Result of the exporter or the gateway: `ok`, `mismatch` or `suspect`. */
export const ATTR_EVIDENCE_PACK_INTEGRITY = 'agentshield.evidence_pack.integrity';

/** Finding log record. */
export const ATTR_SCAN_ID = 'agentshield.scan.id';
export const ATTR_FINDING_ID = 'agentshield.finding.id';
export const ATTR_FINDING_KEY = 'agentshield.finding.key';
export const ATTR_FINDING_OCCURRENCE = 'agentshield.finding.occurrence';
export const ATTR_FINDING_FINGERPRINT = 'agentshield.finding.fingerprint';
export const ATTR_FINDING_SEVERITY = 'agentshield.finding.severity';
export const ATTR_FINDING_CATEGORY = 'agentshield.finding.category';
export const ATTR_FINDING_TITLE = 'agentshield.finding.title';
export const ATTR_FINDING_FILE = 'agentshield.finding.file';
export const ATTR_FINDING_LINE = 'agentshield.finding.line';
export const ATTR_FINDING_RUNTIME_CONFIDENCE = 'agentshield.finding.runtime_confidence';

/** Decision span. Verdict and enforcement are the same here, because a PreToolUse hook enforces its decisions. */
export const ATTR_DECISION = 'agentshield.decision.action';
export const ATTR_DECISION_TIMESTAMP = 'agentshield.decision.timestamp';
export const ATTR_DECISION_REASON = 'agentshield.decision.reason';
/** Duration of the decision in milliseconds; may be fractional. */
export const ATTR_DECISION_DURATION = 'agentshield.decision.duration';
/**
 * The same by the conventions' guardrail proposal (genai#427), for other readers. The proposal still changes, so
 * nothing is derived from these in our own records.
 */
export const ATTR_GUARDRAIL_VERDICT = 'gen_ai.guardrail.verdict.type';
export const ATTR_GUARDRAIL_ACTION = 'gen_ai.guardrail.action.type';
/** `enforced` or `not-enforced`, if the policy has a rate limit for the tool. */
export const ATTR_RATE_LIMIT_STATUS = 'agentshield.rate_limit.status';

/** `changed` or `removed`, if the policy changed since the session began: the stricter of both was applied. */
export const ATTR_POLICY_CHANGE = 'agentshield.policy.change';
/** Event that started the hook, if it is not the one of every tool call, such as `PreSkillShellCommand`. */
export const ATTR_HOOK_EVENT = 'agentshield.hook.event';

/** Drift span (fields of AgentShield's DriftResult). */
export const ATTR_DRIFT_TIMESTAMP = 'agentshield.drift.timestamp';
export const ATTR_DRIFT_SCORE_PREVIOUS = 'agentshield.drift.score.previous';
export const ATTR_DRIFT_SCORE_CURRENT = 'agentshield.drift.score.current';
export const ATTR_DRIFT_SCORE_DELTA = 'agentshield.drift.score.delta';
export const ATTR_DRIFT_IS_REGRESSION = 'agentshield.drift.is_regression';
export const ATTR_DRIFT_HAS_CRITICAL = 'agentshield.drift.has_critical';
export const ATTR_DRIFT_FINDINGS_NEW = 'agentshield.drift.findings.new';
export const ATTR_DRIFT_FINDINGS_RESOLVED = 'agentshield.drift.findings.resolved';

/** Drill span: a random id of the seat, the agent and its version, and one of `DRILL_RESULTS`. */
export const ATTR_DRILL_SEAT = 'shieldwatch.drill.seat';
export const ATTR_DRILL_CLIENT = 'shieldwatch.drill.client';
export const ATTR_DRILL_CLIENT_VERSION = 'shieldwatch.drill.client.version';
export const ATTR_DRILL_RESULT = 'shieldwatch.drill.result';

/** Metrics, for dashboards of other tools. No fact is derived from them. */
export const METRIC_SCORE = 'agentshield.score';
export const METRIC_FINDINGS = 'agentshield.findings';
export const METRIC_DECISIONS = 'agentshield.decisions';
/** Histogram in seconds, as the conventions require for durations. */
export const METRIC_DECISION_DURATION = 'agentshield.decision.duration';
/** Records that a producer dropped because its spool or disk was full, by `reason`. */
export const METRIC_SPOOL_DROPPED = 'shieldwatch.spool.dropped';

/** Number of secrets masked in a span; set by the GenAI span processor. */
export const ATTR_REDACTION_MASKED_COUNT = 'shieldwatch.redaction.masked.count';

/** `service.name` of our producers. */
export const SERVICE_NAME_PRODUCER = 'shieldwatch';
/** `service.name` of the gateway's own traces and metrics. */
export const SERVICE_NAME_GATEWAY = 'shieldwatch-gateway';
/** Instrumentation scope of all our telemetry. */
export const SCOPE_NAME = 'shieldwatch';
