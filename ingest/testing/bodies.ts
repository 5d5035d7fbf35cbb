/** Returns the request of CONTRACT 4.1, with its digest written out; `over` replaces fields of the body. */
export function scanOfSpec(over: object = {}) {
  return {
    repository: 'acme/agent-platform',
    bundleDigest: `sha256:${'9f2c'.repeat(16)}`,
    expectedBundleDigest: `sha256:${'9f2c'.repeat(16)}`,
    generatedAt: '2026-06-21T17:42:00.000Z',
    redacted: true,
    report: {
      score: { grade: 'C', numericScore: 66 },
      findings: { total: 29, critical: 1, high: 7, medium: 8, low: 10, info: 3 },
      runtimeConfidence: { 'active-runtime': 11, 'template-example': 14, 'project-local-optional': 4 },
    },
    policy: { status: 'failed', policyPack: 'enterprise', violations: 3 },
    baseline: { status: 'regressed', newFindings: 4, resolvedFindings: 1, scoreDelta: -8 },
    supplyChain: { totalPackages: 22, riskyPackages: 2, criticalCount: 0, highCount: 1 },
    ciContext: {
      provider: 'github-actions',
      repository: 'acme/agent-platform',
      workflow: 'security.yml',
      runId: '1182334455',
      sha: '4c1d9ab',
    },
    remediation: { totalFindings: 29, autoFixable: 2, manualReview: 7 },
    ...over,
  };
}

/** Returns the request of CONTRACT 4.3. */
export function driftOfSpec(over: object = {}) {
  return {
    repository: 'acme/agent-platform',
    timestamp: '2026-06-21T18:01:10.000Z',
    newFindings: [
      {
        id: 'secrets-hardcoded-anthropic',
        severity: 'critical',
        category: 'secrets',
        title: 'Hardcoded Anthropic API key',
        file: '<target-path>/CLAUDE.md',
      },
    ],
    resolvedFindings: [],
    scoreDelta: -25,
    previousScore: 66,
    currentScore: 41,
    isRegression: true,
    hasCritical: true,
    ...over,
  };
}

/** Returns the request of CONTRACT 4.2. */
export function runtimeOfSpec(over: object = {}) {
  return {
    repository: 'acme/agent-platform',
    sessionId: 'sess_4f8a',
    entries: [
      {
        timestamp: '2026-06-21T17:50:01.002Z',
        tool: 'Bash',
        decision: 'block',
        reason: 'Input matches denied pattern "rm -rf"',
        durationMs: 2,
      },
      { timestamp: '2026-06-21T17:50:02.114Z', tool: 'Read', decision: 'allow', durationMs: 1 },
    ],
    ...over,
  };
}

/** The answer of CONTRACT 4.4. */
export const FLEET_OF_SPEC = {
  ok: false,
  requiresAttention: true,
  summary: {
    totalPacks: 12,
    verifiedPacks: 11,
    invalidPacks: 1,
    critical: 2,
    high: 9,
    policyFailures: 3,
    baselineRegressions: 2,
    riskyPackages: 5,
  },
  operatorReadback: {
    status: 'blocked',
    ready: false,
    requiresApproval: true,
    digest: 'sha256:aa17...',
    reviewItemCount: 5,
    blockingItemCount: 2,
    ownerCount: 3,
    owners: ['acme/agent-platform security owner'],
    routesRequiringApproval: ['policy-review', 'security-blocker'],
    approvalIds: ['agsr_2b1c8f0d9e7a4c11'],
    nextAction: 'Route review items to listed owners and attach approval before promotion.',
  },
};
