import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { selectRows } from '#schemas/clickhouse/client.js';
import type { z } from 'zod';
import type { Baseline, MintedToken, Org, Purge, Token } from '#schemas/http/control.js';
import type { Finding } from '#schemas/http/findings.js';
import type { Fleet, ReviewComment, ReviewItem, ReviewItemState } from '#schemas/http/fleet.js';
import type { explanation, series } from '#schemas/http/series.js';
import { drainOutbox } from '#ingest/control/outbox.js';
import { setPlan } from '#ingest/control/orgs.js';
import { linkFromScans } from '#ingest/control/repo-links.js';
import { driftOfSpec, scanOfSpec } from '#ingest/testing/bodies.js';
import { jsonHeaders, startGateway, type Refusal, type TestGateway } from '#ingest/testing/gateway.js';
import { createRollupWorker } from '#rollups/worker.js';

let gateway: TestGateway;
/** Tokens of org_a by the role of their member. */
const tokens: Record<string, string> = {};

interface Answer<T> {
  status: number;
  body: T;
  text: string;
}

const call = async <T>(method: string, url: string, token: string, body?: unknown): Promise<Answer<T>> => {
  const answer = await gateway.app.inject({
    method: method as 'GET',
    url,
    headers: body === undefined ? { authorization: `Bearer ${token}` } : jsonHeaders(token),
    ...(body === undefined ? {} : { payload: JSON.stringify(body) }),
  });
  const isJson = String(answer.headers['content-type']).startsWith('application/json');
  return { status: answer.statusCode, body: isJson ? answer.json<T>() : (undefined as T), text: answer.body };
};
const machine = async (url: string, body: unknown): Promise<{ token: string; id: string }> =>
  JSON.parse((await gateway.app.asMachine('org_a', 'POST', url, body)).body) as { token: string; id: string };
const scan = (over: object) =>
  call<{ scanId: string }>('POST', '/v1/ingest/scan', gateway.ingestToken, scanOfSpec(over));
const digest = (letter: string): string => `sha256:${letter.repeat(64)}`;

beforeAll(async () => {
  gateway = await startGateway(inject('clickhouseUrl'));
  // The days of the contract's examples are months ago.
  await setPlan(gateway.app.plane, 'org_a', 'enterprise');
  for (const role of ['owner', 'admin', 'member', 'viewer']) {
    await machine('/v1/members', { login: role, role });
    tokens[role] = (await machine('/v1/tokens', { name: role, scopes: ['read', 'admin'], member: role })).token;
  }
});
afterAll(() => gateway.close());
/** What the rollups do in the background, done now. */
const recompute = () => createRollupWorker({ clickhouse: gateway.store.client, settleMs: 0 }).tick();
const as = (role: string): string => tokens[role] ?? '';

describe('tokens', () => {
  it('are minted by administrators, listed without their secret, and shown once', async () => {
    const minted = await call<MintedToken>('POST', '/v1/tokens', as('admin'), {
      name: 'ci',
      scopes: ['ingest:scan'],
      repository: 'acme/ci',
      expiresInDays: 1,
    });
    expect(minted.status, minted.text).toBe(200);
    const { body, text } = await call<{ tokens: Token[] }>('GET', '/v1/tokens', as('admin'));
    expect(body.tokens.find(({ id }) => id === minted.body.id)).toMatchObject({
      name: 'ci',
      scopes: ['ingest:scan'],
      repository: 'acme/ci',
      revokedAt: null,
    });
    expect(text).not.toContain('eccp_');
  });

  it("of a member are limited to the member's role, even with wider scopes", async () => {
    for (const role of ['member', 'viewer']) {
      const refused = await call<Refusal>('POST', '/v1/tokens', as(role), { name: 'x', scopes: ['read'] });
      expect([refused.status, refused.body.error.code]).toEqual([403, 'role_missing']);
    }
    const owner = await call<Refusal>('POST', '/v1/members', as('admin'), { login: 'eve', role: 'owner' });
    expect([owner.status, owner.body.error.code]).toEqual([403, 'role_missing']);
  });

  it('cannot be minted with more rights than the minting token has', async () => {
    const refused = await call<Refusal>('POST', '/v1/tokens', as('admin'), {
      name: 'x',
      scopes: ['admin'],
      member: 'owner',
    });
    expect([refused.status, refused.body.error.code]).toEqual([403, 'role_missing']);
  });

  it("both work during a rotation's overlap, at most two at once, and then the old one expires", async () => {
    const first = (await call<MintedToken>('POST', '/v1/tokens', as('admin'), { name: 'r', scopes: ['read'] })).body;
    const works = async ({ token }: MintedToken): Promise<boolean> =>
      (await call('GET', '/v1/repos', token)).status === 200;
    const second = (await call<MintedToken>('POST', `/v1/tokens/${first.id}/rotate`, as('admin'), { overlapHours: 1 }))
      .body;
    expect([await works(first), await works(second)]).toEqual([true, true]);
    const third = (await call<MintedToken>('POST', `/v1/tokens/${second.id}/rotate`, as('admin'), { overlapHours: 0 }))
      .body;
    await expect
      .poll(async () => [await works(first), await works(second), await works(third)])
      .toEqual([false, false, true]);
    expect((await call('POST', `/v1/tokens/${first.id}/rotate`, as('admin'), {})).status).toBe(409);
  });

  it("stop working after revocation, within the token cache's lifetime", async () => {
    const { id, token } = (
      await call<MintedToken>('POST', '/v1/tokens', as('admin'), { name: 'gone', scopes: ['read'] })
    ).body;
    expect((await call('GET', '/v1/repos', token)).status).toBe(200);
    expect((await call<Token>('DELETE', `/v1/tokens/${id}`, as('admin'))).body.revokedAt).not.toBeNull();
    // A second, which ingest/auth/auth.test.ts holds to by a clock of its own.
    await expect.poll(async () => (await call('GET', '/v1/repos', token)).status, { interval: 20 }).toBe(401);
  });

  it('are removed with their member, and an organisation keeps an owner', async () => {
    await machine('/v1/members', { login: 'leaving', role: 'admin' });
    const { token } = await machine('/v1/tokens', { name: 'l', scopes: ['read', 'admin'], member: 'leaving' });
    expect((await call('DELETE', '/v1/members/leaving', as('owner'))).status).toBe(200);
    await expect.poll(async () => (await call('GET', '/v1/repos', token)).status).toBe(401);
    expect((await call('DELETE', '/v1/members/owner', as('owner'))).status).toBe(409);
    expect((await call('PATCH', '/v1/members/owner', as('owner'), { role: 'viewer' })).status).toBe(409);
  });

  it.each([
    [{ name: 'x', scopes: [] }, 'scopes'],
    [{ name: 'x', scopes: ['root'] }, 'scopes[0]'],
    [{ name: 'x' }, 'scopes'],
    [{ name: 'x', scopes: ['read'], repositry: 'acme/x' }, undefined],
    [{ name: 'x', scopes: ['webhook:drift'] }, undefined],
    [{ name: 'x', scopes: ['admin'], repository: 'acme/x' }, 'scopes'],
  ])('are not minted from %j', async (body, field) => {
    const { status, body: refusal } = await call<Refusal>('POST', '/v1/tokens', as('owner'), body);
    expect([status, refusal.error.field]).toEqual([400, field]);
  });
});

