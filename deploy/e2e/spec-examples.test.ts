import { afterAll, beforeAll, expect, inject, it } from 'vitest';
import { mintToken } from '#ingest/auth/tokens.js';
import { setPlan } from '#ingest/control/orgs.js';
import { openReviewItems } from '#ingest/fleet/review-items.js';
import { driftOfSpec, FLEET_OF_SPEC, runtimeOfSpec, scanOfSpec } from '#ingest/testing/bodies.js';
import { jsonHeaders, startGateway, type TestGateway } from '#ingest/testing/gateway.js';
import { createRollupWorker } from '#rollups/worker.js';
import { selectRows } from '#schemas/clickhouse/client.js';
import { FACTS } from '#schemas/clickhouse/facts.js';
import type { Fleet, ReviewItem } from '#schemas/http/fleet.js';
import type { DriftAnswer } from '#schemas/http/ingest-drift.js';
import type { Posture } from '#schemas/http/posture.js';

// The contract's example bodies (`ingest/CONTRACT.md`), sent unchanged, and the answers compared with its answers field by
// field. CONTRACT 4.1 is tested in `ingest/routes/ingest-scan.test.ts`. Intended differences: "Deviations" there.

const REPOSITORY = 'acme/agent-platform';
const DAY = 'from=2026-06-21&to=2026-06-22';
let gateway: TestGateway;

beforeAll(async () => {
  gateway = await startGateway(inject('clickhouseUrl'));
  // The days of the contract's examples are months ago.
  await setPlan(gateway.app.plane, 'org_a', 'enterprise');
});
afterAll(() => gateway.close());

async function post<T>(url: string, payload: unknown): Promise<T> {
  const answer = await gateway.app.inject({
    method: 'POST',
    url,
    payload: JSON.stringify(payload),
    headers: jsonHeaders(gateway.ingestToken),
  });
  expect(answer.statusCode, answer.body).toBe(200);
  return answer.json<T>();
}
async function get<T>(url: string, token = gateway.readToken): Promise<T> {
  const answer = await gateway.app.inject({ url, headers: { authorization: `Bearer ${token}` } });
  expect(answer.statusCode, answer.body).toBe(200);
  return answer.json<T>();
}
const roll = (): Promise<unknown> => createRollupWorker({ clickhouse: gateway.store.client, settleMs: 0 }).tick();

it("answers the runtime batch of CONTRACT 4.2 with the contract's response, and explain returns every entry", async () => {
  expect(await post('/v1/ingest/runtime', runtimeOfSpec())).toEqual({
    ok: true,
    accepted: 2,
    blocked: 1,
    allowed: 1,
    rollupsUpdated: ['blocked_command_rate'],
  });
  await roll();
  const { facts } = await get<{ facts: Record<string, unknown>[] }>(
    `/v1/explain?series=blocked_command_rate&repository=${encodeURIComponent(REPOSITORY)}&bucket=day&at=2026-06-21`,
  );
  const back = facts.map(({ sessionId, occurredAt, tool, decision, reason, durationUs }) => ({
    sessionId,
    timestamp: occurredAt,
    tool,
    decision,
    reason,
    durationMs: Number(durationUs) / 1_000,
  }));
  const { sessionId, entries } = runtimeOfSpec();
  expect(back).toEqual(entries.map((entry) => ({ sessionId, reason: '', ...entry })));
});

it("answers the drift of CONTRACT 4.3 with the contract's response except for the alert, and posture returns it with its lists", async () => {
  const answer = await post<DriftAnswer>('/v1/ingest/drift', driftOfSpec());
  expect(answer).toEqual({
    ok: true,
    driftEventId: expect.stringMatching(/^drift_[0-9A-Z]{26}$/) as string,
    alertRouted: false,
    rollupsUpdated: ['drift_history'],
  });
  const { latestDrift } = await get<Posture>(`/v1/repo/${encodeURIComponent(REPOSITORY)}/posture?${DAY}`);
  const { newFindings, ...sent } = driftOfSpec({ repository: undefined });
  expect(latestDrift).toEqual({
    ...sent,
    driftEventId: answer.driftEventId,
    newFindingCount: 1,
    resolvedFindingCount: 0,
    // Without a fingerprint there is no key. Files are paths inside the repository, as `shieldwatch watch` sends them.
    newFindings: newFindings.map((finding) => ({
      ...finding,
      file: finding.file.replace('<target-path>/', ''),
      findingKey: null,
    })),
  });
});

