import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import {
  ATTR_DRIFT_FINDINGS_NEW,
  ATTR_DRIFT_FINDINGS_RESOLVED,
  ATTR_DRIFT_HAS_CRITICAL,
  ATTR_DRIFT_IS_REGRESSION,
  ATTR_DRIFT_SCORE_CURRENT,
  ATTR_DRIFT_SCORE_DELTA,
  ATTR_DRIFT_SCORE_PREVIOUS,
  ATTR_DRIFT_TIMESTAMP,
  ATTR_EVENT_ID,
  SCOPE_NAME,
} from '#schemas/semconv.js';
import { repositoryAttributes, repositoryId } from '#schemas/records/repository.js';
import { scanAttributes, type ScanRecord } from '#schemas/records/scan.js';
import type { z } from 'zod';
import type { repoList } from '#schemas/http/control.js';
import type { Posture } from '#schemas/http/posture.js';
import { setPlan } from '../control/orgs.js';
import { scanIdOf } from '#schemas/records/ids.js';
import { mintToken } from '../auth/tokens.js';
import { openSession } from '../testing/session.js';
import { jsonHeaders, startGateway, type Refusal, type TestGateway } from '../testing/gateway.js';

let gateway: TestGateway;
const HOUR = 3_600_000;
/** The start of yesterday, which has only past hours. */
const DAY = Math.floor(Date.now() / (24 * HOUR)) * 24 * HOUR - 24 * HOUR;
const iso = (ms: number): string => new Date(ms).toISOString();
/** Formats like ClickHouse's DateTime. */
const second = (ms: number): string => iso(ms).replace('.000Z', 'Z');

beforeAll(async () => {
  gateway = await startGateway(inject('clickhouseUrl'));
  await sendScan({ eventId: 'scan-1', generatedAt: iso(DAY + HOUR), score: 80, grade: 'B', filesScanned: 3 });
  await sendScan({
    eventId: 'scan-2',
    generatedAt: iso(DAY + 2 * HOUR),
    score: 60,
    grade: 'C',
    filesScanned: 3,
    bundleDigest: 'sha256:written',
    policy: { status: 'failed', name: 'acme', pack: 'enterprise', violations: 3 },
    baseline: { status: 'not-run' },
    supplyChain: { total: 7, risky: 3, critical: 0, high: 3 },
    evidencePack: {
      expectedDigest: 'sha256:found',
      redacted: true,
      artifacts: 9,
      artifactsVerified: 8,
      integrity: 'mismatch',
    },
  });
  await sendSpan('agentshield.drift', {
    [ATTR_EVENT_ID]: 'drift-1',
    [ATTR_DRIFT_TIMESTAMP]: iso(DAY + 2 * HOUR),
    [ATTR_DRIFT_SCORE_PREVIOUS]: 66,
    [ATTR_DRIFT_SCORE_CURRENT]: 41,
    [ATTR_DRIFT_SCORE_DELTA]: -25,
    [ATTR_DRIFT_IS_REGRESSION]: 'true',
    [ATTR_DRIFT_HAS_CRITICAL]: 'true',
    [ATTR_DRIFT_FINDINGS_NEW]: 2,
    [ATTR_DRIFT_FINDINGS_RESOLVED]: 1,
  });
  await fillSeries();
});
afterAll(() => gateway.close());

function attributes(record: Record<string, string | number>) {
  return Object.entries(record).map(([key, value]) => ({
    key,
    value: typeof value === 'string' ? { stringValue: value } : { intValue: String(value) },
  }));
}

async function sendScan(over: Partial<ScanRecord>): Promise<void> {
  const record: ScanRecord = {
    eventId: 'scan',
    generatedAt: iso(DAY),
    repository: 'acme/web',
    score: 80,
    grade: 'B',
    breakdown: { secrets: 90, permissions: 80, hooks: 70, mcp: 60, agents: 50 },
    findings: { critical: 1, high: 2, medium: 0, low: 0, info: 4 },
    filesScanned: 3,
    minSeverity: 'info',
    agentshieldVersion: '1.6.0',
    exitCode: 0,
    provider: 'local',
    ...over,
  };
  await sendSpan('agentshield.scan', scanAttributes(record));
}

