import { afterAll, afterEach, beforeAll, describe, expect, inject, it, vi } from 'vitest';
import { freshPostgres } from '#schemas/testing/postgres.js';
import { HEADER_SESSION_KEY } from '#schemas/semconv.js';
import { createGateway } from '../app.js';
import { brokenPostgres, startGateway, type Refusal, type TestGateway } from '../testing/gateway.js';
import { DEFAULT_QUOTAS } from '../limits/install.js';
import { openSession, openTokenSession, sendLoginForm, type SessionHeaders } from '../testing/session.js';
import { createToken } from './token-format.js';
import { ensureFirstTokens } from '../control/first-tokens.js';
import { mintToken } from './tokens.js';

let gateway: TestGateway;
beforeAll(async () => {
  gateway = await startGateway(inject('clickhouseUrl'));
});
afterAll(() => gateway.close());
afterEach(() => {
  vi.useRealTimers();
});

const get = (url: string, headers: Record<string, string> = {}) => gateway.app.inject({ method: 'GET', url, headers });
const bearer = (token: string) => ({ authorization: `Bearer ${token}` });

const PROTECTED: [method: 'GET' | 'POST', url: string][] = [
  ['POST', '/v1/traces'],
  ['POST', '/v1/metrics'],
  ['POST', '/v1/logs'],
  ['POST', '/v1/ingest/runtime'],
  ['GET', '/v1/repos'],
  ['GET', '/v1/repo/acme%2Fx/posture'],
];

describe.each(PROTECTED)('%s %s', (method, url) => {
  const send = (headers: Record<string, string>) => gateway.app.inject({ method, url, headers });

  it('answers 401 without a token and with a wrong token, a mistyped token or another scheme', async () => {
    const cases: [Record<string, string>, string][] = [
      [{}, 'token_missing'],
      [bearer(createToken()), 'token_invalid'],
      [bearer('eccp_nonsense'), 'token_invalid'],
      [bearer(`eccp_${'a'.repeat(36)}`), 'token_invalid'],
      [{ authorization: 'Basic YTpi' }, 'token_invalid'],
      [{ authorization: '' }, 'token_invalid'],
    ];
    for (const [headers, code] of cases) {
      const answer = await send(headers);
      expect([answer.statusCode, answer.json<Refusal>().error.code]).toEqual([401, code]);
      expect(answer.headers['www-authenticate']).toMatch(/^Bearer/);
    }
  });

  it('answers 403 when the scope is missing', async () => {
    const answer = await send(bearer(method === 'GET' ? gateway.ingestToken : gateway.readToken));
    expect([answer.statusCode, answer.json<Refusal>().error.code]).toEqual([403, 'scope_missing']);
  });

  it('answers 503, not 401, when the database cannot be asked', async () => {
    const broken = await createGateway({
      clickhouse: gateway.store.client,
      postgres: brokenPostgres('row: secret'),
    });
    const answer = await broken.inject({ method, url, headers: bearer(createToken()) });
    expect([answer.statusCode, answer.json<Refusal>().error.code]).toEqual([503, 'store_unavailable']);
    expect(Number(answer.headers['retry-after'])).toBeGreaterThan(0);
    expect(answer.body).not.toContain('secret');
    await broken.close();
  });
});

describe('a token', () => {
  it('works no longer than a second after it was revoked', async () => {
    vi.useFakeTimers({ toFake: ['Date'] });
    const { id, token } = await mintToken(gateway.postgres, { orgId: 'org_a', name: 'soon gone', scopes: ['read'] });
    expect((await get('/v1/repos', bearer(token))).statusCode).toBe(200);
    await gateway.postgres.query('UPDATE token SET revoked_at = now() WHERE id = $1', [id]);
    vi.setSystemTime(Date.now() + 1_001);
    expect((await get('/v1/repos', bearer(token))).statusCode).toBe(401);
  });

  it('is stored nowhere in the database', async () => {
    const rows = await gateway.postgres.query('SELECT * FROM token');
    expect(JSON.stringify(rows)).not.toContain('eccp_');
  });

  it('needs known scopes and a repository that fits in a header', async () => {
    const mint = (over: object) =>
      mintToken(gateway.postgres, { orgId: 'org_a', name: 'x', scopes: ['read'], ...over });
    await expect(mint({ scopes: [] })).rejects.toThrow(/scopes/);
    await expect(mint({ scopes: ['root'] })).rejects.toThrow(/scopes/);
    await expect(mint({ repository: 'a\r\nb' })).rejects.toThrow(/ASCII/);
  });
});