describe('review items', () => {
  const items = async (): Promise<ReviewItem[]> =>
    (await call<ReviewItem[]>('GET', '/v1/repo/acme%2Freviewed/review-items', as('viewer'))).body;

  it("open with a scan, in AgentShield's words, are decided by role, and unblock the fleet", async () => {
    await scan({ repository: 'acme/reviewed', bundleDigest: digest('1'), expectedBundleDigest: null });
    const [item] = await items();
    expect(item).toMatchObject({
      route: 'security-blocker',
      severity: 'high',
      priority: 'urgent',
      repository: 'acme/reviewed',
      owner: 'acme/reviewed security owner',
      reason: '1 critical findings',
      recommendation: 'Route to security owner before promotion.',
      status: 'open',
      assignee: null,
      ticket: {
        externalId: `agentshield-fleet-review:${item?.approvalId ?? ''}`,
        labels: ['AgentShield', 'Security', 'route:security-blocker', 'priority:urgent'],
      },
    });
    expect(item?.approvalId).toMatch(/^agsr_[0-9a-f]{16}$/);
    const change = (role: string, body: object) =>
      call<ReviewItemState>('PATCH', `/v1/review-items/${item?.id ?? ''}`, as(role), body);
    expect((await change('viewer', { assignee: 'viewer' })).status).toBe(403);
    expect((await change('member', { assignee: 'admin' })).status).toBe(403);
    expect((await change('member', { status: 'approved' })).status).toBe(403);
    expect((await change('member', { assignee: 'member', comment: 'mine' })).body).toMatchObject({
      assignee: 'member',
      commentCount: 1,
      status: 'open',
    });
    expect((await change('admin', { assignee: 'nobody' })).status).toBe(400);
    // By its AgentShield id too.
    const approved = await call<ReviewItemState>('PATCH', `/v1/review-items/${item?.approvalId ?? ''}`, as('admin'), {
      status: 'approved',
    });
    expect(approved.body).toMatchObject({ status: 'approved', decidedBy: 'member:admin' });
    const fleet = (await call<Fleet>('GET', '/v1/org/org_a/fleet', as('viewer'))).body;
    expect(fleet.operatorReadback).toMatchObject({
      status: 'ready',
      ready: true,
      requiresApproval: false,
      reviewItemCount: 0,
    });
    expect(fleet.summary).toMatchObject({
      totalPacks: 1,
      critical: 1,
      high: 7,
      policyFailures: 1,
      baselineRegressions: 1,
      riskyPackages: 2,
    });
  });

  it('open again for the next scan: an approval covers one pack', async () => {
    const [before] = await items();
    await scan({
      repository: 'acme/reviewed',
      bundleDigest: digest('2'),
      expectedBundleDigest: null,
      generatedAt: '2026-06-22T17:42:00.000Z',
    });
    const [after] = await items();
    expect(after).toMatchObject({ status: 'open', route: 'security-blocker' });
    expect(after?.id).not.toBe(before?.id);
    expect(
      (await call('PATCH', `/v1/review-items/${before?.id ?? ''}`, as('owner'), { status: 'dismissed' })).status,
    ).toBe(409);
  });

  it('accept comments from members and show them to viewers: with author and time, redacted, audited without their text', async () => {
    const [item] = await items();
    const url = `/v1/review-items/${item?.id ?? ''}/comments`;
    const say = (role: string, text: unknown) => call<ReviewComment & Refusal>('POST', url, as(role), { text });
    const list = async (query = ''): Promise<{ comments: ReviewComment[]; nextCursor: string | null }> =>
      (await call<{ comments: ReviewComment[]; nextCursor: string | null }>('GET', `${url}${query}`, as('viewer')))
        .body;
    expect((await say('viewer', 'no')).status).toBe(403);
    for (const text of [
      '',
      ' \n ',
      'x'.repeat(4_001),
      7,
      null,
      'a\u001b[2J',
      'a\u009b2J',
      'a\u202eb',
      'a\u2028b',
      'a\u0000b',
    ])
      expect([text, (await say('member', text)).status]).toEqual([text, 400]);
    const secret = ['sk-ant-', 'api03-canaryAAAAcanaryAAAAcanary'].join('');
    const first = (await say('member', `<b onclick="x()">two</b>\nlines & ${secret}`)).body;
    expect(first).toMatchObject({
      author: 'member:member',
      text: expect.stringMatching(/^<b onclick="x\(\)">two<\/b>\nlines & \[REDACTED:anthropic-key\]$/) as string,
    });
    // The answer to a retry is the comment itself; another author may say the same.
    expect((await say('member', `<b onclick="x()">two</b>\nlines & ${secret}`)).body).toEqual(first);
    const burst = await Promise.all(
      ['admin', 'owner', 'admin', 'owner'].map((role, index) => say(role, `word ${String(index)}`)),
    );
    expect(burst.map(({ status }) => status)).toEqual([200, 200, 200, 200]);
    const { comments, nextCursor } = await list();
    expect([comments[0], comments.length, nextCursor]).toEqual([first, 5, null]);
    expect(
      comments
        .map(({ text }) => text)
        .slice(1)
        .sort(),
    ).toEqual(['word 0', 'word 1', 'word 2', 'word 3']);
    const page = await list('?limit=2');
    expect((await list(`?limit=3&cursor=${page.nextCursor ?? ''}`)).comments).toEqual(comments.slice(2));
    expect((await items())[0]?.commentCount).toBe(5);
    expect((await call('GET', `/v1/review-items/${item?.approvalId ?? ''}/comments`, as('viewer'))).body).toEqual({
      comments,
      nextCursor: null,
    });
    const trail = (
      await call<{ entries: { record: string }[] }>('GET', '/v1/audit?limit=1000', as('admin'))
    ).body.entries.map(({ record }) => record);
    expect(trail.filter((record) => record.includes('review_item.comment') && record.includes(first.id))).toHaveLength(
      1,
    );
    expect(trail.filter((record) => record.includes('onclick') || record.includes('word 0'))).toEqual([]);
    await gateway.postgres.query(
      "INSERT INTO review_item_comment (id, org_id, item_id, author, body) SELECT 'comment_' || n, 'org_a', $1, 'a', 'b' FROM generate_series(6, 1000) AS n",
      [item?.id ?? ''],
    );
    expect((await say('member', 'one too many')).status).toBe(409);
    expect((await call('POST', '/v1/review-items/none/comments', as('member'), { text: 'x' })).status).toBe(404);
    // What was said stays with its item, which a newer scan takes the place of.
    await scan({
      repository: 'acme/reviewed',
      bundleDigest: digest('2c'),
      expectedBundleDigest: null,
      generatedAt: '2026-06-22T18:42:00.000Z',
    });
    expect((await items())[0]).toMatchObject({ commentCount: 0 });
    expect((await say('member', 'late')).status).toBe(409);
    expect((await list()).comments[0]).toEqual(first);
  });

  it('about a policy are approved by an owner only', async () => {
    const report = {
      score: { grade: 'A', numericScore: 95 },
      findings: { total: 0, critical: 0, high: 0, medium: 0, low: 0, info: 0 },
    };
    await scan({
      repository: 'acme/policy',
      bundleDigest: digest('3'),
      expectedBundleDigest: null,
      report,
      supplyChain: null,
      remediation: null,
    });
    const [item] = (await call<ReviewItem[]>('GET', '/v1/repo/acme%2Fpolicy/review-items', as('viewer'))).body;
    expect(item?.route).toBe('policy-review');
    const approve = (role: string) =>
      call('PATCH', `/v1/review-items/${item?.id ?? ''}`, as(role), { status: 'approved' });
    expect((await approve('admin')).status).toBe(403);
    expect((await approve('owner')).status).toBe(200);
  });

  it('become facts, one per change', async () => {
    const states = () =>
      selectRows<{ status: string; route: string }>(
        gateway.store.client,
        `SELECT status, route FROM review_item_state WHERE org_id = 'org_a' ORDER BY opened_at, status`,
      );
    await expect.poll(states).toEqual([
      { status: 'approved', route: 'security-blocker' },
      { status: 'superseded', route: 'security-blocker' },
      { status: 'open', route: 'security-blocker' },
      { status: 'approved', route: 'policy-review' },
    ]);
    // In one INSERT with the facts, but another part of it.
    const marks = () =>
      selectRows<{ n: number }>(
        gateway.store.client,
        `SELECT count() AS n FROM dirty_hour_v1 WHERE fact = 'control_event' AND org_id = 'org_a'`,
      );
    await expect.poll(async () => (await marks())[0]?.n).toBeGreaterThan(0);
  });
});

