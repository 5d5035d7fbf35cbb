import { afterAll, afterEach, beforeAll, describe, expect, inject, it, vi } from 'vitest';
import type { MintedToken, Token } from '#schemas/http/control.js';
import { isAtLeast, ROLES, type Role } from '#schemas/http/roles.js';
import { SCOPES, type Scope } from '#schemas/http/scopes.js';
import { policyItemOf } from './testing/review.js';
import { openSession } from './testing/session.js';
import { jsonHeaders, startGateway, type Refusal, type TestGateway } from './testing/gateway.js';

/**
 * Required for a route: any one of the scopes, and at least the role. Written by hand, so that it can contradict the
 * code.
 */
type Right = readonly [scopes: readonly Scope[], role: Role];

const SENDS: readonly Scope[] = ['ingest:scan', 'ingest:runtime', 'ingest:drift', 'ingest:otlp'];
const READS: Right = [['read'], 'viewer'];
const ADMIN: Right = [['admin'], 'admin'];
const OWNER: Right = [['admin'], 'owner'];

/** One row per route; a route without one fails. */
const RIGHTS: Readonly<Record<string, Right>> = {
  otlp_traces: [SENDS, 'member'],
  otlp_metrics: [SENDS, 'member'],
  otlp_logs: [SENDS, 'member'],
  ingestScan: [['ingest:scan'], 'member'],
  ingestRuntime: [['ingest:runtime'], 'member'],
  ingestDrift: [['ingest:drift'], 'member'],
  fleet: READS,
  listReviewItems: READS,
  changeReviewItem: [['admin'], 'member'],
  listReviewComments: READS,
  commentOnReviewItem: [['admin'], 'member'],
  posture: READS,
  listRepos: READS,
  addRepo: ADMIN,
  changeRepo: ADMIN,
  removeRepo: OWNER,
  mergeRepos: OWNER,
  listRepoMerges: ADMIN,
  showBaseline: READS,
  setBaseline: ADMIN,
  listSeries: READS,
  readSeries: READS,
  explain: READS,
  prometheusMetrics: READS,
  listFindings: READS,
  listToolCalls: READS,
  listDrills: READS,
  listSessions: READS,
  showSession: READS,
  showSessionTimeline: READS,
  triageFinding: ADMIN,
  showOrg: [['read', 'admin'], 'viewer'],
  changeOrg: OWNER,
  deleteOrg: OWNER,
  listMembers: [['admin'], 'member'],
  addMember: OWNER,
  changeMember: OWNER,
  removeMember: OWNER,
  listPurges: ADMIN,
  showPurge: ADMIN,
  requestPurge: OWNER,
  listTokens: ADMIN,
  mintToken: ADMIN,
  rotateToken: ADMIN,
  revokeToken: ADMIN,
  requestPolicyPromotion: [['ingest:scan', 'admin'], 'member'],
  listPolicyPromotions: READS,
  decidePolicyPromotion: OWNER,
  listAlerts: READS,
  explainAlert: READS,
  changeAlert: [['admin'], 'member'],
  showAlertRoutes: READS,
  replaceAlertRoutes: ADMIN,
  backtestAlerts: ADMIN,
  listAudit: ADMIN,
  exportAudit: ADMIN,
  verifyAudit: ADMIN,
  listDestinations: ADMIN,
  addDestination: ADMIN,
  removeDestination: ADMIN,
  testDestination: ADMIN,
  listDeliveries: ADMIN,
  showDelivery: ADMIN,
  resendDelivery: ADMIN,
};
/** Its secret is in the URL. */
const BY_ADDRESS = 'driftWebhook';
const BOARDS = [
  '/boards/api/boards',
  '/boards/api/boards/shieldwatch-fleet',
  '/boards/api/boards/shieldwatch-fleet/variables',
  '/boards/api/boards/shieldwatch-fleet/panels/1',
  '/boards/api/boards/shieldwatch-fleet/annotations/none',
];
const OPEN = [
  '/healthz',
  '/readyz',
  '/metrics',
  '/docs',
  '/openapi.json',
  '/boards/login',
  '/boards',
  '/boards/:uid',
  '/boards/assets/:name',
];