it('answers CONTRACT 4.5 with the series, the newest inspection and drift, and the decisions of the window, by day and by week', async () => {
  await post('/v1/ingest/scan', scanOfSpec());
  await roll();
  const of = (bucket: string): Promise<Posture> =>
    get<Posture>(`/v1/repo/${encodeURIComponent(REPOSITORY)}/posture?${DAY}&bucket=${bucket}`);
  for (const [bucket, bucketStart] of [
    ['hour', '2026-06-21T17:00:00Z'],
    ['day', '2026-06-21T00:00:00Z'],
    ['week', '2026-06-15T00:00:00Z'],
  ] as const) {
    const posture = await of(bucket);
    const none = { secrets: null, permissions: null, hooks: null, mcp: null, agents: null };
    expect(posture.scoreTrend).toEqual([
      {
        bucketStart,
        minSeverity: '',
        producerVersion: '',
        last: 66,
        min: 66,
        max: 66,
        mean: 66,
        grade: 'C',
        scans: 1,
        emptyScans: 0,
        breakdown: none,
      },
    ]);
    expect(posture.latestScan?.report).toEqual(scanOfSpec().report);
    expect(posture.latestDrift?.scoreDelta).toBe(-25);
    expect(posture.runtime.totals).toEqual({ allowed: 1, blocked: 1, asked: 0, total: 2, rate: 0.5 });
    expect(
      posture.runtime.blockedCommandRate.map((point) => [point.bucketStart, point.tool, point.allowed, point.blocked]),
    ).toEqual([
      [bucketStart, 'Bash', 0, 1],
      [bucketStart, 'Read', 1, 0],
    ]);
  }
});

it("answers CONTRACT 4.6 with an array of AgentShield's review items, with every field", async () => {
  const items = await get<ReviewItem[]>(`/v1/repo/${encodeURIComponent(REPOSITORY)}/review-items`);
  expect(items).toHaveLength(1);
  const [item] = items;
  expect(item).toEqual({
    id: expect.stringMatching(/^review_/) as string,
    route: 'security-blocker',
    severity: 'high',
    priority: 'urgent',
    approvalId: expect.stringMatching(/^agsr_[0-9a-f]{16}$/) as string,
    outputDir: expect.stringMatching(/^scan_/) as string,
    owner: `${REPOSITORY} security owner`,
    repository: REPOSITORY,
    targetPath: null,
    reason: '1 critical findings',
    evidencePaths: [
      'manifest.json',
      'agentshield-report.json',
      'policy-evaluation.json',
      'baseline-comparison.json',
      'supply-chain.json',
      'remediation-plan.json',
    ].map((file) => `${item?.outputDir ?? ''}/${file}`),
    beforeState: 'Evidence pack has security blockers: 1 critical findings.',
    afterState: 'Critical and high findings are fixed, accepted by policy, or explicitly routed with owner approval.',
    reversibleAction:
      'Revert the risky config change or keep the promotion blocked until a clean evidence pack is generated.',
    actions: [
      'Assign the pack to the repository security owner.',
      'Fix or explicitly approve critical/high findings before promotion.',
      'Regenerate and verify the evidence pack after remediation.',
    ],
    recommendation: 'Route to security owner before promotion.',
    ticket: expect.objectContaining({
      externalId: `agentshield-fleet-review:${item?.approvalId ?? ''}`,
      priority: 'urgent',
      labels: ['AgentShield', 'Security', 'route:security-blocker', 'priority:urgent'],
    }) as object,
    status: 'open',
    assignee: null,
    commentCount: 0,
    openedAt: expect.any(String) as string,
    decidedAt: null,
    decidedBy: null,
  });
});

