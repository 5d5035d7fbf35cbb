import { createHash } from 'node:crypto';
import { lstatSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { CommandError } from '#schemas/errors.js';
import { findingCategory, grade, RUNTIME_CONFIDENCE, severity } from '#schemas/records/enums.js';
import { integrityOf, type InspectedArtifact } from '#schemas/records/integrity.js';
import type { ScanEvidencePack } from '#schemas/records/scan.js';

const score = z.int().min(0).max(100);
const count = z.int().min(0);

/** The parsed part of the pack's report; the rest (descriptions, fixes) is not parsed. */
const report = z.object({
  timestamp: z.iso.datetime(),
  score: z.object({
    grade,
    numericScore: score,
    breakdown: z.object({ secrets: score, permissions: score, hooks: score, mcp: score, agents: score }),
  }),
  summary: z.object({
    totalFindings: count,
    critical: count,
    high: count,
    medium: count,
    low: count,
    info: count,
    filesScanned: count,
  }),
  findings: z.array(
    z.object({ id: z.string(), file: z.string(), severity: z.string().optional(), evidence: z.string().optional() }),
  ),
});

const remediationPlan = z.object({
  score: z.object({ grade: z.string(), numericScore: z.number() }).optional(),
  summary: z.object({ totalFindings: count.optional(), autoFixable: count, manualReview: count }),
  findings: z.array(
    z.object({
      fingerprint: z.string().regex(/::sha256:[a-z0-9-]{1,64}$/),
      id: z.string().min(1),
      severity,
      category: findingCategory,
      title: z.string(),
      file: z.string(),
      line: z.int().min(0).optional(),
      runtimeConfidence: z.enum(RUNTIME_CONFIDENCE).optional(),
      hasEvidence: z.boolean(),
    }),
  ),
});

const manifest = z.object({
  schemaVersion: z.literal(1),
  redacted: z.boolean(),
  bundleDigest: z.string().regex(/^sha256:[0-9a-f]{64}$/),
  artifacts: z.array(
    z.object({
      // A bare name: a path could leave the pack.
      file: z.string().regex(/^[\w-]+(?:\.[\w-]+)+$/),
      sha256: z
        .string()
        .regex(/^[0-9a-f]{64}$/)
        .nullable(),
      bytes: count.nullable(),
    }),
  ),
});

/** `unknown`: the part is missing, or unreadable and unverified. */
const notRun = z.object({ status: z.enum(['not-run', 'unknown']) });
const UNKNOWN = { status: 'unknown' } as const;

const policyEvaluation = z.union([
  notRun,
  z.object({
    policyName: z.string(),
    policyPack: z.string(),
    passed: z.boolean(),
    violations: z.array(z.unknown()),
    minScore: score,
    exceptionSummary: z.object({ total: count, active: count, expiringSoon: count, expired: count }),
  }),
]);

const baselineComparison = z.union([
  notRun,
  z.object({
    newFindings: z.array(z.unknown()),
    resolvedFindings: z.array(z.unknown()),
    unchangedCount: count,
    scoreDelta: z.int().min(-100).max(100),
    isRegression: z.boolean(),
    newCriticalCount: count,
    newHighCount: count,
  }),
]);

const supplyChain = z.union([
  notRun,
  z.object({ totalPackages: count, riskyPackages: count, criticalCount: count, highCount: count }),
]);

const ciContext = z.object({
  provider: z.enum(['github-actions', 'local']),
  github: z
    .object(
      Object.fromEntries(
        ['repository', 'sha', 'runId', 'workflow', 'job', 'ref', 'headRef', 'serverUrl'].map((name) => [
          name,
          z.string(),
        ]),
      ) as Record<'repository' | 'sha' | 'runId' | 'workflow' | 'job' | 'ref' | 'headRef' | 'serverUrl', z.ZodString>,
    )
    .partial()
    .optional(),
});

type Report = z.infer<typeof report>;
export type PlanFinding = z.infer<typeof remediationPlan>['findings'][number];

/** The parts of an evidence pack that are exported. */
export interface EvidencePack {
  /** Digest of the artifacts; the manifest's claims are in `verification`. */
  readonly bundleDigest: string;
  readonly report: Report;
  readonly findings: readonly PlanFinding[];
  readonly remediation: { totalFindings: number; autoFixable: number; manualReview: number } | null;
  readonly ci: z.infer<typeof ciContext>;
  readonly policy: z.infer<typeof policyEvaluation>;
  readonly baseline: z.infer<typeof baselineComparison>;
  readonly supplyChain: z.infer<typeof supplyChain> | null;
  readonly verification: ScanEvidencePack;
  /** Problems of the pack, in AgentShield's words if it has some; empty if its integrity is `ok`. */
  readonly problems: readonly string[];
}

/**
 * Reads a pack, verifies its artifacts and compares its parts. A pack that fails verification or contradicts itself is
 * returned with that status. Refuses a pack without manifest or report, and one whose verified parts cannot be parsed:
 * an unknown severity or a missing count would corrupt a series.
 */
export function readEvidencePack(folder: string): EvidencePack {
  const inventory = readJson(folder, 'manifest.json', manifest);
  const { bundleDigest, artifacts, problems: broken } = verify(folder, inventory);
  const verified = new Set(artifacts.flatMap(({ file, ok }) => (ok ? [file] : [])));
  const part = <T, U>(file: string, schema: z.ZodType<T>, otherwise: U): T | U => {
    try {
      return readJson(folder, file, schema);
    } catch (error) {
      if (verified.has(file)) throw error;
      return otherwise;
    }
  };
  const read = readJson(folder, 'agentshield-report.json', report);
  const plan = part('remediation-plan.json', remediationPlan, null);
  const contradictions = contradictionsOf(read, plan);
  const integrity = integrityOf({
    bundleDigest,
    expectedBundleDigest: inventory.bundleDigest,
    ok: broken.length + contradictions.length === 0,
    verification: { errors: broken, artifacts },
    findings: { reported: read.summary.totalFindings },
  });
  return {
    bundleDigest,
    report: read,
    findings: plan?.findings ?? [],
    remediation: plan && { ...plan.summary, totalFindings: plan.summary.totalFindings ?? plan.findings.length },
    ci: part('ci-context.json', ciContext, { provider: 'local' as const }),
    policy: part('policy-evaluation.json', policyEvaluation, UNKNOWN),
    baseline: part('baseline-comparison.json', baselineComparison, UNKNOWN),
    supplyChain: part('supply-chain.json', supplyChain, null),
    verification: {
      expectedDigest: inventory.bundleDigest,
      redacted: inventory.redacted,
      artifacts: artifacts.length,
      artifactsVerified: verified.size,
      integrity,
    },
    problems: [...broken, ...contradictions],
  };
}

/** Returns where report and remediation plan disagree, or the report with itself. */
function contradictionsOf(
  { summary, findings, score: reported }: Report,
  plan: z.infer<typeof remediationPlan> | null,
): string[] {
  const bySeverity = summary.critical + summary.high + summary.medium + summary.low + summary.info;
  const counts = new Set([
    summary.totalFindings,
    bySeverity,
    findings.length,
    ...(plan === null ? [] : [plan.findings.length, plan.summary.totalFindings ?? plan.findings.length]),
  ]);
  if (counts.size > 1) return [`AgentShield's counts of findings differ: ${[...counts].join(', ')}`];
  if (plan === null) return [];
  const rows = (all: readonly { id: string; file: string; severity?: string | undefined }[]): string =>
    JSON.stringify(all.map(({ id, file, severity: level = '' }) => [id, file, level]).sort());
  const isSevere = (['critical', 'high', 'medium', 'low', 'info'] as const).some(
    (level) => plan.findings.filter((row) => row.severity === level).length !== summary[level],
  );
  return [
    ...(isSevere || (findings.every((row) => row.severity !== undefined) && rows(findings) !== rows(plan.findings))
      ? ['report and remediation plan list different findings']
      : []),
    ...(plan.score !== undefined &&
    (plan.score.grade !== reported.grade || plan.score.numericScore !== reported.numericScore)
      ? ['report and remediation plan have different scores']
      : []),
  ];
}

/** Artifacts of AgentShield's bundle digest, in this order; the manifest and its README are not included. */
const DIGESTED = [
  'agentshield-report.json',
  'agentshield-report.html',
  'agentshield-results.sarif',
  'policy-evaluation.json',
  'baseline-comparison.json',
  'supply-chain.json',
  'ci-context.json',
  'remediation-plan.json',
];

/**
 * Recomputes every digest of the pack. Proves that the pack is unchanged, not who wrote it. Own code, because
 * AgentShield's `verify` follows `../` in the names of artifacts.
 */
function verify(
  folder: string,
  inventory: z.infer<typeof manifest>,
): { bundleDigest: string; artifacts: (InspectedArtifact & { file: string })[]; problems: string[] } {
  const problems: string[] = [];
  const artifacts = inventory.artifacts.map(({ file, sha256: expectedSha256, bytes: expectedBytes }) => {
    if (file === 'manifest.json') return { file, ok: expectedSha256 === null && expectedBytes === null };
    const content = readIfThere(join(folder, file));
    const [actualSha256, actualBytes] = content === undefined ? [null, null] : [sha256(content), content.length];
    const ok = content !== undefined && actualSha256 === expectedSha256 && actualBytes === expectedBytes;
    if (!ok) problems.push(content === undefined ? `${file} is missing` : `${file} digest mismatch`);
    return { file, ok, expectedSha256, actualSha256, expectedBytes, actualBytes };
  });
  for (const file of DIGESTED)
    if (!artifacts.some((artifact) => artifact.file === file)) problems.push(`${file} is not in the manifest`);
  const parts = DIGESTED.map((file) => {
    const content = readIfThere(join(folder, file));
    return {
      file,
      sha256: content === undefined ? null : sha256(content),
      bytes: content === undefined ? null : content.length,
    };
  });
  const bundleDigest = `sha256:${sha256(Buffer.from(JSON.stringify(parts)))}`;
  if (bundleDigest !== inventory.bundleDigest) problems.push('bundle digest mismatch');
  return { bundleDigest, artifacts, problems };
}

const sha256 = (content: Buffer): string => createHash('sha256').update(content).digest('hex');

/** A pack of 1,000 findings has a few megabytes. */
const MAX_BYTES = 64 * 1024 * 1024;

/** A pack may come from anywhere: links are not followed, and endless files are not read. */
function readIfThere(path: string): Buffer | undefined {
  try {
    const stats = lstatSync(path);
    return stats.isFile() && stats.size <= MAX_BYTES ? readFileSync(path) : undefined;
  } catch {
    return undefined;
  }
}

/** The message names file and field, never the value, which may be quoted evidence. */
function readJson<T>(folder: string, file: string, schema: z.ZodType<T>): T {
  let json: unknown;
  try {
    json = JSON.parse(readIfThere(join(folder, file))?.toString('utf8') ?? '');
  } catch {
    throw new CommandError(`${file} of AgentShield's evidence pack is missing or not JSON`);
  }
  const parsed = schema.safeParse(json);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  throw new CommandError(
    `${file} of AgentShield's evidence pack: ${issue?.path.join('.') ?? ''}: ${expectation(issue)}`,
  );
}

/** AgentShield's redaction replaces the user's name by `<user>` everywhere, even inside enums. */
const MANGLED =
  '; a pack written by a user whose name is such a word cannot be read, `shieldwatch scan` writes it without';

function expectation(issue: z.core.$ZodIssue | undefined): string {
  if (issue?.code === 'invalid_value') return `expected one of ${issue.values.join(', ')}${MANGLED}`;
  if (issue?.code === 'invalid_type') return `expected ${issue.expected}`;
  return `not valid (${issue?.code ?? 'unknown'})`;
}