let gateway: TestGateway;
/** The owner who prepares what a test needs. */
let owner: string;
beforeAll(async () => {
  const open = { rate: 1e9, burst: 1e9 };
  gateway = await startGateway(inject('clickhouseUrl'), {
    quotas: { requests: open, bytes: open, entries: open, failures: open },
  });
  await machine('POST', '/v1/members', { login: 'first', role: 'owner' });
  owner = (
    await machine<MintedToken>('POST', '/v1/tokens', { name: 'first', scopes: ['read', 'admin'], member: 'first' })
  ).token;
});
afterAll(() => gateway.close());
afterEach(() => {
  vi.useRealTimers();
});

interface Answer<T> {
  status: number;
  body: T;
}

async function machine<T>(
  method: 'GET' | 'POST' | 'PATCH' | 'DELETE',
  url: string,
  body?: unknown,
  orgId = 'org_a',
): Promise<T> {
  const answer = await gateway.app.asMachine(orgId, method, url, body);
  expect(answer.status, `${url}: ${answer.body}`).toBe(200);
  return JSON.parse(answer.body) as T;
}

const answerTo = (token: string, method: string, url: string, body?: unknown) =>
  gateway.app.inject({
    method: method as 'GET',
    url,
    headers: body === undefined ? { authorization: `Bearer ${token}` } : jsonHeaders(token),
    ...(body === undefined ? {} : { payload: JSON.stringify(body) }),
  });
async function send<T = Refusal>(token: string, method: string, url: string, body?: unknown): Promise<Answer<T>> {
  const answer = await answerTo(token, method, url, body);
  return { status: answer.statusCode, body: answer.json<T>() };
}

const mint = (by: string, body: object): Promise<Answer<MintedToken>> =>
  send<MintedToken>(by, 'POST', '/v1/tokens', body);
async function member(login: string, role: Role): Promise<string> {
  await machine('POST', '/v1/members', { login, role });
  return (
    await machine<MintedToken>('POST', '/v1/tokens', {
      name: login,
      scopes: [...SCOPES].filter((scope) => scope !== 'webhook:drift'),
      member: login,
    })
  ).token;
}

/** Advances past the second for which tokens are cached. */
function passSecond(): void {
  vi.useFakeTimers({ toFake: ['Date'] });
  vi.setSystemTime(Date.now() + 1_001);
}

/** Sends a request that changes nothing to every route, and returns the status by route. */
async function statuses(token: string): Promise<Record<string, number>> {
  const found: Record<string, number> = {};
  for (const { id, method, url } of gateway.app.apiRoutes) {
    if (id === BY_ADDRESS) continue;
    const path = url.replace('{orgId}', 'org_a').replace(/\{\w+\}/g, 'none');
    found[id] = (await answerTo(token, method, path, method === 'GET' ? undefined : {})).statusCode;
  }
  return found;
}

/** Returns by route whether the token was admitted. */
async function letIn(token: string): Promise<Record<string, boolean>> {
  return Object.fromEntries(
    Object.entries(await statuses(token)).map(([id, status]) => [id, status !== 401 && status !== 403]),
  );
}
const expected = (role: Role, scopes: readonly Scope[]): Record<string, boolean> =>
  Object.fromEntries(
    Object.entries(RIGHTS).map(([id, [any, least]]) => [
      id,
      any.some((scope) => scopes.includes(scope)) && isAtLeast(role, least),
    ]),
  );