describe('the very first start', () => {
  it('makes an organisation and two tokens; later starts make nothing', async () => {
    const db = await freshPostgres();
    const first = await ensureFirstTokens(db);
    expect(first?.orgId).toBe('org_local');
    expect(await ensureFirstTokens(db)).toBeUndefined();
    expect(await db.query('SELECT scopes FROM token ORDER BY name')).toEqual([
      { scopes: ['ingest:scan', 'ingest:runtime', 'ingest:drift', 'ingest:otlp'] },
      { scopes: ['read'] },
    ]);
    await db.close();
  });
});

describe('a browser session', () => {
  const link = (): string => gateway.app.createLoginLink('org_a').split('#', 1)[0] ?? '';

  it('opens at the time range of its link and takes nothing else from it', async () => {
    const location = async (from: string): Promise<unknown> => (await get(`${link()}&from=${from}`)).headers.location;
    expect(await location('now-15m')).toBe('/boards?from=now-15m&to=now');
    expect(await location(encodeURIComponent('now-15m&x=//evil.example'))).toBe('/boards');
    expect(await location(encodeURIComponent('now-15m#key=forged'))).toBe('/boards');
  });

  it('can only read', async () => {
    const session = await openSession(gateway.app, 'org_a');
    expect((await get('/v1/repos', session)).statusCode).toBe(200);
    for (const { id, method, url } of gateway.app.apiRoutes.filter(
      (route) => route.method !== 'GET' && route.id !== 'driftWebhook',
    )) {
      const answer = await gateway.app.inject({
        method,
        url: url.replace('{orgId}', 'org_a').replace(/\{\w+\}/g, 'none'),
        headers: { ...session, 'sec-fetch-site': 'same-origin', 'content-type': 'application/json' },
        payload: '{}',
      });
      expect([id, answer.statusCode]).toEqual([id, 403]);
    }
  });

  it('has an HttpOnly, SameSite=Strict cookie that alone opens no address', async () => {
    const [address = '', key = ''] = gateway.app.createLoginLink('org_a').split('#key=');
    const opened = await get(address);
    expect(opened.headers['set-cookie']).toMatch(
      /^shieldwatch_session=[\w-]{43}; Path=\/; HttpOnly; SameSite=Strict; Max-Age=43200$/,
    );
    // The cookie is not derived from the key, and the key is in nothing that a server receives.
    expect(JSON.stringify(opened.headers)).not.toContain(key);
    const { cookie } = await openSession(gateway.app, 'org_a');
    const other = await openSession(gateway.app, 'org_a');
    const keys: Record<string, string>[] = [
      {},
      { [HEADER_SESSION_KEY]: '' },
      { [HEADER_SESSION_KEY]: key },
      { [HEADER_SESSION_KEY]: cookie.split('=')[1] ?? '' },
      { [HEADER_SESSION_KEY]: other[HEADER_SESSION_KEY] ?? '' },
    ];
    const addresses = [
      ...gateway.app.apiRoutes
        .filter(({ method }) => method === 'GET')
        .map(({ url }) => url.replace('{orgId}', 'org_a').replace(/\{\w+\}/g, 'none')),
      '/boards/api/boards',
      '/boards/api/boards/shieldwatch-fleet',
      '/boards/api/boards/shieldwatch-fleet/variables',
      '/boards/api/boards/shieldwatch-fleet/panels/1',
    ];
    for (const url of addresses)
      for (const headers of keys) {
        const answer = await get(url, { cookie, ...headers });
        expect([url, answer.statusCode, answer.json<Refusal>().error.code]).toEqual([url, 401, 'token_missing']);
      }
    // Nor does the key alone, or the key in a URL.
    expect((await get('/v1/repos', { [HEADER_SESSION_KEY]: other[HEADER_SESSION_KEY] ?? '' })).statusCode).toBe(401);
    expect((await get(`/v1/repos?key=${other[HEADER_SESSION_KEY] ?? ''}`, { cookie: other.cookie })).statusCode).toBe(
      401,
    );
    expect((await get('/v1/repos', other)).statusCode).toBe(200);
  });

  it('opens once per code within ten minutes, and ends after twelve hours', async () => {
    vi.useFakeTimers({ toFake: ['Date'] });
    const code = link();
    // A HEAD request does not use up the link.
    await gateway.app.inject({ method: 'HEAD', url: code });
    expect((await get(code)).statusCode).toBe(303);
    expect((await get(code)).statusCode).toBe(401);
    const late = link();
    const session = await openSession(gateway.app, 'org_a');
    vi.setSystemTime(Date.now() + 600_001);
    expect((await get(late)).statusCode).toBe(401);
    expect((await get('/v1/repos', session)).statusCode).toBe(200);
    vi.setSystemTime(Date.now() + 12 * 3_600_000);
    expect((await get('/v1/repos', session)).statusCode).toBe(401);
  });

  it.each(['?code=', '?code=a&code=b', '?code=nonsense'])('does not open with %j', async (query) => {
    const answer = await get(`/boards/login${query}`);
    expect([answer.statusCode, answer.headers['set-cookie']]).toEqual([401, undefined]);
    expect(answer.body).toContain('This link is unknown, used or older than ten minutes.');
  });

  it('is not ended by sessions that another organisation opens', async () => {
    const session = await openSession(gateway.app, 'org_a');
    for (let count = 0; count < 300; count += 1) await openSession(gateway.app, 'org_b');
    expect((await get('/v1/repos', session)).statusCode).toBe(200);
  });
});