async function sendSpan(name: string, values: Record<string, string | number>): Promise<void> {
  const payload = {
    resourceSpans: [
      {
        resource: { attributes: attributes(repositoryAttributes('acme/web')) },
        scopeSpans: [{ scope: { name: SCOPE_NAME }, spans: [{ name, attributes: attributes(values) }] }],
      },
    ],
  };
  const answer = await gateway.app.inject({
    method: 'POST',
    url: '/v1/traces',
    payload,
    headers: jsonHeaders(gateway.ingestToken),
  });
  expect(answer.statusCode, answer.body).toBe(200);
}

/** Inserts buckets like the rollup job: a head and one row per group. */
async function fillSeries(): Promise<void> {
  const { client } = gateway.store;
  const key = { org_id: 'org_a', repo: 'acme/web', version: 1 };
  const decisions = (hour: number, tool: string, allowed: number, blocked: number) => ({
    ...key,
    bucket_start: (DAY + hour * HOUR) / 1_000,
    is_head: false,
    tool,
    agent: 'claude-code',
    rule_category: '',
    allowed,
    blocked,
    asked: 0,
  });
  await client.insert({
    table: 'blocked_command_rate_v1',
    format: 'JSONEachRow',
    values: [
      decisions(1, 'Bash', 6, 2),
      decisions(2, 'Bash', 1, 0),
      decisions(2, 'Read', 1, 0),
      ...[1, 2].map((hour) => ({ ...decisions(hour, '', 0, 0), is_head: true })),
    ],
  });
  // The day: Bash 6 + 1 allowed and 2 blocked, Read 1 allowed.
  await client.insert({
    table: 'blocked_command_rate_day_v1',
    format: 'JSONEachRow',
    values: [
      {
        ...key,
        bucket_start: DAY / 1_000,
        tools: ['Bash', 'Read'],
        agents: ['claude-code', 'claude-code'],
        rule_categories: ['', ''],
        allowed: [7, 1],
        blocked: [2, 0],
        asked: [0, 0],
      },
    ],
  });
  const scores = (hour: number, score: number, grade: string) => ({
    ...key,
    bucket_start: (DAY + hour * HOUR) / 1_000,
    is_head: false,
    min_severity: 'info',
    producer_version: '1.6.0',
    scans: 1,
    empty_scans: 0,
    score_sum: score,
    score_min: score,
    score_max: score,
    score_last: score,
    grade_last: grade,
    score_secrets_last: 90,
    score_permissions_last: 80,
    score_hooks_last: 70,
    score_mcp_last: 60,
    score_agents_last: 50,
    last_at: DAY + hour * HOUR,
  });
  await client.insert({
    table: 'score_trend_v1',
    format: 'JSONEachRow',
    values: [scores(1, 80, 'B'), scores(2, 60, 'C'), { ...scores(3, 0, ''), scans: 0, empty_scans: 2 }],
  });
}

const get = (url: string, token = gateway.readToken) =>
  gateway.app.inject({ method: 'GET', url, headers: { authorization: `Bearer ${token}` } });
const posture = (query = '', repo = 'acme%2Fweb', token = gateway.readToken) =>
  get(`/v1/repo/${repo}/posture${query}`, token);

