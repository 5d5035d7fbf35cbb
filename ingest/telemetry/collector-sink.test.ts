import { createServer, type IncomingHttpHeaders, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, beforeEach, describe, expect, inject, it } from 'vitest';
import { mintToken } from '../auth/tokens.js';
import { loadOtlp, requestType } from '../landing/message-plan.js';
import { DEFAULT_QUOTAS } from '../limits/install.js';
import { startGateway, type Refusal, type TestGateway } from '../testing/gateway.js';
import { field, rpcStatus } from '../testing/protobuf-bytes.js';

/** Requests that the collector received, and its next answer. A stand-in; deploy/e2e tests the real one. */
const seen: { url: string; headers: IncomingHttpHeaders; body: Buffer }[] = [];
let reply: { status: number; headers?: Record<string, string>; body?: string };

const traces = requestType(loadOtlp(), 'traces');

let server: Server;
let gateway: TestGateway;
beforeAll(async () => {
  server = createServer((request, response) => {
    const parts: Buffer[] = [];
    request.on('data', (part: Buffer) => parts.push(part));
    request.on('end', () => {
      seen.push({ url: request.url ?? '', headers: request.headers, body: Buffer.concat(parts) });
      response.writeHead(reply.status, reply.headers).end(reply.body);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${String((server.address() as AddressInfo).port)}/`;
  gateway = await startGateway(inject('clickhouseUrl'), { collector: { url, key: 'shared-key' } });
});
afterAll(async () => {
  await gateway.close();
  server.closeAllConnections();
  server.close();
});
beforeEach(() => {
  seen.length = 0;
  reply = { status: 200, headers: { 'content-type': 'application/x-protobuf' }, body: 'answer' };
});

function post(
  payload: Buffer | string,
  headers: Record<string, string> = {},
  url = '/v1/traces',
  token = gateway.ingestToken,
) {
  return gateway.app.inject({
    method: 'POST',
    url,
    payload,
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/x-protobuf', ...headers },
  });
}

/** A request with one empty ResourceSpans, ResourceMetrics or ResourceLogs. */
const PROTOBUF = Buffer.from([0x0a, 0x00]);
/** The same with an unknown field. */
const UNKNOWN = Buffer.from([0x0a, 0x00, 0x80, 0x7d, 0x01]);

const postJson = (payload: string, headers: Record<string, string> = {}) =>
  post(payload, { 'content-type': 'application/json', ...headers });

describe('a request goes on', () => {
  it("untouched where it is protobuf, with the tenant in headers and the collector's own key, and its answer comes back", async () => {
    const body = gzipSync(UNKNOWN);
    const answer = await post(body, {
      'content-encoding': 'gzip',
      'x-shieldwatch-org-id': 'org_b',
      'x-shieldwatch-repository': 'evil/repo',
      'x-shieldwatch-anything': '1',
      cookie: 'a=b',
    });
    expect([answer.statusCode, answer.headers['content-type'], answer.body]).toEqual([
      200,
      'application/x-protobuf',
      'answer',
    ]);
    const [got] = seen;
    expect(got?.body.equals(body)).toBe(true);
    expect(got?.url).toBe('/v1/traces');
    expect(got?.headers).toMatchObject({
      authorization: 'Bearer shared-key',
      'content-type': 'application/x-protobuf',
      'content-encoding': 'gzip',
      'x-shieldwatch-org-id': 'org_a',
      'x-shieldwatch-retention-days': '30',
      'x-shieldwatch-content': 'drop',
      'x-shieldwatch-identities': 'replace',
    });
    const ours = Object.keys(got?.headers ?? {}).filter((name) => name.startsWith('x-') || name === 'cookie');
    expect(ours.sort()).toEqual([
      'x-shieldwatch-content',
      'x-shieldwatch-identities',
      'x-shieldwatch-org-id',
      'x-shieldwatch-retention-days',
      'x-shieldwatch-token-id',
    ]);
  });

  it('with the repository that the token is bound to', async () => {
    const { token } = await mintToken(gateway.postgres, {
      orgId: 'org_a',
      name: 'b',
      scopes: ['ingest:scan'],
      repository: 'acme/bound',
    });
    await post(PROTOBUF, {}, '/v1/metrics', token);
    expect([seen[0]?.url, seen[0]?.headers['x-shieldwatch-repository']]).toEqual(['/v1/metrics', 'acme/bound']);
  });

  it('from REST as one OTLP request of decision spans', async () => {
    const entries = ['allow', 'block'].map((decision) => ({
      timestamp: new Date().toISOString(),
      tool: 'Bash',
      decision,
      durationMs: 1,
    }));
    const answer = await post(
      JSON.stringify({ repository: 'acme/x', entries }),
      { 'content-type': 'application/json' },
      '/v1/ingest/runtime',
    );
    expect(answer.statusCode, answer.body).toBe(200);
    expect(seen).toHaveLength(1);
    expect(seen[0]?.headers['content-type']).toBe('application/x-protobuf');
    const sent = traces.toObject(traces.decode(seen[0]?.body ?? Buffer.alloc(0))) as {
      resource_spans: { scope_spans: { spans: { name: string }[] }[] }[];
    };
    expect(sent.resource_spans[0]?.scope_spans[0]?.spans.map((span) => span.name)).toEqual([
      'agentshield.pre_tool_use',
      'agentshield.pre_tool_use',
    ]);
  });

  it('not at all when it is empty or a bomb', async () => {
    expect((await post('')).statusCode).toBe(200);
    expect((await post(gzipSync(Buffer.alloc(70 * 1024 * 1024)), { 'content-encoding': 'gzip' })).statusCode).toBe(413);
    expect((await post('no gzip', { 'content-encoding': 'gzip' })).statusCode).toBe(400);
    expect((await post('x')).statusCode).toBe(400);
    expect(seen).toEqual([]);
  });

  it('as protobuf where it was JSON, and the answer is JSON', async () => {
    const body = JSON.stringify({
      resourceSpans: [{ scopeSpans: [{ spans: [{ name: 'naïve', kind: 'SPAN_KIND_CLIENT' }] }] }],
    });
    const answer = await postJson(`\ufeff${body}`, { 'content-encoding': 'identity' });
    expect([answer.statusCode, answer.headers['content-type'], answer.body]).toEqual([200, 'application/json', '{}']);
    expect(seen[0]?.headers['content-type']).toBe('application/x-protobuf');
    const sent = traces.toObject(traces.decode(seen[0]?.body ?? Buffer.alloc(0)));
    expect(sent).toEqual({ resource_spans: [{ scope_spans: [{ spans: [{ name: 'naïve', kind: 3 }] }] }] });
    expect(
      (await post(gzipSync(body), { 'content-type': 'application/json', 'content-encoding': 'gzip' })).statusCode,
    ).toBe(200);
    expect(seen[1]?.headers['content-encoding']).toBeUndefined();
    expect(seen[1]?.body.equals(seen[0]?.body ?? Buffer.alloc(0))).toBe(true);
  });

  it('from an address with a slash at its end', async () => {
    expect((await post(PROTOBUF, {}, '/v1/traces/')).statusCode).toBe(200);
    expect(seen[0]?.url).toBe('/v1/traces');
  });

  it('not where an attribute is nested deeper than the collector reads, or the entries are more', async () => {
    // LogRecord.body of ArrayValue in ArrayValue: AnyValue.array_value (5) of ArrayValue.values (1).
    let body: Buffer = PROTOBUF;
    for (let level = 0; level < 60; level += 1) body = field(5, field(1, body));
    const deep = [2, 2, 1].reduce((content, number) => field(number, content), field(5, body));
    const answer = await post(deep, {}, '/v1/logs');
    expect([answer.statusCode, answer.headers['content-type'], rpcStatus(answer.rawPayload)]).toMatchObject([
      400,
      'application/x-protobuf',
      {
        code: 3,
        message: expect.stringMatching(
          /^resourceLogs\[0\]\.scopeLogs\[0\]\.logRecords\[0\]\.body\.arrayValue.*: expected at most 100 levels$/,
        ) as string,
      },
    ]);
    const many = await post(Buffer.alloc(2_000_002, PROTOBUF));
    expect([many.statusCode, rpcStatus(many.rawPayload).code]).toEqual([413, 8]);
    expect(seen).toEqual([]);
  });

  it('charges the token for bytes as they are when decompressed', async () => {
    const few = await startGateway(inject('clickhouseUrl'), {
      collector: { url: 'http://127.0.0.1:1', key: 'k' },
      quotas: { ...DEFAULT_QUOTAS, bytes: { rate: 1, burst: 100_000 } },
    });
    const send = () =>
      few.app.inject({
        method: 'POST',
        url: '/v1/traces',
        payload: gzipSync(`{"resourceSpans":[]${' '.repeat(200_000)}}`),
        headers: {
          authorization: `Bearer ${few.ingestToken}`,
          'content-type': 'application/json',
          'content-encoding': 'gzip',
        },
      });
    expect([(await send()).statusCode, (await send()).statusCode]).toEqual([503, 429]);
    await few.close();
  });
});

describe("the collector's refusals", () => {
  it.each([400, 413, 415, 500])('%i becomes 400: not retryable', async (status) => {
    reply = { status, body: 'quotes the body' };
    const answer = await postJson('{}');
    expect([answer.statusCode, answer.json<Refusal>().error.code, answer.json<Refusal>().code]).toEqual([
      400,
      'body_invalid',
      3,
    ]);
    expect(answer.body).not.toContain('quotes');
    const binary = await post(PROTOBUF);
    expect([binary.statusCode, binary.headers['content-type'], rpcStatus(binary.rawPayload)]).toEqual([
      400,
      'application/x-protobuf',
      { code: 3, message: 'the collector could not read this as OTLP' },
    ]);
  });

  it.each([301, 401, 403, 404, 408, 429, 502, 503, 504])('%i becomes 503: retryable', async (status) => {
    reply = { status };
    const answer = await postJson('{}');
    expect([answer.statusCode, answer.json<Refusal>().error.code, answer.json<Refusal>().code]).toEqual([
      503,
      'collector_unavailable',
      14,
    ]);
    expect(Number(answer.headers['retry-after'])).toBeGreaterThan(0);
  });

  it("passes the collector's Retry-After on", async () => {
    reply = { status: 429, headers: { 'retry-after': '17' } };
    expect((await post(PROTOBUF)).headers['retry-after']).toBe('17');
  });

  it('no collector becomes 503', async () => {
    const alone = await startGateway(inject('clickhouseUrl'), { collector: { url: 'http://127.0.0.1:1', key: 'k' } });
    const answer = await alone.app.inject({
      method: 'POST',
      url: '/v1/logs',
      payload: '{}',
      headers: { authorization: `Bearer ${alone.ingestToken}`, 'content-type': 'application/json' },
    });
    expect([answer.statusCode, answer.json<Refusal>().error.code]).toEqual([503, 'collector_unavailable']);
    await alone.close();
  });
});