describe('findings', () => {
  const row = (id: string, over: object = {}) => ({
    id,
    severity: 'high',
    category: 'mcp',
    title: id,
    file: 'CLAUDE.md',
    ...over,
  });
  const report = (total: number) => ({
    score: { grade: 'D', numericScore: 50 },
    findings: { total, critical: 0, high: total, medium: 0, low: 0, info: 0 },
  });
  const list = async (query: string): Promise<Finding[]> =>
    (await call<{ findings: Finding[] }>('GET', `/v1/findings?repository=acme%2Flife&${query}`, as('viewer'))).body
      .findings;

  it('are open from the first scan that reports them to the first scan without them', async () => {
    const base = {
      repository: 'acme/life',
      expectedBundleDigest: null,
      remediation: null,
      filesScanned: 2,
      supplyChain: null,
    };
    // Day 1: a and b. Day 2, offsets moved: a. Day 3: an empty scan, which resolves nothing. Day 4: a and c.
    await scan({
      ...base,
      bundleDigest: digest('a'),
      generatedAt: '2026-07-01T00:00:00.000Z',
      report: report(2),
      findings: [row('a-10'), row('b-20')],
    });
    await scan({
      ...base,
      bundleDigest: digest('b'),
      generatedAt: '2026-07-02T00:00:00.000Z',
      report: report(1),
      findings: [row('a-33')],
    });
    await scan({
      ...base,
      bundleDigest: digest('c'),
      generatedAt: '2026-07-03T00:00:00.000Z',
      report: report(0),
      findings: [],
      filesScanned: 0,
    });
    await scan({
      ...base,
      bundleDigest: digest('d'),
      generatedAt: '2026-07-04T00:00:00.000Z',
      report: report(2),
      findings: [row('a-10'), row('c-1')],
    });
    await recompute();
    const life = (findings: Finding[]) =>
      findings.map(({ id, firstSeenAt, lastSeenAt, resolvedAt, scans }) => [
        id,
        firstSeenAt.slice(8, 10),
        lastSeenAt.slice(8, 10),
        resolvedAt?.slice(8, 10) ?? null,
        scans,
      ]);
    expect(life(await list('status=all'))).toEqual([
      ['a-10', '01', '04', null, 3],
      ['b-20', '01', '01', '02', 1],
      ['c-1', '04', '04', null, 1],
    ]);
    expect(life(await list('status=open')).map(([id]) => id)).toEqual(['a-10', 'c-1']);
    expect(life(await list('status=resolved')).map(([id]) => id)).toEqual(['b-20']);
    expect(await list('severity=low&status=all')).toEqual([]);
  });

  it('are resolved neither by a scan that counts findings without listing them nor by one that does not report their severity', async () => {
    const base = {
      repository: 'acme/floor',
      expectedBundleDigest: null,
      remediation: null,
      filesScanned: 2,
      supplyChain: null,
    };
    const counts = (over: object) => ({ total: 0, critical: 0, high: 0, medium: 0, low: 0, info: 0, ...over });
    const scored = (findings: object) => ({ score: { grade: 'D', numericScore: 50 }, findings });
    const low = row('low-1', { severity: 'low' });
    const states = async () => {
      await recompute();
      const { findings } = (
        await call<{ findings: Finding[] }>('GET', '/v1/findings?repository=acme%2Ffloor&status=all', as('viewer'))
      ).body;
      const open = await selectRows<{ finding_key: string }>(
        gateway.store.client,
        `SELECT finding_key FROM open_finding WHERE org_id = 'org_a' AND repo = 'acme/floor' ORDER BY finding_key`,
        {},
      );
      // The list of the boards and that of the API are one.
      expect(findings.filter(({ resolvedAt }) => resolvedAt === null).map(({ findingKey }) => findingKey)).toEqual(
        open.map(({ finding_key }) => finding_key),
      );
      return findings.map(({ id, resolvedAt }) => [id, resolvedAt?.slice(8, 10) ?? null]);
    };
    await scan({
      ...base,
      bundleDigest: digest('1'),
      generatedAt: '2026-07-01T00:00:00.000Z',
      report: scored(counts({ total: 2, high: 1, low: 1 })),
      findings: [row('high-1'), low],
    });
    expect(await states()).toEqual([
      ['high-1', null],
      ['low-1', null],
    ]);
    await scan({
      ...base,
      bundleDigest: digest('2'),
      generatedAt: '2026-07-02T00:00:00.000Z',
      report: scored(counts({ total: 2, high: 1, low: 1 })),
    });
    expect(await states()).toEqual([
      ['high-1', null],
      ['low-1', null],
    ]);
    await scan({
      ...base,
      bundleDigest: digest('3'),
      generatedAt: '2026-07-03T00:00:00.000Z',
      minSeverity: 'high',
      report: scored(counts({ total: 0 })),
      findings: [],
    });
    expect(await states()).toEqual([
      ['high-1', '03'],
      ['low-1', null],
    ]);
  });

  it('are listed in pages', async () => {
    const seen: string[] = [];
    for (let cursor: string | null = ''; cursor !== null;) {
      const page: { findings: Finding[]; nextCursor: string | null } = (
        await call<{ findings: Finding[]; nextCursor: string | null }>(
          'GET',
          `/v1/findings?repository=acme%2Flife&status=all&limit=2${cursor === '' ? '' : `&cursor=${cursor}`}`,
          as('viewer'),
        )
      ).body;
      seen.push(...page.findings.map(({ id }) => id));
      cursor = page.nextCursor;
    }
    expect(seen).toEqual(['a-10', 'b-20', 'c-1']);
    expect((await call<Refusal>('GET', '/v1/findings?cursor=made-up', as('viewer'))).body.error.field).toBe('cursor');
  });

  it('are accepted for a time by administrators, and reopen when it ends', async () => {
    const [first] = await list('status=open');
    const triage = (role: string, body: object) =>
      call('PUT', '/v1/repo/acme%2Flife/findings/triage', as(role), {
        findingKey: first?.findingKey,
        reason: 'known',
        ...body,
      });
    expect((await triage('member', { state: 'muted' })).status).toBe(403);
    expect((await triage('admin', { state: 'accepted' })).status).toBe(400);
    expect((await triage('admin', { state: 'accepted', until: '2020-01-01' })).status).toBe(400);
    const accepted = async (ms: number): Promise<string> => {
      const until = new Date(Date.now() + ms).toISOString();
      expect((await triage('admin', { state: 'accepted', until })).status).toBe(200);
      return until;
    };
    const until = await accepted(3_600_000);
    expect((await list('status=open'))[0]?.triage).toMatchObject({
      state: 'accepted',
      reason: 'known',
      until,
      setBy: 'member:admin',
    });
    await accepted(4_000);
    await expect.poll(async () => (await list('status=open'))[0]?.triage).toBeNull();
  });

  it('do not block while their acceptance lasts, in the API and on the boards', async () => {
    const base = {
      repository: 'acme/accepted',
      expectedBundleDigest: null,
      remediation: null,
      filesScanned: 2,
      supplyChain: null,
      policy: null,
      baseline: null,
    };
    await scan({
      ...base,
      bundleDigest: digest('7'),
      generatedAt: '2026-07-01T00:00:00.000Z',
      report: report(1),
      findings: [row('z-1')],
    });
    await recompute();
    const {
      findings: [found],
    } = (await call<{ findings: Finding[] }>('GET', '/v1/findings?repository=acme%2Faccepted', as('viewer'))).body;
    const triage = async (body: object): Promise<void> => {
      expect(
        (
          await call('PUT', '/v1/repo/acme%2Faccepted/findings/triage', as('admin'), {
            findingKey: found?.findingKey,
            reason: 'known',
            ...body,
          })
        ).status,
      ).toBe(200);
    };
    const routes = async () => {
      const { entries } = (await call<Fleet>('GET', '/v1/org/org_a/fleet', as('viewer'))).body;
      const board = await selectRows<{ route: string }>(
        gateway.store.client,
        `SELECT route FROM repo_route WHERE org_id = 'org_a' AND repo = 'acme/accepted'`,
        {},
      );
      const reviewItems = (await call<ReviewItem[]>('GET', '/v1/repo/acme%2Faccepted/review-items', as('viewer'))).body;
      return [
        entries.find(({ repository }) => repository === 'acme/accepted')?.route,
        ...board.map(({ route }) => route),
        ...reviewItems.map(({ route }) => route),
      ];
    };
    expect(await routes()).toEqual(['security-blocker', 'security-blocker', 'security-blocker']);
    await triage({ state: 'accepted', until: new Date(Date.now() + 3_600_000).toISOString() });
    await expect.poll(routes).toEqual(['ready', 'ready']);
    // Muted is out of sight, and still in the way.
    await triage({ state: 'muted' });
    await expect.poll(routes).toEqual(['security-blocker', 'security-blocker', 'security-blocker']);
  });

  it('stay muted until a person reopens them, and each change becomes a fact', async () => {
    const [, second] = await list('status=open');
    const triage = (state: string) =>
      call('PUT', '/v1/repo/acme%2Flife/findings/triage', as('admin'), {
        findingKey: second?.findingKey,
        reason: 'noise',
        state,
      });
    const state = async (): Promise<string | undefined> => (await list('status=open'))[1]?.triage?.state;
    expect((await triage('muted')).status).toBe(200);
    expect(await state()).toBe('muted');
    // It is still listed: what is muted is not gone.
    expect((await list('status=open')).map(({ id }) => id)).toEqual(['a-10', 'c-1']);
    expect((await triage('open')).status).toBe(200);
    expect(await state()).toBe('open');
    await expect
      .poll(() =>
        selectRows<{ states: string[] }>(
          gateway.store.client,
          `SELECT arrayMap(x -> x.2, arraySort(groupArray((occurred_at, toString(state))))) AS states FROM control_event WHERE org_id = 'org_a' AND kind = 'finding_triage' AND subject = {key:String}`,
          { key: second?.findingKey },
        ),
      )
      .toEqual([{ states: ['muted', 'open'] }]);
  });

  it('have a baseline: the newest scan and its findings', async () => {
    const set = await call<Baseline>('PUT', '/v1/repo/acme%2Flife/baseline', as('admin'), {});
    expect(set.body).toMatchObject({
      repository: 'acme/life',
      numericScore: 50,
      findingCount: 2,
      setBy: 'member:admin',
    });
    expect((await call<Baseline>('GET', '/v1/repo/acme%2Flife/baseline', as('viewer'))).body).toEqual(set.body);
    expect((await call('PUT', '/v1/repo/acme%2Flife/baseline', as('admin'), { scanId: 'scan_OTHER' })).status).toBe(
      409,
    );
  });

  it('are compared with the baseline by later scans, which mark new findings, with any scans in between', async () => {
    const repository = 'acme/since';
    const row = (id: string, severity: string) => ({ id, severity, category: 'mcp', title: id, file: '.mcp.json' });
    const show = async (
      fill: string,
      at: string,
      score: number,
      findings: object[],
      over: object = {},
    ): Promise<void> => {
      const tally = Object.fromEntries(
        ['critical', 'high', 'medium', 'low', 'info'].map((each) => [
          each,
          findings.filter((finding) => (finding as { severity: string }).severity === each).length,
        ]),
      );
      const report = { score: { grade: 'B', numericScore: score }, findings: { total: findings.length, ...tally } };
      expect(
        (
          await scan({
            repository,
            bundleDigest: digest(fill),
            expectedBundleDigest: null,
            remediation: null,
            generatedAt: at,
            filesScanned: 2,
            report,
            findings,
            ...over,
          })
        ).status,
      ).toBe(200);
      await recompute();
    };
    const panel = async (id: number): Promise<unknown[][]> => {
      const url = `/boards/api/boards/shieldwatch-repository/panels/${String(id)}?from=now-30d&to=now%2B1h&var-repo=acme%2Fsince`;
      const { status, body } = await call<{ rows: unknown[][] }>('GET', url, as('viewer'));
      expect([url, status, JSON.stringify(body).slice(0, 300)]).toEqual([url, 200, expect.anything()]);
      return body.rows;
    };
    /** By the API, and the board says the same. */
    const baseline = async (): Promise<Baseline['comparison']> => {
      const { comparison } = (await call<Baseline>('GET', '/v1/repo/acme%2Fsince/baseline', as('viewer'))).body;
      const { isRegression, notCompared, newFindings, resolvedFindings } = comparison;
      await drainOutbox(gateway.postgres, gateway.store.client);
      expect((await panel(14)).map(([verdict, why, ...counts]) => [verdict, why, ...counts.slice(0, 6)])).toEqual([
        [
          isRegression === true ? 'worse' : isRegression === null ? 'not compared' : 'not worse',
          notCompared === null ? '' : expect.stringContaining('another scheme'),
          comparison.newFindingsCount,
          comparison.newCriticalCount,
          comparison.newHighCount,
          comparison.resolvedFindingsCount,
          comparison.unchangedCount,
          comparison.scoreDelta,
        ],
      ]);
      const rowOf = (state: string) => (each: { severity: string; category: string; title: string; file: string }) => [
        state,
        each.severity,
        each.category,
        each.title,
        each.file,
        repository,
      ];
      expect(await panel(15)).toEqual([...newFindings.map(rowOf('new')), ...resolvedFindings.map(rowOf('gone'))]);
      return comparison;
    };
    const listed = async (query: string) =>
      (
        await call<{ findings: Finding[] }>('GET', `/v1/findings?repository=acme%2Fsince${query}`, as('viewer'))
      ).body.findings.map(({ id, isNewSinceBaseline }) => [id, isNewSinceBaseline]);
    await show('b1', '2026-06-20T10:00:00Z', 80, [row('mcp-stays-1', 'high'), row('mcp-goes-1', 'low')]);
    expect(await listed('')).toEqual([
      ['mcp-goes-1', null],
      ['mcp-stays-1', null],
    ]);
    expect(
      (await call<Refusal>('GET', '/v1/findings?repository=acme%2Fsince&sinceBaseline=new', as('viewer'))).body.error
        .field,
    ).toBe('sinceBaseline');
    expect([await panel(14), await panel(15)]).toEqual([[], []]);
    const set = await call<Baseline>('PUT', '/v1/repo/acme%2Fsince/baseline', as('admin'), {});
    await baseline();
    expect(set.body.comparison).toMatchObject({
      isRegression: false,
      newFindingsCount: 0,
      resolvedFindingsCount: 0,
      unchangedCount: 2,
      scoreDelta: 0,
      notCompared: null,
    });
    // Two scans later: what the first of them brought is new since the baseline too.
    await show('b2', '2026-06-20T11:00:00Z', 70, [
      row('mcp-stays-1', 'high'),
      row('mcp-first-1', 'critical'),
      row('mcp-goes-1', 'low'),
    ]);
    await show('b3', '2026-06-20T12:00:00Z', 60, [
      row('mcp-stays-77', 'high'),
      row('mcp-first-1', 'critical'),
      row('mcp-second-1', 'medium'),
    ]);
    const shown = await baseline();
    expect(shown).toMatchObject({
      isRegression: true,
      newFindingsCount: 2,
      resolvedFindingsCount: 1,
      unchangedCount: 1,
      scoreDelta: -20,
      newCriticalCount: 1,
      newHighCount: 0,
      generatedAt: '2026-06-20T12:00:00.000Z',
    });
    expect([shown.newFindings.map(({ id }) => id), shown.resolvedFindings.map(({ id }) => id)]).toEqual([
      ['mcp-first-1', 'mcp-second-1'],
      ['mcp-goes-1'],
    ]);
    expect(await listed('')).toEqual([
      ['mcp-first-1', true],
      ['mcp-second-1', true],
      ['mcp-stays-77', false],
    ]);
    expect(await listed('&sinceBaseline=new')).toEqual([
      ['mcp-first-1', true],
      ['mcp-second-1', true],
    ]);
    // One that reports less says nothing of what it does not report, nor of the score.
    await show('b4', '2026-06-20T13:00:00Z', 90, [row('mcp-stays-1', 'high')], { minSeverity: 'high' });
    expect(await baseline()).toMatchObject({
      newFindingsCount: 0,
      resolvedFindingsCount: 0,
      unchangedCount: 1,
      scoreDelta: null,
      isRegression: false,
    });
    // Keys of another scheme compare with nothing.
    await show('b5', '2026-06-20T14:00:00Z', 50, [
      { ...row('mcp-stays-1', 'high'), findingKey: 'mcp-stays|.mcp.json|sha256:no-evidence' },
    ]);
    expect(await baseline()).toMatchObject({
      newFindingsCount: null,
      scoreDelta: -30,
      isRegression: true,
      notCompared: expect.stringContaining('another scheme') as string,
    });
    expect(await listed('&status=all')).toEqual(expect.arrayContaining([['mcp-stays-1', null]]));
  });
});

