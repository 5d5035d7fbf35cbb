import { z } from 'zod';
import { BREAKDOWN_CATEGORIES, integrity, type BreakdownCategory } from '../records/enums.js';
import { count, findingCounts, grade, historyFrom, moment } from './atoms.js';
import { bucket } from './series.js';

/** Query of `GET /v1/repo/{repoId}/posture`. */
export const postureQuery = z.object({
  /** Default: 7 days before `to`, 12 weeks with `bucket=week`. */
  from: moment.optional(),
  /** Default: now. */
  to: moment.optional(),
  bucket: bucket.default('day'),
});

const optionalScore = z.number().nullable();
/** Each value is null if the producer sent no breakdown: absence is not zero. */
const breakdown = z.object(
  Object.fromEntries(BREAKDOWN_CATEGORIES.map((key) => [key, optionalScore])) as Record<
    BreakdownCategory,
    typeof optionalScore
  >,
);

/**
 * A bucket of the score trend. Scores of different filters or versions cannot be compared, so they are separate points.
 */
const scorePoint = z.object({
  bucketStart: z.string(),
  minSeverity: z.string(),
  producerVersion: z.string(),
  /** Null if every scan of the bucket scanned 0 files: absence is not zero. */
  last: optionalScore,
  min: optionalScore,
  max: optionalScore,
  mean: optionalScore,
  grade: grade.nullable(),
  scans: count,
  emptyScans: count,
  breakdown,
});
export type ScorePoint = z.infer<typeof scorePoint>;

/** The newest scan in the shape of AgentShield's `EvidencePackInspectionResult`, as far as it is stored. */
const latestScan = z.object({
  /** False if an artifact of the pack does not verify, or its contents contradict each other. */
  ok: z.boolean(),
  /** Reasons why it is not ok. */
  errors: z.array(z.string()),
  scanId: z.string(),
  integrity,
  generatedAt: z.string(),
  bundleDigest: z.string().nullable(),
  expectedBundleDigest: z.string().nullable(),
  redacted: z.boolean(),
  /** Null if not sent. */
  artifactCount: count.nullable(),
  verifiedArtifactCount: count.nullable(),
  report: z.object({
    score: z.object({ grade: grade.nullable(), numericScore: optionalScore }),
    findings: findingCounts,
    /** Counts of the producer; empty if not sent. */
    runtimeConfidence: z.record(z.string(), count),
  }),
  policy: z.union([
    z.object({ status: z.enum(['not-run', 'unknown']) }),
    z.object({
      status: z.enum(['passed', 'failed']),
      policyName: z.string().optional(),
      policyPack: z.string().optional(),
      violations: count,
    }),
  ]),
  baseline: z.union([
    z.object({ status: z.enum(['not-run', 'unknown']) }),
    z.object({
      status: z.enum(['passed', 'regressed']),
      newFindings: count,
      resolvedFindings: count,
      unchangedCount: count.optional(),
      scoreDelta: z.int(),
    }),
  ]),
  supplyChain: z
    .object({ totalPackages: count, riskyPackages: count, criticalCount: count, highCount: count })
    .nullable(),
  ciContext: z
    .object({
      provider: z.string(),
      repository: z.string(),
      workflow: z.string().optional(),
      runId: z.string().optional(),
      sha: z.string().optional(),
    })
    .nullable(),
  remediation: z.object({ totalFindings: count, autoFixable: count, manualReview: count }).nullable(),
  filesScanned: count,
  breakdown,
  minSeverity: z.string(),
  producerVersion: z.string(),
});
export type LatestScan = z.infer<typeof latestScan>;

/** A finding of a drift. The key is null if the producer sent no fingerprint. */
const driftListFinding = z.object({
  findingKey: z.string().nullable(),
  id: z.string(),
  severity: z.string(),
  category: z.string().nullable(),
  title: z.string(),
  file: z.string(),
});
export type DriftListFinding = z.infer<typeof driftListFinding>;

/**
 * The newest drift in the shape of AgentShield's `DriftResult`. Lists at most 500 findings of each kind; the counts
 * include all.
 */
const latestDrift = z.object({
  driftEventId: z.string(),
  timestamp: z.string(),
  scoreDelta: z.int(),
  previousScore: z.int(),
  currentScore: z.int(),
  isRegression: z.boolean(),
  hasCritical: z.boolean(),
  newFindingCount: count,
  resolvedFindingCount: count,
  newFindings: z.array(driftListFinding),
  resolvedFindings: z.array(driftListFinding),
});
export type LatestDrift = z.infer<typeof latestDrift>;

const decisionCounts = z.object({ allowed: z.int(), blocked: z.int(), asked: z.int(), total: z.int() });
export type DecisionCounts = z.infer<typeof decisionCounts>;

const blockedCommandPoint = decisionCounts.extend({
  bucketStart: z.string(),
  tool: z.string(),
  agent: z.string(),
  ruleCategory: z.string(),
});
export type BlockedCommandPoint = z.infer<typeof blockedCommandPoint>;

/** Answer of `GET /v1/repo/{repoId}/posture` (`ingest/CONTRACT.md` 4.5). */
export const posture = z.object({
  repoId: z.string(),
  repository: z.string(),
  from: z.string(),
  to: z.string(),
  bucket,
  historyFrom,
  scoreTrend: z.array(scorePoint),
  /** Newest scan before `to`, in the window or not; null if there is none. */
  latestScan: latestScan.nullable(),
  latestDrift: latestDrift.nullable(),
  runtime: z.object({
    blockedCommandRate: z.array(blockedCommandPoint),
    /** `rate` is null without decisions: absence is not zero. */
    totals: decisionCounts.extend({ rate: z.number().nullable() }),
  }),
});
export type Posture = z.infer<typeof posture>;
