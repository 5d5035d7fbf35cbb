import { z } from 'zod';
import type { BreakdownCategory, Grade, Severity } from '../records/enums.js';

const moment = z.union([z.iso.datetime({ offset: true }), z.iso.date()], 'an ISO 8601 date, or date and time with a time zone');

/** Query of `GET /v1/repo/{repoId}/posture`. */
export const postureQuery = z.object({
  /** Default: 7 days before `to`. */
  from: moment.optional(),
  /** Default: now. */
  to: moment.optional(),
  bucket: z.enum(['hour', 'day']).default('day'),
});

type Breakdown = Record<BreakdownCategory, number | null>;

/** A bucket of the score trend. Scores of different filters or versions do not compare, so they are points apart. */
export interface ScorePoint {
  bucketStart: string;
  minSeverity: string;
  producerVersion: string;
  /** Null where every scan of the bucket looked at no file: absence, not zero. */
  last: number | null;
  min: number | null;
  max: number | null;
  mean: number | null;
  grade: Grade | null;
  scans: number;
  emptyScans: number;
  breakdown: Breakdown;
}

/** The newest scan in AgentShield's `EvidencePackInspectionResult` shape, as far as it is known. */
export interface LatestScan {
  /** False when the pack's digest differs from what its artifacts give. */
  ok: boolean;
  scanId: string;
  generatedAt: string;
  bundleDigest: string | null;
  expectedBundleDigest: string | null;
  artifactCount: number;
  verifiedArtifactCount: number;
  report: {
    score: { grade: Grade | null; numericScore: number | null };
    findings: { total: number } & Record<Severity, number>;
    runtimeConfidence: Record<string, number>;
  };
  policy:
    | { status: 'not-run' | 'unknown' }
    | { status: 'passed' | 'failed'; policyName: string; policyPack: string; violations: number };
  baseline:
    | { status: 'not-run' | 'unknown' }
    | { status: 'passed' | 'regressed'; newFindings: number; resolvedFindings: number; unchangedCount: number; scoreDelta: number };
  supplyChain: { totalPackages: number; riskyPackages: number; criticalCount: number; highCount: number } | null;
  ciContext: { provider: string; repository: string; workflow?: string; runId?: string; sha?: string } | null;
  remediation: null;
  filesScanned: number;
  breakdown: Breakdown;
  minSeverity: string;
  producerVersion: string;
}

/** The newest drift in AgentShield's `DriftResult` shape; findings as counts. */
export interface LatestDrift {
  driftEventId: string;
  timestamp: string;
  scoreDelta: number;
  previousScore: number;
  currentScore: number;
  isRegression: boolean;
  hasCritical: boolean;
  newFindingCount: number;
  resolvedFindingCount: number;
}

export interface DecisionCounts {
  allowed: number;
  blocked: number;
  asked: number;
  total: number;
}

export interface BlockedCommandPoint extends DecisionCounts {
  bucketStart: string;
  tool: string;
  agent: string;
  ruleCategory: string;
}

/** Answer of `GET /v1/repo/{repoId}/posture` (SPEC 4.5). */
export interface Posture {
  repoId: string;
  repository: string;
  from: string;
  to: string;
  bucket: 'hour' | 'day';
  scoreTrend: ScorePoint[];
  /** Newest before the end of the window, whether or not it lies in it; null: none was seen. */
  latestScan: LatestScan | null;
  latestDrift: LatestDrift | null;
  runtime: {
    blockedCommandRate: BlockedCommandPoint[];
    /** `rate` is null where there was no decision: absence, not zero. */
    totals: DecisionCounts & { rate: number | null };
  };
}

/** Answer of `GET /v1/repos`. */
export interface RepositoryList {
  repos: {
    repoId: string;
    repository: string;
    /** Times of the first and the last fact; null: none yet. */
    firstSeenAt: string | null;
    lastSeenAt: string | null;
  }[];
}
