import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { tracing } from '@opentelemetry/sdk-node';
import { createToken } from '../auth/token-format.js';
import { jsonHeaders, startGateway, type Refusal, type TestGateway } from '../testing/gateway.js';
import { Buckets } from './bucket.js';

describe('a bucket', () => {
  it('allows its burst at once, then its rate, and says when to retry', () => {
    const buckets = new Buckets({ rate: 10, burst: 3 });
    const take = (now: number): number => buckets.take('a', 1, now);
    expect([take(0), take(0), take(0), take(0)]).toEqual([0, 0, 0, 1]);
    // 100 ms add one more.
    expect([take(100), take(100)]).toEqual([0, 1]);
    expect(buckets.take('b', 1, 100)).toBe(0);
  });

  it('takes a large amount once and is paid off before the next', () => {
    const buckets = new Buckets({ rate: 10, burst: 10 });
    expect([buckets.take('a', 100, 0), buckets.take('a', 1, 0), buckets.take('a', 1, 9_200)]).toEqual([0, 10, 0]);
  });

  it('keeps a bounded number of keys', () => {
    const buckets = new Buckets({ rate: 1, burst: 2 }, 100);
    for (let i = 0; i < 10_000; i += 1) expect(buckets.take(String(i), 1, 0)).toBe(0);
  });
});

describe('quotas of the gateway', () => {
  let gateway: TestGateway;
  const spans = new tracing.InMemorySpanExporter();
  beforeAll(async () => {
    const quotas = {
      requests: { rate: 0.001, burst: 5 },
      bytes: { rate: 0.001, burst: 10_000 },
      entries: { rate: 0.001, burst: 10_000 },
      failures: { rate: 0.001, burst: 20 },
    };
    gateway = await startGateway(inject('clickhouseUrl'), { quotas, spans });
  });
  afterAll(() => gateway.close());

  const send = (token: string, payload = '{"resourceLogs":[]}') =>
    gateway.app.inject({
      method: 'POST',
      url: '/v1/logs',
      payload,
      headers: { ...jsonHeaders(token), 'content-length': String(payload.length) },
    });

  it('answer 429 with Retry-After to the token over its quota only, as OTLP requires', async () => {
    const statuses: number[] = [];
    for (let i = 0; i < 8; i += 1) statuses.push((await send(gateway.ingestToken)).statusCode);
    expect(statuses).toEqual([200, 200, 200, 200, 200, 429, 429, 429]);
    const refused = await send(gateway.ingestToken);
    expect(refused.json<Refusal>()).toMatchObject({ error: { code: 'rate_limited' }, code: 8 });
    expect(Number(refused.headers['retry-after'])).toBeGreaterThan(0);
    expect((await send(gateway.otherToken)).statusCode).toBe(200);
  });

  it('count bytes', async () => {
    const big = JSON.stringify({ resourceLogs: [], padding: 'x'.repeat(20_000) });
    expect((await send(gateway.otherToken, big)).statusCode).toBe(200);
    expect((await send(gateway.otherToken)).statusCode).toBe(429);
  });

  it('limit guessing, and not tokens that are known', async () => {
    const guesses: number[] = [];
    for (let i = 0; i < 25; i += 1) guesses.push((await send(createToken())).statusCode);
    expect(guesses.filter((status) => status === 401)).toHaveLength(20);
    expect(guesses.slice(20)).toEqual([429, 429, 429, 429, 429]);
    expect(
      (await gateway.app.inject({ url: '/v1/repos', headers: { authorization: `Bearer ${gateway.readToken}` } }))
        .statusCode,
    ).toBe(200);
  });

  it("are seen in /metrics and in the gateway's own spans, which hold no token, path or body", async () => {
    const repository = 'acme/not-in-telemetry';
    await gateway.app.inject({
      url: `/v1/repo/${encodeURIComponent(repository)}/posture`,
      headers: { authorization: `Bearer ${gateway.readToken}` },
    });
    const { body } = await gateway.app.inject('/metrics');
    expect(body).toContain(
      'http_server_request_duration_bucket{http_request_method="POST",http_route="/v1/logs",http_response_status_code="429"',
    );
    const address = await gateway.app.listen({ host: '127.0.0.1', port: 0 });
    expect((await fetch(`${address}/metrics`)).status).toBe(200);
    await gateway.app.close();
    const all = body + JSON.stringify(spans.getFinishedSpans().map(({ name, attributes }) => ({ name, attributes })));
    for (const word of ['eccp_', repository, 'resourceLogs']) expect(all).not.toContain(word);
    expect(all).not.toContain(gateway.ingestToken);
  });
});
