import { z } from 'zod';
import { BREAKDOWN_CATEGORIES, integrity, PROVIDERS, RUNTIME_CONFIDENCE } from '../records/enums.js';
import { findingKey } from '../records/finding.js';
import {
  count,
  findingCategory,
  findingCounts,
  fingerprint,
  grade,
  repositoryName,
  score,
  severity,
  SEVERITIES,
  timestamp,
  warnings,
} from './atoms.js';

/** Maximum listed findings of one scan. */
const MAX_FINDINGS = 5_000;

/** Producers write 64 hex digits; any text that can only be a digest is accepted. */
const digest = z
  .string()
  .regex(/^sha256:[0-9A-Za-z._-]{4,128}$/, 'sha256: and the digest')
  .meta({ example: `sha256:${'9f2c'.repeat(16)}` });

/** Free text of a producer; scrubbed and truncated before it is stored. */
const free = z.string();

const findings = findingCounts.refine(
  (counts) => SEVERITIES.reduce((sum, key) => sum + counts[key], 0) === counts.total,
  'counts by severity that add up to total',
);

/** Hash of a finding's evidence in a form that may be stored. */
const EVIDENCE_HASH = /\|sha256:(?:[0-9a-f]{16}|no-evidence|withheld)$/;

/**
 * A row of AgentShield's remediation plan, without evidence. `fix` describes the action, without the replacement text.
 */
const finding = z
  .object({
    id: z.string().min(1),
    severity,
    category: findingCategory,
    title: free,
    file: free,
    fingerprint: fingerprint.nullish(),
    line: z.int().min(0).max(4_294_967_295).nullish(),
    runtimeConfidence: z.enum(RUNTIME_CONFIDENCE).nullish(),
    description: free.nullish(),
    hasEvidence: z.boolean().nullish(),
    action: free.nullish(),
    recommendedCommand: free.nullish(),
    fix: z.object({ description: free.nullish(), auto: z.boolean().nullish() }).nullish(),
    /**
     * The key computed by our exporter. Used if every finding has one; then scans by REST and by OTLP can be compared.
     */
    findingKey: z
      .string()
      .max(2_000)
      .regex(EVIDENCE_HASH, 'id|file|sha256:... with 16 hex digits, no-evidence or withheld')
      .nullish(),
  })
  .refine(
    ({ findingKey: key, id, file }) =>
      typeof key !== 'string' ||
      key === findingKey({ id, file, fingerprint: `::${key.slice(key.lastIndexOf('|') + 1)}` }),
    { message: 'id without its number, file and evidence hash of this finding', path: ['findingKey'] },
  );
export type ScanFinding = z.infer<typeof finding>;

const policy = z.object({
  status: z.enum(['passed', 'failed', 'not-run', 'unknown']),
  policyName: free.nullish(),
  policyPack: free.nullish(),
  /** A count in an inspection, rows in an evaluation. */
  violations: z.union([count, z.array(z.unknown()).max(10_000)], 'a count or a list').nullish(),
  minScore: score.nullish(),
  exceptionSummary: z
    .object({ total: count, active: count, expiringSoon: count, expired: count, entries: z.unknown() })
    .partial({ entries: true })
    .nullish(),
});

const baseline = z.object({
  status: z.enum(['passed', 'regressed', 'not-run', 'unknown']),
  newFindings: count.nullish(),
  resolvedFindings: count.nullish(),
  unchangedCount: count.nullish(),
  scoreDelta: z.int().min(-100).max(100).nullish(),
  newCriticalCount: count.nullish(),
  newHighCount: count.nullish(),
});

const supplyChain = z
  .object({
    totalPackages: count,
    riskyPackages: count,
    criticalCount: count,
    highCount: count,
    packages: z.unknown(),
    provenance: z.unknown(),
  })
  .partial({ packages: true, provenance: true });

const ciContext = z.object({
  provider: z.enum(PROVIDERS),
  repository: free.nullish(),
  workflow: free.nullish(),
  runId: free.nullish(),
  sha: free.nullish(),
  /** Fields that AgentShield's inspection lacks and our exporter adds. */
  refName: free.nullish(),
  refType: free.nullish(),
  changeId: free.nullish(),
  runUrl: free.nullish(),
  job: free.nullish(),
  vcsProvider: free.nullish(),
  repositoryUrl: free.nullish(),
  githubRepositoryId: free.nullish(),
});

/** AgentShield's `ci-context.json`. */
const ci = z
  .object({
    schemaVersion: z.unknown(),
    generatedAt: z.unknown(),
    source: z.unknown(),
    runtime: z.unknown(),
    provider: z.enum(PROVIDERS),
    github: z
      .object(
        Object.fromEntries(
          [
            'repository',
            'repositoryId',
            'workflow',
            'workflowRef',
            'job',
            'runId',
            'runAttempt',
            'runNumber',
            'actor',
            'eventName',
            'ref',
            'sha',
            'headRef',
            'baseRef',
            'serverUrl',
          ].map((name) => [name, free.nullish()]),
        ) as Record<string, z.ZodOptional<z.ZodNullable<z.ZodString>>>,
      )
      .nullish(),
  })
  .partial({ schemaVersion: true, generatedAt: true, source: true, runtime: true });