it("answers CONTRACT 4.4 with the contract's own summary for an equal fleet, and every field of its readback", async () => {
  const other = (await mintToken(gateway.postgres, { orgId: 'org_b', name: 'f', scopes: ['ingest:scan'] })).token;
  const clean = {
    policy: { status: 'passed', policyPack: 'team', violations: 0 },
    baseline: { status: 'not-run' },
    supplyChain: { totalPackages: 0, riskyPackages: 0, criticalCount: 0, highCount: 0 },
  };
  const counts = (critical: number, high: number) => ({
    score: { grade: 'B', numericScore: 80 },
    findings: { total: critical + high, critical, high, medium: 0, low: 0, info: 0 },
  });
  const [failed, regressed] = [
    { policy: { status: 'failed', policyPack: 'team', violations: 1 } },
    { baseline: { status: 'regressed', newFindings: 1, resolvedFindings: 0, scoreDelta: -1 } },
  ];
  // What makes each of the twelve; the others are clean.
  const packs: object[] = [
    { expectedBundleDigest: `sha256:${'0'.repeat(64)}`, ...failed },
    {
      report: counts(2, 9),
      ...failed,
      supplyChain: { totalPackages: 9, riskyPackages: 5, criticalCount: 0, highCount: 0 },
    },
    failed,
    regressed,
    regressed,
  ];
  for (let pack = 0; pack < 12; pack += 1) {
    const digest = `sha256:${String(pack).padStart(64, '1')}`;
    const payload = scanOfSpec({
      repository: `acme/pack-${String(pack)}`,
      bundleDigest: digest,
      expectedBundleDigest: digest,
      report: counts(0, 0),
      remediation: null,
      ...clean,
      ...packs[pack],
    });
    const answer = await gateway.app.inject({
      method: 'POST',
      url: '/v1/ingest/scan',
      payload: JSON.stringify(payload),
      headers: jsonHeaders(other),
    });
    expect(answer.statusCode, answer.body).toBe(200);
  }
  const fleet = await get<Fleet>('/v1/org/org_b/fleet', gateway.otherToken);
  const { ok, requiresAttention, summary } = FLEET_OF_SPEC;
  expect(fleet).toMatchObject({ ok, requiresAttention, summary });
  const { reviewItemCount, blockingItemCount, requiresApproval, ready } = FLEET_OF_SPEC.operatorReadback;
  // AgentShield calls a fleet with an invalid pack so, and names every owner; the contract's example says `blocked` and three.
  expect(fleet.operatorReadback).toMatchObject({
    ready,
    requiresApproval,
    reviewItemCount,
    blockingItemCount,
    status: 'invalid-evidence',
    ownerCount: 5,
  });
  for (const [field, example] of Object.entries(FLEET_OF_SPEC.operatorReadback)) {
    const value: unknown = fleet.operatorReadback[field as keyof Fleet['operatorReadback']];
    expect([field, typeof value, Array.isArray(value)]).toEqual([field, typeof example, Array.isArray(example)]);
  }
  expect(fleet.operatorReadback.digest).toMatch(/^sha256:[0-9a-f]{64}$/);
  expect(fleet.operatorReadback.routesRequiringApproval).toEqual(
    expect.arrayContaining(FLEET_OF_SPEC.operatorReadback.routesRequiringApproval),
  );
  // Packages that were looked at and none found are 0, not null.
  await setPlan(gateway.app.plane, 'org_b', 'enterprise');
  const posture = () =>
    gateway.app.inject({
      url: '/v1/repo/acme%2Fpack-7/posture?to=2026-06-22',
      headers: { authorization: `Bearer ${gateway.otherToken}` },
    });
  await expect
    .poll(async () => (await posture()).json<Partial<Posture>>().latestScan?.supplyChain)
    .toEqual(clean.supplyChain);
});