describe('a session that a token opened', () => {
  const mint = (over: Partial<Parameters<typeof mintToken>[1]> = {}) =>
    mintToken(gateway.postgres, { orgId: 'org_a', name: 'boards', scopes: ['read', 'admin'], ...over });
  const repos = async (session: SessionHeaders): Promise<number> => (await get('/v1/repos', session)).statusCode;

  it('can only read, for any scopes of the token', async () => {
    const { token } = await mint();
    const answer = await sendLoginForm(gateway.app, ` ${token} `);
    expect([answer.statusCode, answer.headers.location]).toEqual([
      303,
      expect.stringMatching(/^\/boards#key=[\w-]{43}$/),
    ]);
    expect(JSON.stringify([answer.headers, answer.body])).not.toContain(token);
    const session = await openTokenSession(gateway.app, token);
    expect(await repos(session)).toBe(200);
    expect((await get('/v1/tokens', session)).statusCode).toBe(403);
    expect((await get('/v1/repos', { cookie: session.cookie })).statusCode).toBe(401);
  });

  it('ends with its token, revoked, expired or of a deleted organisation', async () => {
    vi.useFakeTimers({ toFake: ['Date'] });
    const ends = [
      (id: string) => gateway.postgres.query('UPDATE token SET revoked_at = now() WHERE id = $1', [id]),
      (id: string) =>
        gateway.postgres.query("UPDATE token SET expires_at = now() - interval '1 second' WHERE id = $1", [id]),
      (id: string) => gateway.postgres.query("UPDATE token SET scopes = '{ingest:scan}' WHERE id = $1", [id]),
      () => gateway.postgres.query("UPDATE org SET deleted_at = now() WHERE id = 'org_a'"),
    ];
    try {
      for (const end of ends) {
        const { id, token } = await mint();
        const session = await openTokenSession(gateway.app, token);
        expect(await repos(session)).toBe(200);
        await end(id);
        vi.setSystemTime(Date.now() + 1_001);
        expect(await repos(session)).toBe(401);
      }
      expect((await sendLoginForm(gateway.app, (await mint()).token)).headers.location).toBe(
        '/boards/login?refused=token',
      );
    } finally {
      await gateway.postgres.query("UPDATE org SET deleted_at = NULL WHERE id = 'org_a'");
    }
  });

  it.each([
    ['nonsense', 'token'],
    ['', 'token'],
    [`eccp_${'a'.repeat(36)}`, 'token'],
  ])('does not open by %j', async (token, refused) => {
    const answer = await sendLoginForm(gateway.app, token);
    expect([answer.statusCode, answer.headers.location, answer.headers['set-cookie']]).toEqual([
      303,
      `/boards/login?refused=${refused}`,
      undefined,
    ]);
  });

  it('does not open by a token without scope read', async () => {
    for (const token of [
      gateway.ingestToken,
      (await mint({ scopes: ['admin'] })).token,
      (await mint({ scopes: ['webhook:drift'], repository: 'acme/hooked' })).token,
    ]) {
      const { headers } = await sendLoginForm(gateway.app, token);
      expect([headers.location, headers['set-cookie']]).toEqual(['/boards/login?refused=scope', undefined]);
    }
  });

  it('opens only by the form of our own page, and by no token in a URL', async () => {
    for (const headers of [
      {},
      { 'sec-fetch-site': 'same-site', origin: 'http://localhost:80' },
      { 'sec-fetch-site': 'cross-site' },
      { origin: 'null' },
      { origin: 'http://localhost:3000' },
    ] as Record<string, string>[]) {
      const answer = await sendLoginForm(gateway.app, gateway.readToken, headers);
      expect([headers, answer.statusCode, answer.headers['set-cookie']]).toEqual([headers, 403, undefined]);
    }
    expect((await sendLoginForm(gateway.app, gateway.readToken, { origin: 'http://localhost:80' })).statusCode).toBe(
      303,
    );
    for (const name of ['token', 'code'])
      expect((await get(`/boards/login?${name}=${gateway.readToken}`)).headers['set-cookie']).toBeUndefined();
    const json = await gateway.app.inject({
      method: 'POST',
      url: '/boards/login',
      headers: { 'content-type': 'application/json', 'sec-fetch-site': 'same-origin' },
      payload: JSON.stringify({ token: gateway.readToken }),
    });
    expect(json.statusCode).toBe(415);
    const large = await sendLoginForm(gateway.app, 'x'.repeat(2_000));
    expect(large.statusCode).toBe(413);
  });

  it("counts failed logins as guesses, and reads against the token's quota", async () => {
    vi.useFakeTimers({ toFake: ['Date'] });
    const { burst } = DEFAULT_QUOTAS.failures;
    const guess = async () =>
      (await sendLoginForm(gateway.app, createToken(), { 'sec-fetch-site': 'same-origin' }, '192.0.2.1')).statusCode;
    const guesses = new Set<number>();
    for (let count = 0; count < burst; count += 1) guesses.add(await guess());
    expect([[...guesses], await guess()]).toEqual([[303], 429]);

    const session = await openTokenSession(gateway.app, (await mint()).token);
    const read = async () => (await get('/boards/api/boards/none', session)).statusCode;
    const reads = new Set<number>();
    for (let count = 0; count < DEFAULT_QUOTAS.requests.burst; count += 1) reads.add(await read());
    expect([[...reads], await read()]).toEqual([[404], 429]);
  });
});

describe('the log', () => {
  it('holds no token, cookie, code, body or words of a database', async () => {
    const lines: string[] = [];
    const postgres = brokenPostgres('quoting-a-row');
    const app = await createGateway({
      clickhouse: gateway.store.client,
      postgres,
      logger: { level: 'trace', stream: { write: (line: string) => void lines.push(line) } },
    });
    const token = createToken();
    await app.inject({
      method: 'POST',
      url: '/v1/logs?code=in-the-query',
      payload: 'in-the-body',
      headers: {
        authorization: `Bearer ${token}`,
        cookie: 'shieldwatch_session=in-the-cookie',
        'content-type': 'application/json',
      },
    });
    const [, code = '', key = ''] = /code=(.+)#key=(.+)/.exec(app.createLoginLink('org_a')) ?? [];
    await app.inject({ url: `/boards/login?code=${code}` });
    await app.inject({
      url: '/v1/repos',
      headers: { cookie: 'shieldwatch_session=in-the-cookie', [HEADER_SESSION_KEY]: key },
    });
    const typed = createToken();
    await sendLoginForm(app, typed);
    await app.close();
    const log = lines.join('');
    expect(log).toContain('/v1/logs');
    expect(log).toContain('store_unavailable');
    for (const secret of [token, 'in-the-query', 'in-the-body', 'in-the-cookie', code, key, typed, 'quoting-a-row'])
      expect(log).not.toContain(secret);
  });
});