describe('series', () => {
  const read = async (query: string) =>
    (await call<z.infer<typeof series>>('GET', `/v1/series/${query}`, as('viewer'))).body;

  it('are read by any bucket, filtered by dimension, in pages, and explained by their facts', async () => {
    const entries = Array.from({ length: 5 }, (_, i) => ({
      timestamp: `2026-11-20T10:0${String(i)}:00.000Z`,
      tool: i % 2 === 0 ? 'Bash' : 'Read',
      decision: i === 0 ? 'block' : 'allow',
    }));
    for (let twice = 0; twice < 2; twice += 1)
      await call('POST', '/v1/ingest/runtime', gateway.ingestToken, { repository: 'acme/series', entries });
    await call('POST', '/v1/ingest/drift', gateway.ingestToken, driftOfSpec({ repository: 'acme/series' }));
    await recompute();

    const window = 'repository=acme%2Fseries&from=2026-11-20&to=2026-11-21';
    const hours = await read(`blocked_command_rate?${window}&bucket=hour`);
    expect(hours).toMatchObject({ series: 'blocked_command_rate', bucket: 'hour', nextCursor: null });
    // Sent twice, counted once: Bash 1 blocked and 2 allowed, Read 2 allowed.
    expect(hours.points.map(({ repository, tool, allowed, blocked }) => [repository, tool, allowed, blocked])).toEqual([
      ['acme/series', 'Bash', 2, 1],
      ['acme/series', 'Read', 2, 0],
    ]);
    expect((await read(`blocked_command_rate?${window}&bucket=day&tool=Read`)).points).toHaveLength(1);
    const first = await read(`blocked_command_rate?${window}&limit=1`);
    const second = await read(`blocked_command_rate?${window}&limit=1&cursor=${first.nextCursor ?? ''}`);
    expect([first.points[0]?.['tool'], second.points[0]?.['tool'], second.nextCursor]).toEqual(['Bash', 'Read', null]);
    expect((await read('drift_history?repository=acme%2Fseries&from=2026-06-21&to=2026-06-22')).points).toMatchObject([
      { regressions: 1, scoreDeltaMin: -25 },
    ]);

    const explain = async (query: string) =>
      (await call<z.infer<typeof explanation>>('GET', `/v1/explain?repository=acme%2Fseries&${query}`, as('viewer')))
        .body;
    const point = await explain('series=blocked_command_rate&at=2026-11-20T10:00:00Z&tool=Bash');
    expect(point).toMatchObject({
      fact: 'runtime_event',
      total: 3,
      from: '2026-11-20T10:00:00.000Z',
      to: '2026-11-20T11:00:00.000Z',
    });
    expect(point.facts.map(({ decision }) => decision)).toEqual(['block', 'allow', 'allow']);
    // What was computed, of what: sent twice, so each of the hour's five was delivered once more.
    expect(point.duplicatesIgnored).toBe(5);
    expect(point.points.map(({ repository, tool, allowed, blocked }) => [repository, tool, allowed, blocked])).toEqual([
      ['acme/series', 'Bash', 2, 1],
      ['acme/series', 'Read', 2, 0],
    ]);
    expect(point.computed).toMatchObject([{ facts: 5, run: { cause: 'mark' } }]);
    expect(
      point.evidence.map(({ fact, count, duplicatesIgnored, rows, isCutOff }) => [
        fact,
        count,
        duplicatesIgnored,
        rows.length,
        isCutOff,
      ]),
    ).toEqual([['runtime_event', 5, 5, 5, false]]);
    expect(
      (await explain('series=coverage&at=2026-11-20T10:00:00Z&limit=2')).evidence.map(({ fact, count, isCutOff }) => [
        fact,
        count,
        isCutOff,
      ]),
    ).toEqual([
      ['scan', 0, false],
      ['runtime_event', 5, true],
      ['drift_event', 0, false],
      ['agent_event', 0, false],
    ]);
    const { body: list } = await call<{ series: { name: string; isExplained: boolean }[] }>(
      'GET',
      '/v1/series',
      as('viewer'),
    );
    for (const { name } of list.series.filter(({ isExplained }) => isExplained)) {
      expect(
        (await call('GET', `/v1/explain?repository=acme%2Fseries&series=${name}&at=2026-11-20T10:00:00Z`, as('viewer')))
          .status,
        name,
      ).toBe(200);
    }
    expect(list.series.filter(({ isExplained }) => isExplained).map(({ name }) => name)).toEqual(
      expect.arrayContaining(['coverage', 'cross_repo_org_rollup', 'finding_lifecycle']),
    );
  });

  it('refuse unknown names and invalid parameters by name', async () => {
    for (const [query, status] of [
      ['nothing', 404],
      ['score_trend?bucket=minute', 400],
      ['score_trend?tool=Bash', 400],
      ['score_trend?from=x', 400],
      ['score_trend?org_id=org_b', 400],
    ] as const) {
      const answer = await call<Refusal>('GET', `/v1/series/${query}`, as('viewer'));
      expect([query, answer.status]).toEqual([query, status]);
      expect(answer.body.error.message.length).toBeGreaterThan(10);
    }
    const { body } = await call<{ series: { name: string; buckets: string[] }[] }>('GET', '/v1/series', as('viewer'));
    expect(body.series.map(({ name }) => name)).toEqual(
      expect.arrayContaining([
        'score_trend',
        'drift_history',
        'blocked_command_rate',
        'injection_attempt_rate',
        'secret_exposure_events',
        'cross_repo_org_rollup',
      ]),
    );
    for (const { name, buckets } of body.series) {
      for (const bucket of ['', ...buckets])
        expect(
          (await call('GET', `/v1/series/${name}${bucket === '' ? '' : `?bucket=${bucket}`}`, as('viewer'))).status,
          `${name} ${bucket}`,
        ).toBe(200);
    }
  });

  it('of the organisation have the grade of the mean score, and are explained without a repository', async () => {
    const [point] = (await read('score_trend_org?from=2026-07-03&to=2026-07-04')).points;
    const [folded] = (await read('cross_repo_org_rollup?from=2026-07-03&to=2026-07-04')).points;
    expect(point).toMatchObject({
      repos: folded?.['repos'],
      scoreMean: folded?.['scoreMean'],
      grade: Number(folded?.['scoreMean']) >= 60 ? 'C' : 'D',
    });
    expect(
      (
        await call<z.infer<typeof explanation>>(
          'GET',
          '/v1/explain?series=cross_repo_org_rollup&at=2026-07-03T00:00:00Z',
          as('viewer'),
        )
      ).body.total,
    ).toBeGreaterThan(0);
    const refused = await call<Refusal>('GET', '/v1/explain?series=score_trend&at=2026-07-03T00:00:00Z', as('viewer'));
    expect([refused.status, refused.body.error.field]).toEqual([400, 'repository']);
  });

  it('include every episode that overlaps the window, and every repository that was scanned before its end', async () => {
    const report = (critical: number) => ({
      score: { grade: 'F', numericScore: 10 },
      findings: { total: critical, critical, high: 0, medium: 0, low: 0, info: 0 },
    });
    const base = {
      repository: 'acme/exposed',
      expectedBundleDigest: null,
      remediation: null,
      filesScanned: 2,
      supplyChain: null,
    };
    const secret = {
      id: 'secrets-hardcoded-1',
      severity: 'critical',
      category: 'secrets',
      title: 'Hardcoded key',
      file: 'CLAUDE.md',
    };
    await scan({
      ...base,
      bundleDigest: digest('5'),
      generatedAt: '2026-07-01T00:00:00.000Z',
      report: report(1),
      findings: [secret],
    });
    await recompute();
    const episodes = async (from: string, to: string) =>
      (await read(`secret_exposure_events?repository=acme%2Fexposed&from=2026-07-${from}&to=2026-07-${to}`)).points.map(
        ({ isOpen }) => isOpen,
      );
    expect([await episodes('10', '11'), await episodes('01', '02'), await episodes('29', '30')]).toEqual([
      [true],
      [true],
      [true],
    ]);
    await scan({
      ...base,
      bundleDigest: digest('6'),
      generatedAt: '2026-07-05T00:00:00.000Z',
      report: report(0),
      findings: [],
    });
    await recompute();
    expect([await episodes('04', '05'), await episodes('10', '11'), await episodes('01', '02')]).toEqual([
      [false],
      [],
      [false],
    ]);
    const days = (
      await read('secret_exposure_events?bucket=day&repository=acme%2Fexposed&from=2026-07-01&to=2026-07-06')
    ).points;
    expect(
      days.map(({ bucketStart, exposed, resolved }) => [(bucketStart as string).slice(8, 10), exposed, resolved]),
    ).toEqual([
      ['01', 1, 0],
      ['05', 0, 1],
    ]);
    expect((await read('repo_route?repository=acme%2Fexposed&from=2026-11-01&to=2026-11-02')).points).toMatchObject([
      { repository: 'acme/exposed', route: 'policy-review' },
    ]);
  });
});