describe('the table of rights', () => {
  it('has a row for every route, and every other address is one of the boards or open to all', () => {
    expect([...Object.keys(RIGHTS), BY_ADDRESS].sort()).toEqual(gateway.app.apiRoutes.map(({ id }) => id).sort());
    const known = new Set([...gateway.app.apiRoutes.map(({ url }) => url.replaceAll(/\{(\w+)\}/g, ':$1')), ...OPEN]);
    const others = addressesOf(gateway.app.printRoutes({ commonPrefix: false })).filter((url) => !known.has(url));
    expect(others.sort()).toEqual(
      [
        ...new Set(
          BOARDS.map((url) => url.replace('shieldwatch-fleet', ':uid').replace(/1$/, ':id').replace('none', ':name')),
        ),
      ].sort(),
    );
  });

  it('lets a viewer change nothing', () => {
    const changing = gateway.app.apiRoutes
      .filter(({ method, id }) => method !== 'GET' && id !== BY_ADDRESS)
      .map(({ id }) => id);
    expect(changing.filter((id) => RIGHTS[id]?.[1] === 'viewer')).toEqual([]);
  });

  it('is what every role with every scope meets, and a token of no member', async () => {
    for (const role of ROLES) {
      await machine('POST', '/v1/members', { login: `one-${role}`, role });
      for (const scope of SCOPES) {
        const body = {
          name: 'one scope',
          scopes: [scope],
          member: `one-${role}`,
          ...(scope === 'webhook:drift' ? { repository: 'acme/hooked' } : {}),
        };
        const { token } = await machine<MintedToken>('POST', '/v1/tokens', body);
        expect([role, scope, await letIn(token)]).toEqual([role, scope, expected(role, [scope])]);
        if (scope === 'webhook:drift')
          expect((await send(token, 'POST', `/v1/webhooks/drift/${token}`, {})).status, role).toBe(
            role === 'viewer' ? 403 : 400,
          );
      }
    }
    for (const scope of SCOPES) {
      const { token } = await machine<MintedToken>('POST', '/v1/tokens', {
        name: 'of nobody',
        scopes: [scope],
        ...(scope === 'webhook:drift' ? { repository: 'acme/hooked' } : {}),
      });
      expect([scope, await letIn(token)]).toEqual([
        scope,
        expected(scope === 'admin' ? 'admin' : scope === 'read' ? 'viewer' : 'member', [scope]),
      ]);
    }
  }, 120_000);

  it('holds on the boards: who may read sees them', async () => {
    for (const scope of SCOPES.filter((each) => each !== 'webhook:drift')) {
      const { token } = await machine<MintedToken>('POST', '/v1/tokens', { name: 'boards', scopes: [scope] });
      for (const url of BOARDS) {
        const { statusCode } = await gateway.app.inject({ url, headers: { authorization: `Bearer ${token}` } });
        expect([url, scope, [401, 403].includes(statusCode)]).toEqual([url, scope, scope !== 'read']);
      }
    }
  });
});

describe('a token that ended', () => {
  const ALL: Scope[] = ['read', 'admin', ...SENDS];

  /** Ways in which a token ends, by name; each returns the token. */
  const ENDS: Readonly<Record<string, () => Promise<string>>> = {
    'was revoked': async () => {
      const { id, token } = (await mint(owner, { name: 't', scopes: ALL })).body;
      await send(owner, 'DELETE', `/v1/tokens/${id}`);
      return token;
    },
    expired: async () => {
      const { id, token } = (await mint(owner, { name: 't', scopes: ALL, expiresInDays: 1 })).body;
      await gateway.postgres.query("UPDATE token SET expires_at = now() - interval '1 second' WHERE id = $1", [id]);
      return token;
    },
    'was rotated without an overlap': async () => {
      const { id, token } = (await mint(owner, { name: 't', scopes: ALL })).body;
      expect((await send(owner, 'POST', `/v1/tokens/${id}/rotate`, { overlapHours: 0 })).status).toBe(200);
      return token;
    },
    'is of a member who was removed': async () => {
      const token = await member('leaves', 'owner');
      expect((await send(owner, 'DELETE', '/v1/members/leaves')).status).toBe(200);
      return token;
    },
    'was minted by a member who was removed': async () => {
      const token = (await mint(await member('minted-and-left', 'admin'), { name: 't', scopes: ALL })).body.token;
      expect((await send(owner, 'DELETE', '/v1/members/minted-and-left')).status).toBe(200);
      return token;
    },
    'was minted by a token that a removed member had minted': async () => {
      const service = (await mint(await member('grandparent', 'admin'), { name: 't', scopes: ['admin'] })).body.token;
      const token = (await mint(service, { name: 't', scopes: ALL })).body.token;
      expect((await send(owner, 'DELETE', '/v1/members/grandparent')).status).toBe(200);
      return token;
    },
    "is another member's, and was minted by one who was removed": async () => {
      await machine('POST', '/v1/members', { login: 'stays', role: 'admin' });
      const token = (await mint(await member('knew-it', 'owner'), { name: 't', scopes: ALL, member: 'stays' })).body
        .token;
      expect((await send(owner, 'DELETE', '/v1/members/knew-it')).status).toBe(200);
      return token;
    },
    'was minted by a token that was revoked': async () => {
      const parent = await machine<MintedToken>('POST', '/v1/tokens', { name: 'parent', scopes: ['admin'] });
      const between = (await mint(parent.token, { name: 't', scopes: ['admin'] })).body;
      const token = (await mint(between.token, { name: 't', scopes: ALL })).body.token;
      expect((await send(owner, 'DELETE', `/v1/tokens/${parent.id}`)).status).toBe(200);
      return token;
    },
    'was rotated by a token that was revoked': async () => {
      const thief = await machine<MintedToken>('POST', '/v1/tokens', { name: 'thief', scopes: ['admin'] });
      const target = await machine<MintedToken>('POST', '/v1/tokens', { name: 'target', scopes: ALL });
      const token = (await send<MintedToken>(thief.token, 'POST', `/v1/tokens/${target.id}/rotate`, {})).body.token;
      expect((await send(owner, 'DELETE', `/v1/tokens/${thief.id}`)).status).toBe(200);
      return token;
    },
    'is bound to a repository that was removed': async () => {
      await machine('POST', '/v1/repos', { repository: 'acme/removed' });
      const token = (await mint(owner, { name: 't', scopes: ['read', ...SENDS], repository: 'acme/removed' })).body
        .token;
      expect((await send(owner, 'DELETE', '/v1/repo/acme%2Fremoved')).status).toBe(200);
      return token;
    },
  };

  it.each(Object.entries(ENDS))('that %s opens nothing', async (_, end) => {
    const token = await end();
    passSecond();
    expect(Object.entries(await statuses(token)).filter(([, status]) => status !== 401)).toEqual([]);
  });

  it('with its organisation opens nothing, and the one that asked for it changes nothing more', async () => {
    await machine('POST', '/v1/members', { login: 'b', role: 'owner' }, 'org_b');
    const asking = await machine<MintedToken>(
      'POST',
      '/v1/tokens',
      { name: 'asks', scopes: ALL, member: 'b' },
      'org_b',
    );
    const other = await machine<MintedToken>('POST', '/v1/tokens', { name: 'other', scopes: ALL }, 'org_b');
    const headers = await openSession(gateway.app, 'org_b');
    expect((await gateway.app.inject({ url: '/v1/repos', headers })).statusCode).toBe(200);
    expect((await send(asking.token, 'DELETE', '/v1/org/org_b', { name: 'b' })).status).toBe(200);
    passSecond();
    for (const token of [other.token, gateway.otherToken])
      expect(Object.entries(await statuses(token)).filter(([, status]) => status !== 401)).toEqual([]);
    const routes = gateway.app.apiRoutes.filter(({ method, id }) => method !== 'GET' && id !== BY_ADDRESS);
    const left = await statuses(asking.token);
    expect(
      routes.map(({ id }) => [id, left[id]]).filter(([, status]) => status !== 409 && status !== 403 && status !== 401),
    ).toEqual([]);
    expect((await gateway.app.inject({ url: '/v1/repos', headers })).statusCode).toBe(401);
    const minted = await gateway.app.asMachine('org_b', 'POST', '/v1/tokens', { name: 'late', scopes: ['read'] });
    expect([minted.status, minted.body]).toEqual([409, expect.stringContaining('deleted')]);
  });
});