describe('posture', () => {
  it('of a day holds the series, their totals and the newest scan', async () => {
    const answer = await posture(`?from=${iso(DAY)}&to=${iso(DAY + 24 * HOUR)}&bucket=day`);
    expect(answer.statusCode, answer.body).toBe(200);
    const body = answer.json<Posture>();
    expect(body).toMatchObject({
      repoId: repositoryId('org_a', 'acme/web'),
      repository: 'acme/web',
      from: iso(DAY),
      to: iso(DAY + 24 * HOUR),
      bucket: 'day',
      latestDrift: {
        driftEventId: 'drift-1',
        timestamp: iso(DAY + 2 * HOUR),
        previousScore: 66,
        currentScore: 41,
        scoreDelta: -25,
        isRegression: true,
        hasCritical: true,
        newFindingCount: 2,
        resolvedFindingCount: 1,
      },
    });
    // 80 and 60: the last is 60, the mean 70; the two scans of 0 files are counted separately.
    expect(body.scoreTrend).toEqual([
      {
        bucketStart: second(DAY),
        minSeverity: 'info',
        producerVersion: '1.6.0',
        last: 60,
        min: 60,
        max: 80,
        mean: 70,
        grade: 'C',
        scans: 2,
        emptyScans: 2,
        breakdown: { secrets: 90, permissions: 80, hooks: 70, mcp: 60, agents: 50 },
      },
    ]);
    expect(body.latestScan).toMatchObject({
      scanId: scanIdOf('org_a', 'acme/web', 'scan-2'),
      generatedAt: iso(DAY + 2 * HOUR),
      filesScanned: 3,
      ok: false,
      bundleDigest: 'sha256:written',
      expectedBundleDigest: 'sha256:found',
      artifactCount: 9,
      verifiedArtifactCount: 8,
      policy: { status: 'failed', policyName: 'acme', policyPack: 'enterprise', violations: 3 },
      baseline: { status: 'not-run' },
      supplyChain: { totalPackages: 7, riskyPackages: 3, criticalCount: 0, highCount: 3 },
      minSeverity: 'info',
      report: {
        score: { grade: 'C', numericScore: 60 },
        findings: { total: 7, critical: 1, high: 2, medium: 0, low: 0, info: 4 },
      },
    });
    // Bash 7 allowed and 2 blocked, Read 1 allowed: 2 of 10.
    expect(body.runtime.totals).toEqual({ allowed: 8, blocked: 2, asked: 0, total: 10, rate: 0.2 });
    expect(body.runtime.blockedCommandRate).toHaveLength(2);
  });

  it('of an hour ends before the bucket that starts at its end', async () => {
    const body = (await posture(`?from=${iso(DAY + HOUR)}&to=${iso(DAY + 2 * HOUR)}&bucket=hour`)).json<Posture>();
    expect(body.runtime.blockedCommandRate).toEqual([
      {
        bucketStart: second(DAY + HOUR),
        tool: 'Bash',
        agent: 'claude-code',
        ruleCategory: '',
        allowed: 6,
        blocked: 2,
        asked: 0,
        total: 8,
      },
    ]);
    expect(body.latestScan?.scanId).toBe(scanIdOf('org_a', 'acme/web', 'scan-1'));
  });

  it('of scans of nothing has no score', async () => {
    const body = (await posture(`?from=${iso(DAY + 3 * HOUR)}&to=${iso(DAY + 4 * HOUR)}&bucket=hour`)).json<Posture>();
    expect(body.scoreTrend).toMatchObject([
      { last: null, min: null, max: null, mean: null, grade: null, scans: 0, emptyScans: 2 },
    ]);
    expect(body.runtime.totals).toEqual({ allowed: 0, blocked: 0, asked: 0, total: 0, rate: null });
  });

  it('is found by id and by name, and is the last 7 days by days unless asked otherwise', async () => {
    const byId = (await posture('', repositoryId('org_a', 'acme/web'))).json<Posture>();
    expect(byId).toMatchObject({ repository: 'acme/web', bucket: 'day', scoreTrend: [{ scans: 2 }] });
    expect(Date.parse(byId.to) - Date.parse(byId.from)).toBe(7 * 24 * HOUR);
    expect((await posture()).json<Posture>().repoId).toBe(byId.repoId);
  });

  it('of another organisation, of nothing, of strange names is 404', async () => {
    const id = repositoryId('org_a', 'acme/web');
    expect((await posture('', 'acme%2Fweb', gateway.otherToken)).statusCode).toBe(404);
    expect((await posture('', id, gateway.otherToken)).statusCode).toBe(404);
    for (const name of ['nope', "'%20OR%201=1", '%00', '%F0%9F%98%80', 'a'.repeat(1_900), 'a'.repeat(5_000), '%zz']) {
      const answer = await posture('', name);
      expect([name.slice(0, 20), answer.statusCode, answer.json<Refusal>().error.code]).toEqual([
        name.slice(0, 20),
        404,
        'not_found',
      ]);
    }
  });

  it('of another repository than the token is bound to is 404', async () => {
    const { token } = await mintToken(gateway.postgres, {
      orgId: 'org_a',
      name: 'b',
      scopes: ['read'],
      repository: 'acme/other',
    });
    expect((await posture('', 'acme%2Fweb', token)).statusCode).toBe(404);
    expect((await get('/v1/repos', token)).json()).toEqual({ repos: [], nextCursor: null, beyondPlan: 0 });
  });

  it.each([
    ['?from=yesterday', 'from'],
    ['?to=2026-13-01', 'to'],
    ['?from=2026-01-02&to=2026-01-01', 'from'],
    ['?from=2020-01-01&to=2026-01-01', 'from'],
    ['?from=2025-01-01&to=2025-04-01&bucket=hour', 'from'],
    ['?to=9999-01-01', 'to'],
    ['?bucket=month', 'bucket'],
    ['?bucket=day&bucket=hour', 'bucket'],
  ])('%s is refused by name', async (query, field) => {
    const answer = await posture(query);
    expect([answer.statusCode, answer.json<Refusal>().error.code, answer.json<Refusal>().error.field]).toEqual([
      400,
      'query_invalid',
      field,
    ]);
  });
});