const remediation = z
  .object({
    totalFindings: count,
    autoFixable: count,
    manualReview: count,
    phases: z.unknown(),
  })
  .partial({ phases: true });

/** Result of `evidence-pack verify` for each artifact. */
const verification = z
  .object({
    ok: z.boolean().nullish(),
    bundleDigest: z.unknown(),
    expectedBundleDigest: z.unknown(),
    outputDir: z.unknown(),
    errors: z.array(z.string()).nullish(),
    artifacts: z
      .array(
        z.object({
          file: free.nullish(),
          ok: z.boolean(),
          expectedSha256: free.nullish(),
          actualSha256: free.nullish(),
          expectedBytes: z.number().nullish(),
          actualBytes: z.number().nullish(),
        }),
      )
      .max(1_000)
      .nullish(),
  })
  .partial({ bundleDigest: true, expectedBundleDigest: true, outputDir: true })
  .nullish();

/**
 * Body of `POST /v1/ingest/scan` (`ingest/CONTRACT.md` 4.1): AgentShield's `EvidencePackInspectionResult` with its repository. Fields
 * that AgentShield omits or sends as null are optional and nullable here.
 */
export const scanBody = z
  .object({
    /** Optional when the token is bound to a repository. */
    repository: repositoryName.nullish(),
    bundleDigest: digest,
    expectedBundleDigest: digest.nullish(),
    generatedAt: timestamp,
    /** Any other value is answered with 422. */
    redacted: z.literal(true),
    report: z
      .object({
        score: z.object({
          grade,
          numericScore: score,
          breakdown: z
            .object(
              Object.fromEntries(BREAKDOWN_CATEGORIES.map((key) => [key, score])) as Record<
                (typeof BREAKDOWN_CATEGORIES)[number],
                typeof score
              >,
            )
            .nullish(),
        }),
        findings,
        runtimeConfidence: z.partialRecord(z.enum(RUNTIME_CONFIDENCE), count).nullish(),
        filesScanned: count.nullish(),
      })
      .refine(
        ({ runtimeConfidence, findings: { total } }) =>
          Object.values(runtimeConfidence ?? {}).reduce((sum, each) => sum + each, 0) <= total,
        { message: 'counts that add up to no more than findings.total', path: ['runtimeConfidence'] },
      ),
    policy: policy.nullish(),
    baseline: baseline.nullish(),
    supplyChain: supplyChain.nullish(),
    ciContext: ciContext.nullish(),
    ci: ci.nullish(),
    remediation: remediation.nullish(),
    /** Rows of the remediation plan. Without them a scan has counts but no findings. */
    findings: z.array(finding).max(MAX_FINDINGS).nullish(),
    filesScanned: count.nullish(),
    /** Lowest reported severity; scores of different filters cannot be compared. */
    minSeverity: severity.nullish(),
    /** `agentshield --version`. */
    toolVersion: free.nullish(),
    exitCode: z.int().min(0).max(255).nullish(),
    /** Duration of the scan in milliseconds. */
    durationMs: z.number().min(0).max(86_400_000).nullish(),
    /** The same two values from older exporters. */
    source: z.object({ toolVersion: free.nullish(), minSeverity: severity.nullish() }).nullish(),
    /** Number of artifacts in the manifest, including itself, and how many of them verify. */
    artifactCount: count.nullish(),
    verifiedArtifactCount: count.nullish(),
    /** Determines `integrity`, with `errors`, the counts and the digests of each artifact. Texts are not stored. */
    ok: z.boolean().nullish(),
    errors: z.array(z.string()).nullish(),
    verification,
    /** Sent by the inspection and not stored: paths of the scanning machine. */
    schemaVersion: z.unknown(),
    outputDir: z.unknown(),
    targetPath: z.unknown(),
  })
  .partial({ schemaVersion: true, outputDir: true, targetPath: true });
export type ScanBody = z.infer<typeof scanBody>;

const answered = {
  scanId: z.string(),
  repoId: z.string(),
  ingestedAt: z.iso.datetime(),
  integrity,
  /** Series that will change; empty for a known scan. */
  rollupsUpdated: z.array(z.string()),
};

/** Answer of `POST /v1/ingest/scan`. */
export const scanAnswer = z.object({ ok: z.literal(true), ...answered, deduped: z.literal(false), warnings });
export type ScanAnswer = z.infer<typeof scanAnswer>;

/** Answer 409: the digest is known for the repository; the first scan is kept. */
export const scanEcho = z.object({
  ok: z.literal(false),
  ...answered,
  deduped: z.literal(true),
  error: z.object({ code: z.literal('already_ingested'), message: z.string() }),
});
export type ScanEcho = z.infer<typeof scanEcho>;