describe('a token', () => {
  it("of a demoted member, and one minted by them, has the member's present rights", async () => {
    const own = await member('demoted', 'owner');
    const minted = (await mint(own, { name: 'service', scopes: ['read', 'admin', ...SENDS] })).body.token;
    expect(await letIn(minted)).toEqual(expected('admin', ['read', 'admin', ...SENDS]));
    for (const role of ['member', 'viewer'] as const) {
      expect((await send(owner, 'PATCH', '/v1/members/demoted', { role })).status).toBe(200);
      passSecond();
      for (const token of [own, minted])
        expect(await letIn(token)).toEqual(expected(role, ['read', 'admin', ...SENDS]));
    }
  });

  it('that is rotated keeps its end of life, and its successor may not be made twice', async () => {
    const old = (await mint(owner, { name: 't', scopes: ['read'], expiresInDays: 2 })).body;
    const successor = await send<MintedToken>(owner, 'POST', `/v1/tokens/${old.id}/rotate`, { overlapHours: 720 });
    expect(successor.body.expiresAt).toBe(old.expiresAt);
    const again = await send(owner, 'POST', `/v1/tokens/${old.id}/rotate`, {});
    expect([again.status, again.body.error.message]).toEqual([409, expect.stringContaining(successor.body.id)]);
    const third = await send<MintedToken>(owner, 'POST', `/v1/tokens/${successor.body.id}/rotate`, {});
    expect(third.body.expiresAt).toBe(old.expiresAt);
    const { tokens } = (await send<{ tokens: Token[] }>(owner, 'GET', '/v1/tokens?limit=1000')).body;
    expect(tokens.find(({ id }) => id === third.body.id)?.expiresAt).toBe(old.expiresAt);
    // The overlap shortens the old token's life and never lengthens it.
    expect(tokens.find(({ id }) => id === successor.body.id)?.expiresAt ?? '').not.toBe('');
    expect(Date.parse(tokens.find(({ id }) => id === old.id)?.expiresAt ?? '')).toBeLessThanOrEqual(
      Date.parse(old.expiresAt ?? ''),
    );
  });

  it('mints none that outlives it, by any path', async () => {
    const brief = (await mint(owner, { name: 'brief', scopes: ['admin'], expiresInDays: 1 })).body;
    const end = Date.parse(brief.expiresAt ?? '');
    const long = await machine<MintedToken>('POST', '/v1/tokens', { name: 'long', scopes: ['admin'] });
    for (const { body } of [
      await mint(brief.token, { name: 'no end', scopes: ['admin'] }),
      await mint(brief.token, { name: 'late end', scopes: ['admin'], expiresInDays: 3_650 }),
      await send<MintedToken>(brief.token, 'POST', `/v1/tokens/${long.id}/rotate`, {}),
      await send<MintedToken>(brief.token, 'POST', `/v1/tokens/${brief.id}/rotate`, { overlapHours: 720 }),
    ])
      expect(Date.parse(body.expiresAt ?? '9999-01-01'), JSON.stringify(body)).toBeLessThanOrEqual(end);
  });

  it('keeps what it minted when it is rotated, and ends it when its successor is revoked', async () => {
    const parent = await machine<MintedToken>('POST', '/v1/tokens', { name: 'parent', scopes: ['admin'] });
    const child = (await mint(parent.token, { name: 'child', scopes: ['read'] })).body.token;
    const successor = (
      await send<MintedToken>(parent.token, 'POST', `/v1/tokens/${parent.id}/rotate`, { overlapHours: 1 })
    ).body;
    expect((await send(owner, 'DELETE', `/v1/tokens/${parent.id}`)).status).toBe(200);
    passSecond();
    expect((await send(child, 'GET', '/v1/repos')).status).toBe(200);
    expect((await send(successor.token, 'GET', '/v1/tokens')).status).toBe(200);
    expect((await send(owner, 'DELETE', `/v1/tokens/${successor.id}`)).status).toBe(200);
    passSecond();
    expect((await send(child, 'GET', '/v1/repos')).status).toBe(401);
  });

  it('that is bound to a repository is no administrator, however it came to be', async () => {
    const { id, token } = await machine<MintedToken>('POST', '/v1/tokens', {
      name: 't',
      scopes: ['read'],
      repository: 'acme/bound',
    });
    await gateway.postgres.query("UPDATE token SET scopes = '{read,admin}' WHERE id = $1", [id]);
    for (const url of ['/v1/tokens', '/v1/members', '/v1/audit', '/v1/audit/export', '/v1/audit/verify', '/v1/purges'])
      expect([url, (await send(token, 'GET', url)).status]).toEqual([url, 403]);
  });
});

