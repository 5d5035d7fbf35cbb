import fc from 'fast-check';
import type { FastifyInstance } from 'fastify';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { createGateway } from './app.js';
import { brokenPostgres, startGateway, type Refusal, type TestGateway } from './testing/gateway.js';
import { SAMPLES, toProtobuf } from './testing/otlp-samples.js';
import { rpcStatus } from './testing/protobuf-bytes.js';

let gateway: TestGateway;
beforeAll(async () => {
  gateway = await startGateway(inject('clickhouseUrl'));
});
afterAll(() => gateway.close());

const TARGETS = ['/v1/traces', '/v1/metrics', '/v1/logs', '/v1/ingest/runtime'];
const TYPES = ['application/json', 'application/x-protobuf', 'text/plain', 'application/json; charset=utf-8', ''];

/** Bodies from random bytes to nearly valid: any JSON, and real requests with changed bytes. */
const samples = Object.entries(SAMPLES).flatMap(([signal, sample]) => [
  Buffer.from(JSON.stringify(sample)),
  toProtobuf(signal as keyof typeof SAMPLES, sample),
]);
const mutated = fc
  .tuple(fc.constantFrom(...samples), fc.array(fc.tuple(fc.nat(), fc.nat(255)), { minLength: 1, maxLength: 5 }))
  .map(([sample, changes]) => {
    const copy = Buffer.from(sample);
    for (const [at, byte] of changes) copy[at % copy.length] = byte;
    return copy;
  });
const entry = fc.record(
  {
    timestamp: fc.anything(),
    tool: fc.anything(),
    decision: fc.anything(),
    durationMs: fc.anything(),
    matchedRule: fc.anything(),
  },
  { requiredKeys: [] },
);
const runtime = fc.record(
  { repository: fc.anything(), sessionId: fc.anything(), entries: fc.oneof(fc.anything(), fc.array(entry)) },
  { requiredKeys: [] },
);
const anyBody = fc.oneof(
  fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes)),
  fc.json().map((json) => Buffer.from(json)),
  mutated,
  fc.oneof(runtime, fc.object()).map((value) => {
    try {
      return Buffer.from(JSON.stringify(value));
    } catch {
      // Values such as BigInt cannot be written as JSON.
      return Buffer.from('{}');
    }
  }),
);

describe('any body', () => {
  it('never gets a 5xx', async () => {
    const property = fc.asyncProperty(
      fc.constantFrom(...TARGETS),
      fc.constantFrom(...TYPES),
      fc.constantFrom('identity', 'gzip', 'gzip-lie'),
      anyBody,
      async (url, type, encoding, body) => {
        const answer = await gateway.app.inject({
          method: 'POST',
          url,
          payload: encoding === 'gzip' ? gzipSync(body) : body,
          headers: {
            authorization: `Bearer ${gateway.ingestToken}`,
            ...(type === '' ? {} : { 'content-type': type }),
            ...(encoding === 'identity' ? {} : { 'content-encoding': 'gzip' }),
          },
        });
        expect(answer.statusCode).toBeLessThan(500);
        if (answer.headers['content-type'] === 'application/x-protobuf')
          expect(rpcStatus(answer.rawPayload).code === 0).toBe(answer.statusCode < 400);
        else if (answer.statusCode >= 400) expect(answer.json()).toMatchObject({ ok: false, error: {} });
      },
    );
    await fc.assert(property, { numRuns: 600 });
  });
});

describe('addresses', () => {
  it.each([
    ['GET', '/nowhere', 404, 'not_found'],
    ['GET', '/v1/traces', 405, 'method_not_allowed'],
    ['DELETE', '/v1/repo/x/posture', 405, 'method_not_allowed'],
    ['GET', '/%zz', 404, 'not_found'],
  ] as const)('%s %s is %i', async (method, url, status, code) => {
    const answer = await gateway.app.inject({ method, url });
    expect([answer.statusCode, answer.json<Refusal>().error.code]).toEqual([status, code]);
    expect(answer.headers['x-content-type-options']).toBe('nosniff');
  });
});

describe('health', () => {
  it('is ok while the stores answer', async () => {
    expect((await gateway.app.inject('/healthz')).json()).toEqual({ ok: true });
    const ready = await gateway.app.inject('/readyz');
    expect([ready.statusCode, ready.json()]).toEqual([
      200,
      { ok: true, clickhouse: true, postgres: true, migrations: true },
    ]);
  });

  it('names the store that does not answer, while the process is up', async () => {
    const app = await createGateway({
      clickhouse: gateway.store.client,
      postgres: brokenPostgres('down'),
    });
    expect((await app.inject('/healthz')).statusCode).toBe(200);
    const ready = await app.inject('/readyz');
    expect([ready.statusCode, ready.json()]).toEqual([
      503,
      { ok: false, clickhouse: true, postgres: false, migrations: false },
    ]);
    await app.close();
  });
});

describe('readiness', () => {
  const ready = async (app: FastifyInstance): Promise<unknown[]> => {
    const answer = await app.inject('/readyz');
    return [answer.statusCode, answer.json()];
  };

  it('includes the collector: any answer counts as ready, none does not', async () => {
    const collector = createServer((_, response) => response.writeHead(401).end());
    await new Promise<void>((resolve) => collector.listen(0, '127.0.0.1', resolve));
    const url = `http://127.0.0.1:${String((collector.address() as AddressInfo).port)}`;
    const app = await createGateway({
      clickhouse: gateway.store.client,
      postgres: gateway.postgres,
      collector: { url, key: 'k' },
    });
    const well = { ok: true, clickhouse: true, postgres: true, migrations: true, collector: true };
    expect(await ready(app)).toEqual([200, well]);
    await new Promise((resolve) => collector.close(resolve));
    expect(await ready(app)).toEqual([503, { ...well, ok: false, collector: false }]);
    await app.close();
  });

  it("requires stores with this version's schema", async () => {
    const other = await startGateway(inject('clickhouseUrl'));
    const well = { ok: true, clickhouse: true, postgres: true, migrations: true };
    expect(await ready(other.app)).toEqual([200, well]);
    await other.postgres.query(
      'UPDATE schema_migration SET version = version + 100 WHERE version = (SELECT max(version) FROM schema_migration)',
    );
    expect(await ready(other.app)).toEqual([503, { ...well, ok: false, migrations: false }]);
    await other.close();
  });
});

describe('a store that fails while rows are written', () => {
  it('answers 503 without quoting rows', async () => {
    const clickhouse = Object.assign(Object.create(gateway.store.client) as typeof gateway.store.client, {
      exec: () => Promise.reject(new Error('cannot parse row: quoted')),
    });
    const app = await createGateway({ clickhouse, postgres: gateway.postgres });
    const answer = await app.inject({
      method: 'POST',
      url: '/v1/metrics',
      payload: SAMPLES.metrics,
      headers: { authorization: `Bearer ${gateway.ingestToken}`, 'content-type': 'application/json' },
    });
    expect([answer.statusCode, answer.json<Refusal>().error.code, answer.headers['retry-after']]).toEqual([
      503,
      'store_unavailable',
      '2',
    ]);
    expect(answer.body).not.toContain('quoted');
    await app.close();
  });
});