describe('the record of a repository and of the organisation', () => {
  const link = async (name: string): Promise<unknown[]> =>
    (
      await call<{ repos: { repository: string; githubRepoId: string | null; defaultProvider: string | null }[] }>(
        'GET',
        '/v1/repos',
        as('viewer'),
      )
    ).body.repos
      .filter(({ repository }) => repository === name)
      .map(({ githubRepoId, defaultProvider }) => [githubRepoId, defaultProvider]);
  const trail = async (action: string): Promise<string[]> =>
    (await call<{ entries: { record: string }[] }>('GET', '/v1/audit?limit=1000', as('admin'))).body.entries
      .map(({ record }) => record)
      .filter((record) => record.includes(`"${action}"`));
  const fromActions = (name: string, id: unknown, fill: string, over: object = {}) =>
    scan({
      repository: name,
      bundleDigest: digest(fill),
      expectedBundleDigest: null,
      ciContext: null,
      ci: { provider: 'github-actions', github: { repository: name, repositoryId: id } },
      ...over,
    });

  it("takes GitHub's id from the first GitHub Actions scan that reports it, and keeps it", async () => {
    await fromActions('acme/linked', '4242', 'a1');
    await fromActions('acme/not-actions', '4242', 'a2', {
      ci: null,
      ciContext: { provider: 'local', githubRepositoryId: '4242' },
    });
    await fromActions('acme/no-number', "1' OR 1", 'a3');
    await linkFromScans(gateway.store.client, gateway.app.plane, 'org_a', 0);
    expect([await link('acme/linked'), await link('acme/not-actions'), await link('acme/no-number')]).toEqual([
      [['4242', 'github-actions']],
      [[null, 'local']],
      [[null, 'local']],
    ]);
    await fromActions('acme/linked', '666', 'a4', { generatedAt: '2026-06-20T00:00:00Z' });
    await linkFromScans(gateway.store.client, gateway.app.plane, 'org_a', 0);
    expect(await link('acme/linked')).toEqual([['4242', 'github-actions']]);
    expect((await trail('repo.link')).filter((record) => record.includes('acme/linked'))).toHaveLength(1);
  });

  it('is changed by an administrator, validated and audited', async () => {
    const change = (role: string, body: object) =>
      call<Refusal & { githubRepoId: string }>('PATCH', '/v1/repo/acme%2Flinked', as(role), body);
    expect([
      (await change('viewer', { githubRepoId: '7' })).status,
      (await change('member', { githubRepoId: '7' })).status,
    ]).toEqual([403, 403]);
    for (const body of [
      {},
      { githubRepoId: '0' },
      { githubRepoId: 7 },
      { githubRepoId: 'x' },
      { defaultProvider: 'jenkins' },
      { fullName: 'acme/other' },
    ])
      expect([body, (await change('admin', body)).status]).toEqual([body, 400]);
    expect((await change('admin', { githubRepoId: '7', defaultProvider: 'local' })).body).toMatchObject({
      githubRepoId: '7',
      defaultProvider: 'local',
      repository: 'acme/linked',
    });
    expect(await link('acme/linked')).toEqual([['7', 'local']]);
    expect((await change('admin', { githubRepoId: null })).body.githubRepoId).toBeNull();
    expect((await trail('repo.link')).filter((record) => record.includes('"by":"hand"'))).toHaveLength(2);
  });

  it("holds the organisation's GitHub login and whether it has SSO, which requires `enterprise`", async () => {
    const change = (body: object, role = 'owner') => call<Org & Refusal>('PATCH', '/v1/org/org_a', as(role), body);
    expect((await change({ githubOrgLogin: 'acme' }, 'admin')).status).toBe(403);
    for (const githubOrgLogin of ['', '-acme', 'acme-', 'a--b', 'a b', 'acme/app', '<b>', 'x'.repeat(40), 7])
      expect([githubOrgLogin, (await change({ githubOrgLogin })).status]).toEqual([githubOrgLogin, 400]);
    expect((await change({ githubOrgLogin: 'Acme-Inc' })).body).toMatchObject({
      githubOrgLogin: 'acme-inc',
      ssoEnabled: false,
    });
    await setPlan(gateway.app.plane, 'org_a', 'team');
    const refused = await change({ ssoEnabled: true });
    expect([refused.status, refused.body.error]).toEqual([
      403,
      expect.objectContaining({ code: 'plan_limit', field: 'ssoEnabled' }),
    ]);
    await setPlan(gateway.app.plane, 'org_a', 'enterprise');
    expect((await change({ ssoEnabled: true })).body).toMatchObject({ githubOrgLogin: 'acme-inc', ssoEnabled: true });
    expect((await change({ ssoEnabled: false, githubOrgLogin: null })).body).toMatchObject({
      githubOrgLogin: null,
      ssoEnabled: false,
    });
    await setPlan(gateway.app.plane, 'org_a', 'team');
    expect((await trail('org.change')).filter((record) => record.includes('"githubOrgLogin":"acme-inc"'))).toHaveLength(
      2,
    );
  });
});

