import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { CommandError } from '#schemas/errors.js';
import { rehash } from '../testing/rehash.js';
import { readEvidencePack } from './evidence-pack.js';

const finding = {
  fingerprint: 'a-1::f::sha256:0123',
  id: 'a-1',
  severity: 'high',
  category: 'mcp',
  title: 't',
  file: 'f',
  hasEvidence: false,
};
const files = {
  'manifest.json': {
    schemaVersion: 1,
    redacted: true,
    bundleDigest: `sha256:${'0'.repeat(64)}`,
    artifacts: [] as unknown[],
  },
  'agentshield-report.json': {
    timestamp: '2026-11-24T08:00:00.000Z',
    score: {
      grade: 'B',
      numericScore: 80,
      breakdown: { secrets: 100, permissions: 100, hooks: 100, mcp: 0, agents: 100 },
    },
    summary: { totalFindings: 1, critical: 0, high: 1, medium: 0, low: 0, info: 0, filesScanned: 2 },
    findings: [{ id: 'a-1', file: 'f' }],
  },
  'remediation-plan.json': { summary: { autoFixable: 0, manualReview: 1 }, findings: [finding] },
  'ci-context.json': { provider: 'local' },
  'policy-evaluation.json': { status: 'not-run' },
  'baseline-comparison.json': { status: 'not-run' },
  'supply-chain.json': { status: 'not-run' },
};

/** Returns a pack with its manifest, whose digests match unless the manifest is given. */
function pack(changes: Partial<Record<keyof typeof files, unknown>>): string {
  const folder = mkdtempSync(join(tmpdir(), 'shieldwatch-pack-'));
  const contents = new Map(
    Object.entries({ ...files, 'agentshield-report.html': '<p>', 'agentshield-results.sarif': {}, ...changes }).map(
      ([name, content]) => [name, typeof content === 'string' ? content : JSON.stringify(content)],
    ),
  );
  for (const [name, content] of contents) writeFileSync(join(folder, name), content);
  if (changes['manifest.json'] === undefined) rehash(folder);
  return folder;
}

it('reads a consistent pack', () => {
  const read = readEvidencePack(pack({}));
  expect([read.findings, read.problems, read.verification.integrity]).toEqual([[finding], [], 'ok']);
});

it('refuses an inconsistent pack, naming file and field but no value', () => {
  const report = files['agentshield-report.json'];
  const withoutHigh = { ...report.summary, high: undefined };
  const cases: [Parameters<typeof pack>[0], RegExp][] = [
    [{ 'manifest.json': '{' }, /manifest\.json .* not JSON/],
    [
      {
        'remediation-plan.json': {
          summary: { autoFixable: 0, manualReview: 1 },
          findings: [{ ...finding, severity: '<user>' }],
        },
      },
      /findings\.0\.severity: expected one of critical, high/,
    ],
    [{ 'agentshield-report.json': { ...report, summary: withoutHigh } }, /summary\.high: expected number/],
    [
      { 'agentshield-report.json': { ...report, score: { ...report.score, grade: 'A+' } } },
      /score\.grade: expected one of A, B/,
    ],
    [
      {
        'manifest.json': {
          ...files['manifest.json'],
          artifacts: [{ file: '../../etc/hostname', sha256: '0'.repeat(64), bytes: 1 }],
        },
      },
      /artifacts\.0\.file: not valid/,
    ],
    [{ 'ci-context.json': { provider: '<user>' } }, /provider: expected one of/],
  ];
  for (const [changes, message] of cases) {
    let failure: unknown;
    try {
      readEvidencePack(pack(changes));
    } catch (error) {
      failure = error;
    }
    expect(failure).toBeInstanceOf(CommandError);
    expect((failure as Error).message).toMatch(message);
    expect((failure as Error).message).not.toContain('<user>');
  }
});

it('reports a pack as suspect when its parts contradict each other, though every digest fits', () => {
  const report = files['agentshield-report.json'];
  const plan = files['remediation-plan.json'];
  const cases: [Parameters<typeof pack>[0], RegExp][] = [
    [{ 'remediation-plan.json': { ...plan, findings: [] } }, /counts of findings differ: 1, 0/],
    [
      { 'agentshield-report.json': { ...report, summary: { ...report.summary, high: 2 } } },
      /counts of findings differ/,
    ],
    [
      { 'agentshield-report.json': { ...report, summary: { ...report.summary, high: 0, low: 1 } } },
      /different findings/,
    ],
    [
      { 'agentshield-report.json': { ...report, findings: [{ id: 'b-1', file: 'f', severity: 'high' }] } },
      /different findings/,
    ],
    [{ 'remediation-plan.json': { ...plan, score: { grade: 'F', numericScore: 12 } } }, /different scores/],
  ];
  for (const [changes, problem] of cases) {
    const read = readEvidencePack(pack(changes));
    expect([read.verification.integrity, read.problems]).toEqual(['suspect', [expect.stringMatching(problem)]]);
  }
});
