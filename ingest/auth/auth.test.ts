import { afterAll, afterEach, beforeAll, describe, expect, inject, it, vi } from 'vitest';
import { openPostgres } from '#schemas/postgres/client.js';
import { migratePostgres } from '#schemas/postgres/migrate.js';
import { createGateway } from '../app.js';
import { brokenPostgres, startGateway, type Refusal, type TestGateway } from '../testing/gateway.js';
import { createToken } from './token-format.js';
import { ensureFirstTokens, mintToken } from './tokens.js';

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

  it('answers 401 without a token, with a wrong one, a mistyped one, another scheme', async () => {
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

  it('is nowhere in the database', async () => {
    const rows = await gateway.postgres.query('SELECT * FROM token');
    expect(JSON.stringify(rows)).not.toContain('eccp_');
  });

  it('needs known scopes and a repository that fits in a header', async () => {
    const mint = (over: object) => mintToken(gateway.postgres, { orgId: 'org_a', name: 'x', scopes: ['read'], ...over });
    await expect(mint({ scopes: [] })).rejects.toThrow(/scopes/);
    await expect(mint({ scopes: ['root'] })).rejects.toThrow(/scopes/);
    await expect(mint({ repository: 'a\r\nb' })).rejects.toThrow(/ASCII/);
  });
});

describe('the very first start', () => {
  it('makes an organisation and two tokens, and later ones make nothing', async () => {
    const db = await openPostgres({});
    await migratePostgres(db);
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
  it('opens at the range that its link names, and at nothing else', async () => {
    const location = async (from: string): Promise<unknown> =>
      (await get(`/boards/login?code=${gateway.app.createLoginCode('org_a')}&from=${from}`)).headers.location;
    expect(await location('now-15m')).toBe('/boards?from=now-15m&to=now');
    expect(await location(encodeURIComponent('now-15m&x=//evil.example'))).toBe('/boards');
  });

  async function login(): Promise<string> {
    const answer = await get(`/boards/login?code=${gateway.app.createLoginCode('org_a')}`);
    expect([answer.statusCode, answer.headers.location]).toEqual([303, '/boards']);
    const cookie = String(answer.headers['set-cookie']);
    expect(cookie).toMatch(/HttpOnly; SameSite=Strict/);
    return cookie.split(';', 1)[0] ?? '';
  }

  it('reads, and does nothing else', async () => {
    const cookie = await login();
    expect((await get('/v1/repos', { cookie })).statusCode).toBe(200);
    const write = await gateway.app.inject({
      method: 'POST', url: '/v1/traces', headers: { cookie, 'sec-fetch-site': 'same-origin', 'content-type': 'application/json' },
    });
    expect(write.statusCode).toBe(403);
  });

  it('cannot be used to write from another origin', async () => {
    const cookie = await login();
    const from = async (headers: Record<string, string>) =>
      (await gateway.app.inject({ method: 'POST', url: '/v1/ingest/runtime', headers: { cookie, host: 'gw:4000', ...headers } })).json<Refusal>().error.message;
    const ownPages = 'a browser session works from our own pages only';
    expect(await from({})).toBe(ownPages);
    expect(await from({ origin: 'http://gw:3000' })).toBe(ownPages);
    expect(await from({ origin: 'http://gw:4000', 'sec-fetch-site': 'same-site' })).toBe(ownPages);
    expect(await from({ origin: 'http://gw:4000' })).not.toBe(ownPages);
  });

  it('opens with a code once, within ten minutes, and ends after twelve hours', async () => {
    vi.useFakeTimers({ toFake: ['Date'] });
    const code = gateway.app.createLoginCode('org_a');
    const first = await get(`/boards/login?code=${code}`);
    expect(first.statusCode).toBe(303);
    expect((await get(`/boards/login?code=${code}`)).statusCode).toBe(401);
    const late = gateway.app.createLoginCode('org_a');
    vi.setSystemTime(Date.now() + 600_001);
    expect((await get(`/boards/login?code=${late}`)).statusCode).toBe(401);
    const cookie = String(first.headers['set-cookie']).split(';', 1)[0] ?? '';
    vi.setSystemTime(Date.now() + 12 * 3_600_000);
    expect((await get('/v1/repos', { cookie })).statusCode).toBe(401);
  });

  it.each(['', '?code=', '?code=a&code=b', '?code=nonsense'])('does not open with %j', async (query) => {
    expect((await get(`/boards/login${query}`)).statusCode).toBe(401);
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
      method: 'POST', url: '/v1/logs?code=in-the-query', payload: 'in-the-body',
      headers: { authorization: `Bearer ${token}`, cookie: 'shieldwatch_session=in-the-cookie', 'content-type': 'application/json' },
    });
    const code = app.createLoginCode('org_a');
    await app.inject({ url: `/boards/login?code=${code}` });
    await app.close();
    const log = lines.join('');
    expect(log).toContain('/v1/logs');
    expect(log).toContain('store_unavailable');
    for (const secret of [token, 'in-the-query', 'in-the-body', 'in-the-cookie', code, 'quoting-a-row']) expect(log).not.toContain(secret);
  });
});
