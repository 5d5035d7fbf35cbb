import {
  ATTR_AGENTSHIELD_VERSION,
  ATTR_BASELINE_FINDINGS_PREFIX,
  ATTR_BASELINE_SCORE_DELTA,
  ATTR_BASELINE_STATUS,
  ATTR_CI_GITHUB_REPOSITORY_ID,
  ATTR_CICD_PIPELINE_NAME,
  ATTR_CICD_PIPELINE_RUN_ID,
  ATTR_CICD_PIPELINE_RUN_URL_FULL,
  ATTR_CICD_PIPELINE_TASK_NAME,
  ATTR_EVENT_ID,
  ATTR_EVIDENCE_PACK_ARTIFACTS,
  ATTR_EVIDENCE_PACK_ARTIFACTS_VERIFIED,
  ATTR_EVIDENCE_PACK_EXPECTED_DIGEST,
  ATTR_EVIDENCE_PACK_INTEGRITY,
  ATTR_EVIDENCE_PACK_REDACTED,
  ATTR_POLICY_EXCEPTIONS_PREFIX,
  ATTR_POLICY_MIN_SCORE,
  ATTR_POLICY_NAME,
  ATTR_POLICY_PACK,
  ATTR_POLICY_STATUS,
  ATTR_POLICY_VIOLATIONS,
  ATTR_REMEDIATION_AUTO_FIXABLE,
  ATTR_REMEDIATION_MANUAL_REVIEW,
  ATTR_REMEDIATION_TOTAL_FINDINGS,
  ATTR_SCAN_BUNDLE_DIGEST,
  ATTR_SCAN_EXIT_CODE,
  ATTR_SCAN_FILES_SCANNED,
  ATTR_SCAN_FINDINGS_PREFIX,
  ATTR_SCAN_FINDINGS_TOTAL,
  ATTR_SCAN_GENERATED_AT,
  ATTR_SCAN_GRADE,
  ATTR_SCAN_KEY_SCHEME,
  ATTR_SCAN_MIN_SEVERITY,
  ATTR_SCAN_PROVIDER,
  ATTR_SCAN_RUNTIME_CONFIDENCE_PREFIX,
  ATTR_SCAN_SCORE,
  ATTR_SUPPLY_CHAIN_PACKAGES_PREFIX,
  ATTR_SCAN_BREAKDOWN_PREFIX,
  ATTR_VCS_CHANGE_ID,
  ATTR_VCS_PROVIDER_NAME,
  ATTR_VCS_REF_HEAD_NAME,
  ATTR_VCS_REF_HEAD_REVISION,
  ATTR_VCS_REF_HEAD_TYPE,
  ATTR_VCS_REPOSITORY_URL_FULL,
} from '../semconv.js';
import {
  BREAKDOWN_CATEGORIES,
  SEVERITIES,
  type BreakdownCategory,
  type Grade,
  type Integrity,
  type KEY_SCHEMES,
  type PROVIDERS,
  type RuntimeConfidence,
  type Severity,
} from './enums.js';

const POLICY_EXCEPTIONS = ['total', 'active', 'expiring_soon', 'expired'] as const;
const BASELINE_FINDINGS = ['new', 'resolved', 'unchanged', 'new_critical', 'new_high'] as const;
const SUPPLY_CHAIN_COUNTS = ['total', 'risky', 'critical', 'high'] as const;

/** Result of checking the scan against the organisation's policy. */
export interface ScanPolicy {
  status: 'passed' | 'failed' | 'not-run' | 'unknown';
  name?: string;
  pack?: string;
  violations?: number;
  minScore?: number;
  exceptions?: Record<(typeof POLICY_EXCEPTIONS)[number], number>;
}

/** Result of comparing the scan with AgentShield's own baseline file. */
export interface ScanBaseline {
  status: 'passed' | 'regressed' | 'not-run' | 'unknown';
  scoreDelta?: number;
  findings?: Partial<Record<(typeof BASELINE_FINDINGS)[number], number>>;
}

/** The evidence pack of the scan, as AgentShield's inspection counts it. */
export interface ScanEvidencePack {
  /** Digest in the manifest; the digest of the artifacts is the scan's bundle digest. */
  expectedDigest?: string;
  redacted: boolean;
  /** Number of artifacts in the manifest, including itself. */
  artifacts?: number;
  artifactsVerified?: number;
  integrity: Integrity;
}