describe('a policy review', () => {
  it('is decided by an owner only, under either of its ids; others can only reopen it', async () => {
    const { id, approvalId } = await policyItemOf(gateway, 'acme/policy-of-owner');
    const admin = await member('clears', 'admin');
    const decide = async (by: string, item: string, status: string): Promise<number> =>
      (await send(by, 'PATCH', `/v1/review-items/${item}`, { status })).status;
    for (const item of [id, approvalId])
      for (const status of ['approved', 'dismissed'])
        expect([status, await decide(admin, item, status)]).toEqual([status, 403]);
    expect(
      (await send<{ operatorReadback: { ready: boolean } }>(owner, 'GET', '/v1/org/org_a/fleet')).body.operatorReadback
        .ready,
    ).toBe(false);
    expect(await decide(owner, id, 'dismissed')).toBe(200);
    expect(await decide(admin, id, 'open')).toBe(200);
    expect(await decide(admin, id, 'dismissed')).toBe(403);
  });
});

/** Returns the paths that `printRoutes` lists. */
function addressesOf(tree: string): string[] {
  const path: string[] = [];
  return tree.split('\n').flatMap((line) => {
    const at = line.search(/[^\s│├└─]/);
    if (at < 0) return [];
    const [, part = '', methods] = /^(\S*?)(?: \(([A-Z, ]+)\))?$/.exec(line.slice(at).trim()) ?? [];
    path.length = at / 4;
    path[at / 4 - 1] = part;
    return methods === undefined ? [] : [path.join('')];
  });
}