describe('a plan', () => {
  it('allows 25 repositories, and refuses the next one with a reason and without storing anything', async () => {
    const used = (await call<Org>('GET', '/v1/org/org_a', as('viewer'))).body.repos.used;
    for (let i = used; i < 25; i += 1)
      expect((await call('POST', '/v1/repos', as('admin'), { repository: `acme/r${String(i)}` })).status).toBe(200);
    for (const send of [
      () => scan({ repository: 'acme/one-too-many' }),
      () => call('POST', '/v1/repos', as('admin'), { repository: 'acme/one-too-many' }),
    ]) {
      const refused = (await send()) as { status: number; body: unknown };
      expect(refused).toMatchObject({
        status: 403,
        body: {
          error: {
            code: 'plan_limit',
            message: 'the plan "team" allows 25 repositories and all are in use; remove one or change the plan',
          },
        },
      });
    }
    expect(await selectRows(gateway.store.client, `SELECT * FROM scan WHERE repo = 'acme/one-too-many'`)).toEqual([]);
    expect((await call<Org>('GET', '/v1/org/org_a', as('viewer'))).body.repos).toEqual({ used: 25, limit: 25 });
  });

  it('keeps telemetry for at most 90 days', async () => {
    const change = (retentionDays: number) =>
      call<Org & Refusal>('PATCH', '/v1/org/org_a', as('owner'), { retentionDays });
    expect((await change(91)).body.error.code).toBe('plan_limit');
    expect((await change(60)).body.retentionDays).toEqual({ used: 60, limit: 90 });
  });
});

