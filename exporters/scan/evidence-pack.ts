import { createHash } from 'node:crypto';
import { lstatSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { CommandError } from '#schemas/errors.js';
import { findingCategory, grade, severity } from '#schemas/records/enums.js';
import type { ScanEvidencePack } from '#schemas/records/scan.js';

const score = z.int().min(0).max(100);
const count = z.int().min(0);

/** What is read of the pack's report; the rest (descriptions, fixes) is not even parsed. */
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
  findings: z.array(z.object({ id: z.string(), file: z.string(), evidence: z.string().optional() })),
});

const remediationPlan = z.object({
  summary: z.object({ autoFixable: count, manualReview: count }),
  findings: z.array(
    z.object({
      fingerprint: z.string().regex(/::sha256:[a-z0-9-]{1,64}$/),
      id: z.string().min(1),
      severity,
      category: findingCategory,
      title: z.string(),
      file: z.string(),
      line: z.int().min(0).optional(),
      runtimeConfidence: z.string().optional(),
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
      // A bare name: a path would lead out of the pack.
      file: z.string().regex(/^[\w-]+(?:\.[\w-]+)+$/),
      sha256: z.string().regex(/^[0-9a-f]{64}$/).nullable(),
    }),
  ),
});

const notRun = z.object({ status: z.literal('not-run') });

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
    .object({ repository: z.string(), serverUrl: z.string(), sha: z.string(), runId: z.string(), workflow: z.string() })
    .partial()
    .optional(),
});

type Report = z.infer<typeof report>;
export type PlanFinding = z.infer<typeof remediationPlan>['findings'][number];

/** The parts of an evidence pack that are exported. */
export interface EvidencePack {
  readonly bundleDigest: string;
  readonly report: Report;
  readonly findings: readonly PlanFinding[];
  readonly remediation: z.infer<typeof remediationPlan>['summary'];
  readonly ci: z.infer<typeof ciContext>;
  readonly policy: z.infer<typeof policyEvaluation>;
  readonly baseline: z.infer<typeof baselineComparison>;
  readonly supplyChain: z.infer<typeof supplyChain>;
  readonly verification: ScanEvidencePack;
}

/**
 * Reads a pack and refuses one that does not add up: an unknown severity, a count that is missing, or a
 * number of findings that differs between summary, report and rows would become a false series.
 */
export function readEvidencePack(folder: string): EvidencePack {
  const inventory = readJson(folder, 'manifest.json', manifest);
  const plan = readJson(folder, 'remediation-plan.json', remediationPlan);
  const pack = {
    bundleDigest: inventory.bundleDigest,
    verification: verify(folder, inventory),
    policy: readJson(folder, 'policy-evaluation.json', policyEvaluation),
    baseline: readJson(folder, 'baseline-comparison.json', baselineComparison),
    supplyChain: readJson(folder, 'supply-chain.json', supplyChain),
    report: readJson(folder, 'agentshield-report.json', report),
    findings: plan.findings,
    remediation: plan.summary,
    ci: readJson(folder, 'ci-context.json', ciContext),
  };
  const { summary, findings } = pack.report;
  const bySeverity = summary.critical + summary.high + summary.medium + summary.low + summary.info;
  const counts = new Set([summary.totalFindings, bySeverity, findings.length, pack.findings.length]);
  if (counts.size > 1) throw new CommandError(`AgentShield's counts of findings differ: ${[...counts].join(', ')}`);
  return pack;
}

/** AgentShield makes its bundle digest of these, in this order; the manifest and its README are left out. */
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
 * Makes every digest of the pack again. Proves that the pack is what was written, not who wrote it. By
 * ourselves: AgentShield's own `verify` follows `../` in the names of artifacts.
 */
function verify(folder: string, inventory: z.infer<typeof manifest>): ScanEvidencePack {
  const digested = inventory.artifacts.filter((artifact) => artifact.sha256 !== null);
  const parts = DIGESTED.map((file) => {
    const content = readIfThere(join(folder, file));
    return { file, sha256: content === undefined ? null : sha256(content), bytes: content === undefined ? null : content.length };
  });
  return {
    expectedDigest: `sha256:${sha256(Buffer.from(JSON.stringify(parts)))}`,
    redacted: inventory.redacted,
    artifacts: digested.length,
    artifactsVerified: digested.filter(({ file, sha256: claimed }) => {
      const content = readIfThere(join(folder, file));
      return content !== undefined && sha256(content) === claimed;
    }).length,
  };
}

const sha256 = (content: Buffer): string => createHash('sha256').update(content).digest('hex');

/** A pack of 1,000 findings has a few megabytes. */
const MAX_BYTES = 64 * 1024 * 1024;

/** A pack may come from anywhere: links are not followed, and nothing endless is read. */
function readIfThere(path: string): Buffer | undefined {
  try {
    const stats = lstatSync(path);
    return stats.isFile() && stats.size <= MAX_BYTES ? readFileSync(path) : undefined;
  } catch {
    return undefined;
  }
}

/** The message names file and field; never the value, which may be quoted evidence. */
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
  throw new CommandError(`${file} of AgentShield's evidence pack: ${issue?.path.join('.') ?? ''}: ${expectation(issue)}`);
}

/** AgentShield's redaction puts `<user>` for the user's name wherever it stands, inside enums too. */
const MANGLED = "; a pack written by a user whose name is such a word cannot be read, `shieldwatch scan` writes it without";

function expectation(issue: z.core.$ZodIssue | undefined): string {
  if (issue?.code === 'invalid_value') return `expected one of ${issue.values.join(', ')}${MANGLED}`;
  if (issue?.code === 'invalid_type') return `expected ${issue.expected}`;
  return `not valid (${issue?.code ?? 'unknown'})`;
}
