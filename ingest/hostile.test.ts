import { createConnection } from 'node:net';
import { deflateSync, gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { inOrg } from '#schemas/postgres/session.js';
import type { RouteSpec } from './api/route.js';
import { mintToken } from './auth/tokens.js';
import { driftOfSpec, scanOfSpec } from './testing/bodies.js';
import { jsonHeaders, startGateway, type Refusal, type TestGateway } from './testing/gateway.js';

const MIB = 1024 * 1024;
const open = { rate: 1e12, burst: 1e12 };

let gateway: TestGateway;
let webhook: string;
/** A token with access to every route except the webhook. */
let owner: string;
beforeAll(async () => {
  gateway = await startGateway(inject('clickhouseUrl'), {
    quotas: { requests: open, bytes: open, entries: open, failures: open },
  });
  await gateway.app.asMachine('org_b', 'POST', '/v1/members', { login: 'first', role: 'owner' });
  const scopes = ['read', 'admin', 'ingest:scan', 'ingest:runtime', 'ingest:drift', 'ingest:otlp'];
  owner = (
    JSON.parse(
      (await gateway.app.asMachine('org_b', 'POST', '/v1/tokens', { name: 'first', scopes, member: 'first' })).body,
    ) as { token: string }
  ).token;
  webhook = (
    await inOrg(gateway.postgres, 'org_b', (tx) =>
      mintToken(tx, { orgId: 'org_b', name: 'w', scopes: ['webhook:drift'], repository: 'acme/app' }),
    )
  ).token;
});
afterAll(() => gateway.close());

interface Attack {
  readonly body: string | Buffer;
  readonly headers?: Readonly<Record<string, string>>;
}

const MARKUP = '<img src=x onerror=alert(1)>';
const nested = (depth: number, one: string, other: string): string => one.repeat(depth) + other.repeat(depth);
/** List fields of OTLP and of the reports, as long as a body may be and longer. */
const LISTS = ['resourceSpans', 'resourceLogs', 'resourceMetrics', 'entries', 'findings', 'newFindings'];

/** Bodies that can never succeed, on any route. */
const ATTACKS: Readonly<Record<string, readonly Attack[]>> = {
  'prototype keys': [
    { body: '{"__proto__":{"polluted":1},"constructor":{"prototype":{"polluted":1}},"prototype":{"polluted":1}}' },
    ...LISTS.map((name) => ({
      body: `{"${name}":[{"__proto__":{"polluted":1},"constructor":{"prototype":{"polluted":1}}}],"__proto__":{"repository":"acme/app"}}`,
    })),
  ],
  'duplicate keys': [
    { body: '{"name":"a","name":{},"repository":"acme/app","repository":[]}' },
    ...LISTS.map((name) => ({ body: `{"${name}":[],"${name}":{},"${name}":[0]}` })),
  ],
  'markup in names': [
    { body: JSON.stringify({ [MARKUP]: MARKUP, name: { [MARKUP]: 1 } }) },
    { body: JSON.stringify({ [`${MARKUP}\r\nx-injected: 1`]: [MARKUP] }) },
  ],
  '1,000 levels': [
    { body: nested(1_000, '[', ']') },
    { body: `{"a":${nested(1_000, '{"a":', '}').replace('}', '1}')}}` },
    ...LISTS.map((name) => ({ body: `{"${name}":${nested(1_000, '[', ']')}}` })),
  ],
  // A million numbers are within the bounds, a million objects are not.
  'a million entries': [
    ...LISTS.map((name) => ({ body: `{"${name}":[${'0,'.repeat(999_990)}0]}` })),
    { body: `{"entries":[${'{},'.repeat(999_990)}{}]}` },
  ],
  'a byte order mark': [{ body: '\ufeff[]' }, { body: '\ufeff{"nothing":1}' }],
  'NaN and the like': [
    'NaN',
    '{"a":NaN}',
    '{"a":Infinity}',
    '{"a":0x10}',
    '{"a":01}',
    "{'a':1}",
    '{"a":1,}',
    '\u0000',
    '{"a":"\u0001"}',
  ].map((body) => ({ body })),
  'unknown encodings': ['br', 'zstd', 'gzip, gzip', 'gzip;q=1', 'x', '__proto__'].map((encoding) => ({
    body: '{}',
    headers: { 'content-encoding': encoding },
  })),
  'encodings that lie': ['gzip', 'deflate'].map((encoding) => ({
    body: '{}',
    headers: { 'content-encoding': encoding },
  })),
  bombs: [
    { body: gzipSync(Buffer.alloc(80 * MIB)), headers: { 'content-encoding': 'gzip' } },
    { body: deflateSync(Buffer.alloc(80 * MIB)), headers: { 'content-encoding': 'deflate' } },
    { body: gzipSync(gzipSync(Buffer.alloc(MIB))), headers: { 'content-encoding': 'gzip' } },
    { body: gzipSync('['.repeat(7 * MIB)), headers: { 'content-encoding': 'gzip' } },
  ],
  'other media types': [
    '',
    'text/plain',
    'application/x-www-form-urlencoded',
    'multipart/form-data; boundary=',
    'application/jsonx',
    'application/json;charset=utf-16',
  ].map((type) => ({ body: Buffer.from('{}', 'utf16le'), headers: { 'content-type': type } })),
  'bytes that are no text': [
    { body: Buffer.from([0xff, 0xfe, 0x7b, 0x7d]) },
    { body: Buffer.from([0x7b, 0x22, 0xc3, 0x28, 0x22, 0x3a, 0x31, 0x7d]) },
    { body: Buffer.alloc(0) },
  ],
};

/** Statuses after which a client retries. */
const RETRYABLE = new Set([408, 425, 429, 500, 502, 503, 504]);
const pathOf = (route: RouteSpec): string =>
  route.url
    .replace('{secret}', webhook)
    .replace('{orgId}', 'org_b')
    .replace(/\{\w+\}/g, 'none');
const takesBody = (route: RouteSpec): boolean => route.body !== undefined || route.rawBody !== undefined;

describe('every address', () => {
  it.each(Object.keys(ATTACKS))(
    'refuses %s without Retry-After or accepts it, and leaves Object.prototype unchanged',
    async (name) => {
      const before = Reflect.ownKeys(Object.prototype).length;
      const attacks = ATTACKS[name] ?? [];
      let sent = 0;
      for (const route of gateway.app.apiRoutes.filter(takesBody)) {
        const token = route.identify === undefined ? owner : '';
        // What is too large for a route is so in every form.
        const some =
          (route.bodyLimit ?? 0) < MIB
            ? attacks.filter(({ body }, index) => index === 0 || body.length < MIB)
            : attacks;
        await Promise.all(
          some.map(async ({ body, headers }) => {
            const answer = await gateway.app.inject({
              method: route.method,
              url: pathOf(route),
              payload: body,
              headers: { ...(token === '' ? { 'content-type': 'application/json' } : jsonHeaders(token)), ...headers },
            });
            const what = `${route.method} ${route.url}: ${body.toString('latin1', 0, 60)}`;
            expect(
              RETRYABLE.has(answer.statusCode),
              `${what}: ${String(answer.statusCode)} ${answer.body.slice(0, 200)}`,
            ).toBe(false);
            expect(answer.headers, what).toMatchObject({
              'x-content-type-options': 'nosniff',
              'content-type': expect.stringContaining('application/json') as unknown,
            });
            for (const header of ['retry-after', 'x-injected']) expect(answer.headers[header], what).toBeUndefined();
            sent += 1;
          }),
        );
      }
      expect(sent).toBeGreaterThanOrEqual(gateway.app.apiRoutes.filter(takesBody).length);
      expect(Reflect.ownKeys(Object.prototype)).toHaveLength(before);
      expect(Object.hasOwn(Object.prototype, 'polluted')).toBe(false);
    },
  );

  it('survives bodies of a wrong Content-Length, and answers the next request', async () => {
    const address = await gateway.app.listen({ host: '127.0.0.1', port: 0 });
    const { hostname, port } = new URL(address);
    for (const route of gateway.app.apiRoutes.filter(takesBody)) {
      const authorization = route.identify === undefined ? `authorization: Bearer ${owner}\r\n` : '';
      for (const length of ['100', '1', '-1', '1e3', '1, 2', '99999999999999999999', '']) {
        const status = await new Promise<number>((resolve) => {
          let text = '';
          const socket = createConnection(Number(port), hostname, () => {
            socket.end(
              `${route.method} ${pathOf(route)} HTTP/1.1\r\nhost: x\r\n${authorization}content-type: application/json\r\ncontent-length: ${length}\r\nconnection: close\r\n\r\n{"a":1}`,
            );
          });
          socket.on('data', (bytes: Buffer) => {
            text += bytes.toString('latin1');
          });
          socket.on('error', () => undefined);
          socket.on('close', () => {
            resolve(Number(/^HTTP\/1\.1 (\d+)/.exec(text)?.[1] ?? 0));
          });
        });
        // 0: the connection was closed without an answer, because the client had disconnected.
        expect(RETRYABLE.has(status), `${route.url} with ${length}: ${String(status)}`).toBe(false);
      }
    }
    expect((await fetch(`${address}/v1/repos`, { headers: { authorization: `Bearer ${owner}` } })).status).toBe(200);
  });
});

describe('a large body, which another thread reads', () => {
  const entry = (over: object = {}) => ({
    timestamp: new Date().toISOString(),
    tool: 'Bash',
    decision: 'block',
    ...over,
  });
  const scan = scanOfSpec({
    repository: 'acme/app',
    findings: [{ id: 'a', severity: 'low', category: 'injection', title: 't', file: 'f' }],
  });
  const drift = driftOfSpec({ repository: 'acme/app', timestamp: new Date().toISOString() });
  it.each<readonly [string, string, unknown]>([
    [
      'a batch',
      '/v1/ingest/runtime',
      { repository: 'acme/app', entries: [entry(), entry({ decision: 'allow', eventId: 'e1' })], unknown: 1 },
    ],
    ['an empty batch', '/v1/ingest/runtime', { repository: 'acme/app', entries: [] }],
    ['a batch without its repository', '/v1/ingest/runtime', { entries: [entry()] }],
    ['a batch with raw evidence', '/v1/ingest/runtime', { repository: 'acme/app', entries: [entry({ command: 'x' })] }],
    [
      'a batch with a wrong entry',
      '/v1/ingest/runtime',
      { repository: 'acme/app', entries: [entry(), entry({ timestamp: 1 })] },
    ],
    [
      'a batch of the future',
      '/v1/ingest/runtime',
      { repository: 'acme/app', entries: [entry({ timestamp: '2999-01-01T00:00:00Z' })] },
    ],
    ['a scan that is known', '/v1/ingest/scan', scan],
    ['a scan that is not redacted', '/v1/ingest/scan', { ...scan, redacted: false }],
    [
      'a scan whose counts are wrong',
      '/v1/ingest/scan',
      { ...scan, report: { ...scan.report, findings: { total: 1 } } },
    ],
    ['a drift', '/v1/ingest/drift', drift],
    ['a drift whose sum is wrong', '/v1/ingest/drift', { ...drift, scoreDelta: 3 }],
    ['text that is no JSON', '/v1/ingest/drift', undefined],
  ])('%s is answered as a small one is', async (_, url, value) => {
    const small = value === undefined ? '{"a":' : JSON.stringify(value);
    const send = (payload: string) => gateway.app.inject({ method: 'POST', url, payload, headers: jsonHeaders(owner) });
    if (value === scan) await send(small);
    const [one, other] = [await send(small), await send(small.padEnd(200 * 1024))];
    expect([other.statusCode, other.json()]).toEqual([one.statusCode, one.json()]);
  });
});

describe('a quota', () => {
  it('charges values and messages of a body, accepted or rejected, in addition to its bytes', async () => {
    const entries = { rate: 0.001, burst: 1_000 };
    const limited = await startGateway(inject('clickhouseUrl'), {
      quotas: { requests: open, bytes: open, entries, failures: open, organisation: { team: 2, enterprise: 2 } },
    });
    try {
      const mint = async () =>
        (
          await inOrg(limited.postgres, 'org_a', (tx) =>
            mintToken(tx, { orgId: 'org_a', name: 'n', scopes: ['ingest:otlp', 'ingest:runtime'] }),
          )
        ).token;
      const post = (token: string, url: string, payload: string) =>
        limited.app.inject({ method: 'POST', url, payload, headers: jsonHeaders(token) });
      const list = `[${'{},'.repeat(1_500)}{}]`;
      const twice = async (url: string, payload: string): Promise<number[]> => {
        const token = await mint();
        return [(await post(token, url, payload)).statusCode, (await post(token, url, '{}')).statusCode];
      };
      expect(await twice('/v1/logs', '{"resourceLogs":[]}')).toEqual([200, 200]);
      // Rejected at the end, after everything was read.
      expect(await twice('/v1/logs', `{"resourceLogs":${list}`)).toEqual([400, 429]);
      expect(await twice('/v1/ingest/runtime', `{"entries":${list}}`)).toEqual([400, 429]);
      // The organisation's quota is two tokens' worth, which these have used up.
      expect((await post(await mint(), '/v1/logs', '{}')).json<Refusal>().error.message).toContain(
        "the quota of this organisation's plan is used up",
      );
      expect((await post(limited.otherToken, '/v1/logs', '{}')).statusCode).toBe(200);
    } finally {
      await limited.close();
    }
  });
});