/** Commit and pipeline run of a scan, as its environment claims. */
export interface ScanCi {
  sha?: string;
  /** Branch or tag, without `refs/heads/`. */
  refName?: string;
  /** `branch` or `tag`. */
  refType?: string;
  /** Number of the pull or merge request. */
  changeId?: string;
  runId?: string;
  runUrl?: string;
  workflow?: string;
  job?: string;
  /** `github` or `gitlab`. */
  vcsProvider?: string;
  repositoryUrl?: string;
  /** GitHub's id of the repository, from GitHub Actions. */
  githubRepositoryId?: string;
}

/** Attribute names of the claims. */
const CI_ATTRIBUTES: Record<keyof ScanCi, string> = {
  sha: ATTR_VCS_REF_HEAD_REVISION,
  refName: ATTR_VCS_REF_HEAD_NAME,
  refType: ATTR_VCS_REF_HEAD_TYPE,
  changeId: ATTR_VCS_CHANGE_ID,
  runId: ATTR_CICD_PIPELINE_RUN_ID,
  runUrl: ATTR_CICD_PIPELINE_RUN_URL_FULL,
  workflow: ATTR_CICD_PIPELINE_NAME,
  job: ATTR_CICD_PIPELINE_TASK_NAME,
  vcsProvider: ATTR_VCS_PROVIDER_NAME,
  repositoryUrl: ATTR_VCS_REPOSITORY_URL_FULL,
  githubRepositoryId: ATTR_CI_GITHUB_REPOSITORY_ID,
};

/** One AgentShield scan of one repository. */
export interface ScanRecord {
  /** Event id: the bundle digest, or a hash of the report if no pack was written. */
  eventId: string;
  /** Report time, ISO 8601. */
  generatedAt: string;
  /** Full name of the repository, `owner/name`; goes on the resource. */
  repository: string;
  /** 0 to 100. Meaningless if filesScanned is 0: AgentShield reports A / 100 for an empty folder. */
  score: number;
  grade: Grade;
  /** Score by category; absent if the producer did not send it. */
  breakdown?: Record<BreakdownCategory, number>;
  findings: Record<Severity, number>;
  filesScanned: number;
  /**
   * Lowest reported severity; scores of different filters cannot be compared. Absent if the producer did not send it.
   */
  minSeverity?: Severity;
  agentshieldVersion?: string;
  bundleDigest?: string;
  exitCode?: number;
  provider: (typeof PROVIDERS)[number];
  ci?: ScanCi;
  policy?: ScanPolicy;
  baseline?: ScanBaseline;
  /** Packages of MCP servers and manifests; absent if the check did not run. */
  supplyChain?: Record<(typeof SUPPLY_CHAIN_COUNTS)[number], number>;
  evidencePack?: ScanEvidencePack;
  /**
   * Counts of AgentShield's remediation plan: its findings, those it can fix itself, and those that a person must
   * review.
   */
  remediation?: { totalFindings: number; autoFixable: number; manualReview: number };
  /** Findings by runtime confidence, as counted by the producer. */
  runtimeConfidence?: Partial<Record<RuntimeConfidence, number>>;
  /** Absent if no findings were listed, or the producer is older than key schemes. */
  keyScheme?: (typeof KEY_SCHEMES)[number];
}