describe('content', () => {
  it('is dropped until an owner opts in, which takes effect within a second', async () => {
    const prompt = 'a prompt about the weather';
    const send = async (service: string): Promise<void> => {
      const body = {
        resourceSpans: [
          {
            resource: { attributes: [{ key: 'service.name', value: { stringValue: service } }] },
            scopeSpans: [
              {
                spans: [
                  {
                    traceId: 'a'.repeat(32),
                    spanId: 'b'.repeat(16),
                    name: 'chat',
                    startTimeUnixNano: `${Date.now()}000000`,
                    endTimeUnixNano: `${Date.now()}000000`,
                    attributes: [{ key: 'gen_ai.input.messages', value: { stringValue: prompt } }],
                  },
                ],
              },
            ],
          },
        ],
      };
      expect((await call('POST', '/v1/traces', gateway.ingestToken, body)).status).toBe(200);
    };
    const kept = async (service: string): Promise<string[]> =>
      (
        await selectRows<{ content: string }>(
          gateway.store.client,
          `SELECT SpanAttributes['gen_ai.input.messages'] AS content FROM otel_traces WHERE ServiceName = '${service}'`,
        )
      ).map(({ content }) => content);
    await send('content-dropped');
    await expect.poll(() => kept('content-dropped')).toEqual(['']);

    expect((await call('PATCH', '/v1/org/org_a', as('admin'), { keepContent: true })).status).toBe(403);
    expect((await call<Org>('PATCH', '/v1/org/org_a', as('owner'), { keepContent: true })).body.keepContent).toBe(true);
    await expect
      .poll(async () => {
        await send('content-kept');
        return kept('content-kept');
      })
      .toContain(prompt);
    expect((await call<Org>('PATCH', '/v1/org/org_a', as('owner'), { keepContent: false })).body.keepContent).toBe(
      false,
    );
  });
});

