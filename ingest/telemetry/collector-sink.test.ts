import { createServer, type IncomingHttpHeaders, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, beforeEach, describe, expect, inject, it } from 'vitest';
import { mintToken } from '../auth/tokens.js';
import { loadOtlp, requestType } from '../landing/message-plan.js';
import { startGateway, type Refusal, type TestGateway } from '../testing/gateway.js';

/** What the collector got, and what it shall answer. A stand-in: the real one is tested in deploy/e2e. */
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

function post(payload: Buffer | string, headers: Record<string, string> = {}, url = '/v1/traces', token = gateway.ingestToken) {
  return gateway.app.inject({
    method: 'POST', url, payload, headers: { authorization: `Bearer ${token}`, 'content-type': 'application/x-protobuf', ...headers },
  });
}

describe('a request goes on', () => {
  it('untouched, with the tenant in headers and the collector\'s own key, and its answer comes back', async () => {
    const body = gzipSync(Buffer.from([1, 2, 3, 0, 255]));
    const answer = await post(body, {
      'content-encoding': 'gzip', 'x-shieldwatch-org-id': 'org_b', 'x-shieldwatch-repository': 'evil/repo', 'x-shieldwatch-anything': '1', cookie: 'a=b',
    });
    expect([answer.statusCode, answer.headers['content-type'], answer.body]).toEqual([200, 'application/x-protobuf', 'answer']);
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
    });
    const ours = Object.keys(got?.headers ?? {}).filter((name) => name.startsWith('x-') || name === 'cookie');
    expect(ours.sort()).toEqual(['x-shieldwatch-content', 'x-shieldwatch-org-id', 'x-shieldwatch-retention-days', 'x-shieldwatch-token-id']);
  });

  it('with the repository that the token is bound to', async () => {
    const { token } = await mintToken(gateway.postgres, { orgId: 'org_a', name: 'b', scopes: ['ingest:scan'], repository: 'acme/bound' });
    await post('x', {}, '/v1/metrics', token);
    expect([seen[0]?.url, seen[0]?.headers['x-shieldwatch-repository']]).toEqual(['/v1/metrics', 'acme/bound']);
  });

  it('from REST as one OTLP request of decision spans', async () => {
    const entries = ['allow', 'block'].map((decision) => ({ timestamp: new Date().toISOString(), tool: 'Bash', decision, durationMs: 1 }));
    const answer = await post(JSON.stringify({ repository: 'acme/x', entries }), { 'content-type': 'application/json' }, '/v1/ingest/runtime');
    expect(answer.statusCode, answer.body).toBe(200);
    expect(seen).toHaveLength(1);
    expect(seen[0]?.headers['content-type']).toBe('application/x-protobuf');
    const sent = traces.toObject(traces.decode(seen[0]?.body ?? Buffer.alloc(0))) as { resource_spans: { scope_spans: { spans: { name: string }[] }[] }[] };
    expect(sent.resource_spans[0]?.scope_spans[0]?.spans.map((span) => span.name)).toEqual(['agentshield.pre_tool_use', 'agentshield.pre_tool_use']);
  });

  it('not at all when it is empty or a bomb', async () => {
    expect((await post('')).statusCode).toBe(200);
    expect((await post(gzipSync(Buffer.alloc(70 * 1024 * 1024)), { 'content-encoding': 'gzip' })).statusCode).toBe(413);
    expect((await post('no gzip', { 'content-encoding': 'gzip' })).statusCode).toBe(400);
    expect(seen).toEqual([]);
  });
});

describe('the collector\'s refusals', () => {
  it.each([400, 413, 415])('%i: the body is at fault, do not send it again', async (status) => {
    reply = { status, body: 'quotes the body' };
    const answer = await post('x');
    expect([answer.statusCode, answer.json<Refusal>().error.code, answer.json<Refusal>().code]).toEqual([400, 'body_invalid', 3]);
    expect(answer.body).not.toContain('quotes');
  });

  it.each([301, 401, 403, 404, 408, 429, 500, 502, 503])('%i: not the client\'s fault, send it again', async (status) => {
    reply = { status };
    const answer = await post('x');
    expect([answer.statusCode, answer.json<Refusal>().error.code, answer.json<Refusal>().code]).toEqual([503, 'collector_unavailable', 14]);
    expect(Number(answer.headers['retry-after'])).toBeGreaterThan(0);
  });

  it('says as long to wait as the collector says', async () => {
    reply = { status: 429, headers: { 'retry-after': '17' } };
    expect((await post('x')).headers['retry-after']).toBe('17');
  });

  it('nobody there: send it again', async () => {
    const alone = await startGateway(inject('clickhouseUrl'), { collector: { url: 'http://127.0.0.1:1', key: 'k' } });
    const answer = await alone.app.inject({
      method: 'POST', url: '/v1/logs', payload: 'x',
      headers: { authorization: `Bearer ${alone.ingestToken}`, 'content-type': 'application/x-protobuf' },
    });
    expect([answer.statusCode, answer.json<Refusal>().error.code]).toEqual([503, 'collector_unavailable']);
    await alone.close();
  });
});