/** Returns the attributes of the `agentshield.scan` span. */
export function scanAttributes(record: ScanRecord): Record<string, string | number> {
  const attributes: Record<string, string | number> = {
    [ATTR_EVENT_ID]: record.eventId,
    [ATTR_SCAN_GENERATED_AT]: record.generatedAt,
    [ATTR_SCAN_SCORE]: record.score,
    [ATTR_SCAN_GRADE]: record.grade,
    [ATTR_SCAN_FINDINGS_TOTAL]: SEVERITIES.reduce((sum, key) => sum + record.findings[key], 0),
    [ATTR_SCAN_FILES_SCANNED]: record.filesScanned,
    [ATTR_SCAN_PROVIDER]: record.provider,
  };
  if (record.minSeverity !== undefined) attributes[ATTR_SCAN_MIN_SEVERITY] = record.minSeverity;
  if (record.exitCode !== undefined) attributes[ATTR_SCAN_EXIT_CODE] = record.exitCode;
  if (record.agentshieldVersion !== undefined) attributes[ATTR_AGENTSHIELD_VERSION] = record.agentshieldVersion;
  if (record.keyScheme !== undefined) attributes[ATTR_SCAN_KEY_SCHEME] = record.keyScheme;
  for (const [kind, count] of Object.entries(record.runtimeConfidence ?? {}))
    attributes[ATTR_SCAN_RUNTIME_CONFIDENCE_PREFIX + kind] = count;
  if (record.breakdown !== undefined)
    addCounts(attributes, ATTR_SCAN_BREAKDOWN_PREFIX, BREAKDOWN_CATEGORIES, record.breakdown);
  for (const key of SEVERITIES) attributes[ATTR_SCAN_FINDINGS_PREFIX + key] = record.findings[key];
  if (record.bundleDigest !== undefined) attributes[ATTR_SCAN_BUNDLE_DIGEST] = record.bundleDigest;
  for (const [claim, value] of Object.entries(record.ci ?? {}) as [keyof ScanCi, string][])
    attributes[CI_ATTRIBUTES[claim]] = value;
  if (record.remediation !== undefined) {
    attributes[ATTR_REMEDIATION_TOTAL_FINDINGS] = record.remediation.totalFindings;
    attributes[ATTR_REMEDIATION_AUTO_FIXABLE] = record.remediation.autoFixable;
    attributes[ATTR_REMEDIATION_MANUAL_REVIEW] = record.remediation.manualReview;
  }
  addPolicy(attributes, record.policy);
  addBaseline(attributes, record.baseline);
  if (record.supplyChain !== undefined)
    addCounts(attributes, ATTR_SUPPLY_CHAIN_PACKAGES_PREFIX, SUPPLY_CHAIN_COUNTS, record.supplyChain);
  if (record.evidencePack !== undefined) {
    const { expectedDigest, redacted, artifacts, artifactsVerified, integrity } = record.evidencePack;
    if (expectedDigest !== undefined) attributes[ATTR_EVIDENCE_PACK_EXPECTED_DIGEST] = expectedDigest;
    attributes[ATTR_EVIDENCE_PACK_REDACTED] = String(redacted);
    if (artifacts !== undefined) attributes[ATTR_EVIDENCE_PACK_ARTIFACTS] = artifacts;
    if (artifactsVerified !== undefined) attributes[ATTR_EVIDENCE_PACK_ARTIFACTS_VERIFIED] = artifactsVerified;
    attributes[ATTR_EVIDENCE_PACK_INTEGRITY] = integrity;
  }
  return attributes;
}

function addPolicy(attributes: Record<string, string | number>, policy: ScanPolicy | undefined): void {
  if (policy === undefined) return;
  attributes[ATTR_POLICY_STATUS] = policy.status;
  if (policy.name !== undefined) attributes[ATTR_POLICY_NAME] = policy.name;
  if (policy.pack !== undefined) attributes[ATTR_POLICY_PACK] = policy.pack;
  if (policy.violations !== undefined) attributes[ATTR_POLICY_VIOLATIONS] = policy.violations;
  if (policy.minScore !== undefined) attributes[ATTR_POLICY_MIN_SCORE] = policy.minScore;
  if (policy.exceptions !== undefined)
    addCounts(attributes, ATTR_POLICY_EXCEPTIONS_PREFIX, POLICY_EXCEPTIONS, policy.exceptions);
}

function addBaseline(attributes: Record<string, string | number>, baseline: ScanBaseline | undefined): void {
  if (baseline === undefined) return;
  attributes[ATTR_BASELINE_STATUS] = baseline.status;
  if (baseline.scoreDelta !== undefined) attributes[ATTR_BASELINE_SCORE_DELTA] = baseline.scoreDelta;
  if (baseline.findings !== undefined)
    addCounts(attributes, ATTR_BASELINE_FINDINGS_PREFIX, BASELINE_FINDINGS, baseline.findings);
}

function addCounts<K extends string>(
  attributes: Record<string, string | number>,
  prefix: string,
  keys: readonly K[],
  counts: Partial<Record<K, number>>,
): void {
  for (const key of keys) {
    const count = counts[key];
    if (count !== undefined) attributes[prefix + key] = count;
  }
}