describe('deletion', () => {
  const rows = async (where: string): Promise<Record<string, number>> => {
    const counts = await selectRows<{ t: string; n: number }>(
      gateway.store.client,
      ['otel_traces', 'otel_logs']
        .map(
          (table) =>
            `SELECT '${table}' AS t, count() AS n FROM ${table} WHERE OrgId = 'org_a' AND ${where.replaceAll('repo ', 'Repository ')}`,
        )
        .concat(
          [
            'scan_v1',
            'finding_v1',
            'runtime_event_v1',
            'drift_event_v1',
            'blocked_command_rate_v1',
            'repository_activity_v1',
          ].map(
            (table) => `SELECT '${table}' AS t, count() AS n FROM ${table} FINAL WHERE org_id = 'org_a' AND ${where}`,
          ),
        )
        .join(' UNION ALL '),
    );
    return Object.fromEntries(counts.filter(({ n }) => n > 0).map(({ t, n }) => [t, n]));
  };
  const finished = (id: string) =>
    expect.poll(async () => (await call<Purge>('GET', `/v1/purges/${id}`, as('admin'))).body.status).toBe('done');

  it('of a repository removes its landing rows, facts and series, and no others; an admin may not', async () => {
    expect(Object.keys(await rows(`repo = 'acme/life'`))).toEqual(
      expect.arrayContaining(['otel_traces', 'otel_logs', 'scan_v1', 'finding_v1']),
    );
    const other = await rows(`repo = 'acme/series'`);
    expect((await call('DELETE', '/v1/repo/acme%2Flife', as('admin'))).status).toBe(403);
    const { body } = await call<Purge>('DELETE', '/v1/repo/acme%2Flife', as('owner'));
    await finished(body.id);
    expect(await rows(`repo = 'acme/life'`)).toEqual({});
    expect(await rows(`repo = 'acme/series'`)).toEqual(other);
    expect((await call('GET', '/v1/repo/acme%2Flife/posture', as('viewer'))).status).toBe(404);
    const done = (await call<Purge>('GET', `/v1/purges/${body.id}`, as('admin'))).body;
    expect(done.progress.rowsRemoved).toBeGreaterThan(8);
    expect(done.progress.tables).toBe(done.progress.of);
  });

  it('of a token removes what it sent, including facts, and recomputes the series', async () => {
    const { id, token } = await machine('/v1/tokens', { name: 'leaked', scopes: ['ingest:runtime'] });
    const entries = [{ timestamp: '2026-11-20T10:30:00.000Z', tool: 'Write', decision: 'block' }];
    await call('POST', '/v1/ingest/runtime', token, { repository: 'acme/series', entries });
    await recompute();
    const blocked = () =>
      selectRows<{ n: number }>(
        gateway.store.client,
        `SELECT sum(blocked) AS n FROM blocked_command_rate_hour WHERE org_id = 'org_a' AND repo = 'acme/series'`,
      );
    expect(await blocked()).toEqual([{ n: 2 }]);
    const { body } = await call<Purge>('POST', '/v1/purges', as('owner'), { tokenId: id });
    await finished(body.id);
    await recompute();
    expect(await blocked()).toEqual([{ n: 1 }]);
    expect(
      await selectRows(gateway.store.client, `SELECT * FROM runtime_event WHERE org_id = 'org_a' AND tool = 'Write'`),
    ).toEqual([]);
  });

  it('of a time range removes the records of that range only', async () => {
    const { body } = await call<Purge>('POST', '/v1/purges', as('owner'), {
      from: '2026-11-20T10:00:00Z',
      to: '2026-11-20T10:02:00Z',
    });
    await finished(body.id);
    const left = await selectRows<{ n: number }>(
      gateway.store.client,
      `SELECT count() AS n FROM runtime_event WHERE org_id = 'org_a' AND repo = 'acme/series'`,
    );
    expect(left).toEqual([{ n: 3 }]);
  });

  it('is audited with all other decisions, and the audit trail verifies', async () => {
    const { entries } = (await call<{ entries: { record: string }[] }>('GET', '/v1/audit?limit=1000', as('admin')))
      .body;
    const actions = new Set(entries.map(({ record }) => (JSON.parse(record) as { action: string }).action));
    const expected = [
      'token.mint',
      'token.revoke',
      'token.rotate',
      'member.add',
      'member.remove',
      'review_item.open',
      'review_item.approve',
      'review_item.supersede',
      'finding.accept',
      'baseline.set',
      'repo.add',
      'repo.remove',
      'purge.request',
      'purge.finish',
      'access.denied',
      'org.change',
    ];
    expect(expected.filter((action) => !actions.has(action))).toEqual([]);
    expect((await call('GET', '/v1/audit/verify', as('admin'))).body).toMatchObject({
      ok: true,
      entries: entries.length,
    });
    const exported = await call('GET', '/v1/audit/export', as('admin'));
    expect(exported.text.trimEnd().split('\n')).toHaveLength(entries.length + 1);
    expect(exported.text).not.toMatch(/eccp_/);
  });
});