it('returns the rows behind every point of every series, and every kind of fact is behind at least one', async () => {
  const repository = 'acme/explained';
  const findings = [
    { id: 'secrets-key-1', severity: 'critical', category: 'secrets', title: 'Key', file: 'CLAUDE.md' },
    { id: 'mcp-x-1', severity: 'high', category: 'mcp', title: 'x', file: '.mcp.json' },
  ];
  const report = {
    score: { grade: 'D', numericScore: 50 },
    findings: { total: 2, critical: 1, high: 1, medium: 0, low: 0, info: 0 },
  };
  const digest = `sha256:${'e'.repeat(64)}`;
  await post(
    '/v1/ingest/scan',
    scanOfSpec({
      repository,
      bundleDigest: digest,
      expectedBundleDigest: digest,
      report,
      findings,
      remediation: null,
      filesScanned: 2,
    }),
  );
  await post('/v1/ingest/drift', driftOfSpec({ repository }));
  await post('/v1/ingest/runtime', runtimeOfSpec({ repository }));
  const at = Date.parse('2026-06-21T17:50:00Z');
  const logOf = (attributes: Record<string, string>) => ({
    timeUnixNano: String(BigInt(at) * 1_000_000n),
    attributes: Object.entries(attributes).map(([key, value]) => ({ key, value: { stringValue: value } })),
  });
  const call = { 'conversation.id': 'explained', tool_name: 'exec_command', call_id: 'c' };
  const log = logOf({ 'event.name': 'codex.tool_decision', decision: 'approved', ...call });
  const result = logOf({ 'event.name': 'codex.tool_result', success: 'true', ...call });
  const model = logOf({ 'event.name': 'codex.sse_event', input_token_count: '7', 'conversation.id': 'explained' });
  log.attributes.push({
    key: 'error_message',
    value: { stringValue: ['sk-ant-', 'api03-canaryAAAAcanaryAAAAcanary'].join('') },
  });
  const resource = {
    attributes: [
      ['vcs.owner.name', 'acme'],
      ['vcs.repository.name', 'explained'],
    ].map(([key, value]) => ({ key, value: { stringValue: value } })),
  };
  await post('/v1/logs', { resourceLogs: [{ resource, scopeLogs: [{ logRecords: [log, result, model] }] }] });
  await openReviewItems(gateway.app.plane, gateway.store.client, 'org_a');
  await expect
    .poll(() =>
      selectRows(
        gateway.store.client,
        "SELECT 1 AS found FROM control_event WHERE org_id = 'org_a' AND kind = 'review_item' AND repo = 'acme/explained'",
      ),
    )
    .toEqual([{ found: 1 }]);
  await roll();

  const { series } = await get<{ series: { name: string; buckets: string[]; isExplained: boolean }[] }>('/v1/series');
  expect(series.filter(({ isExplained }) => !isExplained)).toEqual([]);
  const kinds = new Set<string>();
  const empty: string[] = [];
  for (const { name } of series) {
    // Review items were opened now; all else happened then.
    const time = name.startsWith('open_review_item') ? new Date().toISOString() : '2026-06-21T17:00:00Z';
    for (const bucket of name === 'score_trend_org' ? ['hour', 'day', 'week'] : ['day']) {
      const { points, evidence, fact, facts, total } = await get<{
        points: unknown[];
        evidence: { fact: string; count: number; rows: unknown[] }[];
        fact: string;
        facts: unknown[];
        total: number;
      }>(`/v1/explain?series=${name}&bucket=${bucket}&at=${time}&repository=${encodeURIComponent(repository)}`);
      for (const each of evidence) kinds.add(each.fact);
      if (points.length === 0) empty.push(`${name} ${bucket}`);
      expect([name, bucket, evidence.some(({ count, rows }) => count > 0 && rows.length > 0)]).toEqual([
        name,
        bucket,
        true,
      ]);
      expect([name, evidence[0]?.fact, facts.length === Math.min(total, 100), total > 0]).toEqual([
        name,
        fact,
        true,
        true,
      ]);
    }
  }
  expect(empty).toEqual([]);
  // Drills are in no series.
  const inSeries = Object.keys(FACTS).filter((fact) => fact !== 'drill_event');
  expect([...kinds].sort()).not.toContain('drill_event');
  expect([...kinds]).toEqual(expect.arrayContaining([...inSeries, 'masking_event', 'control_event']));
});