describe('the list of repositories', () => {
  it("includes those known from OTLP only, without creating a row, and shows no other organisation's", async () => {
    const list = (await get('/v1/repos')).json<z.infer<typeof repoList>>();
    // A row created meanwhile by background work has a provider.
    const [first, ...others] = list.repos;
    if (first === undefined) throw new Error('there is no repository');
    const { defaultProvider, ...seen } = first;
    expect([seen, others]).toEqual([
      {
        repoId: repositoryId('org_a', 'acme/web'),
        repository: 'acme/web',
        firstSeenAt: iso(DAY + HOUR),
        lastSeenAt: iso(DAY + 2 * HOUR),
        githubRepoId: null,
      },
      [],
    ]);
    expect([null, 'local']).toContain(defaultProvider);
    // GET requests create no rows; those of background work are recorded as `repo.discover`.
    expect(await gateway.postgres.query('SELECT record FROM audit_entry WHERE record LIKE \'%"repo.add"%\'')).toEqual(
      [],
    );
    expect((await get('/v1/repos', gateway.otherToken)).json()).toEqual({ repos: [], nextCursor: null, beyondPlan: 0 });
  });
});

describe('the history that a plan shows', () => {
  const old = DAY - 100 * 24 * HOUR;
  const today = DAY + 24 * HOUR;
  const start = iso(today - 90 * 24 * HOUR);
  const past = `from=${iso(old - 24 * HOUR)}&to=${iso(old + 24 * HOUR)}`;
  const whole = `from=${iso(old - 24 * HOUR)}`;
  const readings = async () => ({
    posture: await posture(`?${whole}&bucket=day`),
    week: await posture(`?${whole}&bucket=week`),
    series: await get(`/v1/series/blocked_command_rate?${whole}&bucket=day`),
    findings: await get('/v1/findings?status=all'),
  });
  const before = async () => ({
    posture: await posture(`?${past}&bucket=day`),
    series: await get(`/v1/series/blocked_command_rate?${past}&bucket=day`),
    episodes: await get(`/v1/series/secret_exposure_events?${past}`),
    explain: await get(`/v1/explain?series=blocked_command_rate&repository=acme%2Fweb&bucket=day&at=${iso(old)}`),
    board: await get(
      `/boards/api/boards/shieldwatch-posture/panels/1?from=${String(old - HOUR)}&to=${String(old + HOUR)}`,
    ),
  });
  const counted = (body: { runtime: { totals: { total: number } } }): number => body.runtime.totals.total;

  it('is 90 days on `team`, and the answer says that it was cut; nothing is deleted, and all is there again on `enterprise`', async () => {
    const row = { org_id: 'org_a', repo: 'acme/web', version: 1, bucket_start: old / 1_000 };
    await gateway.store.client.insert({
      table: 'blocked_command_rate_v1',
      format: 'JSONEachRow',
      values: [
        { ...row, is_head: false, tool: 'Bash', agent: '', rule_category: '', allowed: 5, blocked: 0, asked: 0 },
        { ...row, is_head: true, tool: '', agent: '', rule_category: '', allowed: 0, blocked: 0, asked: 0 },
      ],
    });
    await gateway.store.client.insert({
      table: 'blocked_command_rate_day_v1',
      format: 'JSONEachRow',
      values: [
        {
          ...row,
          bucket_start: Math.floor(old / (24 * HOUR)) * 86_400,
          tools: ['Bash'],
          agents: [''],
          rule_categories: [''],
          allowed: [5],
          blocked: [0],
          asked: [0],
        },
      ],
    });
    const cut = await readings();
    for (const [name, answer] of Object.entries(cut))
      expect([name, answer.statusCode, answer.json<{ historyFrom: string }>().historyFrom]).toEqual([name, 200, start]);
    expect([
      counted(cut.posture.json()),
      counted(cut.week.json()),
      cut.series.json<{ points: unknown[] }>().points.length,
    ]).toEqual([10, 10, 2]);
    expect(cut.posture.json<Posture>().from).toBe(start);
    for (const [name, answer] of Object.entries(await before()))
      expect([name, answer.statusCode, answer.json<Refusal>().error.code]).toEqual([name, 403, 'plan_limit']);
    // A window inside the history reports no cut.
    expect((await posture()).json<Posture>().historyFrom).toBeNull();
    const panel = (query: string) => get(`/boards/api/boards/shieldwatch-posture/panels/1?${query}`);
    expect((await panel('from=now-200d&to=now')).json()).toMatchObject({
      from: Date.parse(start),
      historyFrom: Date.parse(start),
    });
    expect((await panel('from=now-2d&to=now')).json<object>()).not.toHaveProperty('historyFrom');
    // A browser session and the machine itself see the history of the organisation's plan.
    const session = await openSession(gateway.app, 'org_a');
    const others = async (): Promise<unknown[]> => [
      (await gateway.app.inject({ url: `/v1/repo/acme%2Fweb/posture?${whole}`, headers: session })).json<Posture>()
        .historyFrom,
      (
        JSON.parse(
          (await gateway.app.asMachine('org_a', 'GET', `/v1/repo/acme%2Fweb/posture?${whole}`)).body,
        ) as Posture
      ).historyFrom,
    ];
    expect(await others()).toEqual([start, start]);

    await setPlan(gateway.app.plane, 'org_a', 'enterprise');
    await expect.poll(async () => counted((await posture(`?${whole}&bucket=day`)).json())).toBe(15);
    const shown = await readings();
    for (const [name, answer] of Object.entries(shown))
      expect([name, answer.json<{ historyFrom: string | null }>().historyFrom]).toEqual([name, null]);
    expect([counted(shown.week.json()), shown.series.json<{ points: unknown[] }>().points.length]).toEqual([15, 3]);
    for (const [name, answer] of Object.entries(await before())) expect([name, answer.statusCode]).toEqual([name, 200]);
    await expect.poll(others).toEqual([null, null]);
  });
});
