import fc from 'fast-check';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { selectRows } from '#schemas/clickhouse/client.js';
import { inOrg } from '#schemas/postgres/session.js';
import { setPlan } from '../control/orgs.js';
import { createApiClient, type ApiClient } from '../client/client.js';
import { driftOfSpec, scanOfSpec } from '../testing/bodies.js';
import { startGateway, type Refusal, type TestGateway } from '../testing/gateway.js';
import type { OpenApiDocument, OpenApiOperation } from './document.js';
import { GENERATED, generateApi } from '../generate.js';

const NO_LIMIT = { rate: 1e9, burst: 1e9 };
let gateway: TestGateway;
let document: OpenApiDocument;
/** A token with all rights in org_a. */
let ownerToken: string;
beforeAll(async () => {
  gateway = await startGateway(inject('clickhouseUrl'), {
    quotas: { requests: NO_LIMIT, bytes: NO_LIMIT, entries: NO_LIMIT, failures: NO_LIMIT },
  });
  await setPlan(gateway.app.plane, 'org_a', 'enterprise');
  await gateway.app.asMachine('org_a', 'POST', '/v1/members', { login: 'owner-a', role: 'owner' });
  const minted = await gateway.app.asMachine('org_a', 'POST', '/v1/tokens', {
    name: 'o',
    scopes: ['read', 'admin'],
    member: 'owner-a',
  });
  ownerToken = (JSON.parse(minted.body) as { token: string }).token;
  document = (await gateway.app.inject('/openapi.json')).json<OpenApiDocument>();
});
afterAll(() => gateway.close());

describe('the document', () => {
  it("and the client's types are fresh: run `npm run api:generate` after a change", async () => {
    const { document: json, types } = await generateApi();
    expect(readFileSync(join(GENERATED, 'openapi.json'), 'utf8') === json).toBe(true);
    expect(readFileSync(join(GENERATED, 'api.ts'), 'utf8') === types).toBe(true);
  });

  it('names every address under /v1, and the page shows each', async () => {
    expect(document.openapi).toBe('3.1.0');
    const page = await gateway.app.inject('/docs');
    expect(page.headers['content-security-policy']).toContain("default-src 'none'");
    for (const { url, method, id } of gateway.app.apiRoutes) {
      expect(document.paths[url]?.[method.toLowerCase()]?.operationId).toBe(id);
      expect(page.body).toContain(`id="${id}"`);
    }
    expect(new Set(gateway.app.apiRoutes.map(({ id }) => id)).size).toBe(gateway.app.apiRoutes.length);
  });
});

describe('the typed client', () => {
  /** Sends requests through the app, without a port. */
  const client = (token: string): ApiClient =>
    createApiClient({
      url: 'http://gateway.test',
      token,
      fetch: async (request) => {
        const body = await request.text();
        const { pathname, search } = new URL(request.url);
        const answer = await gateway.app.inject({
          method: request.method as 'GET',
          url: pathname + search,
          headers: Object.fromEntries(request.headers),
          ...(body === '' ? {} : { payload: body }),
        });
        return new Response(answer.body, {
          status: answer.statusCode,
          headers: { 'content-type': String(answer.headers['content-type']) },
        });
      },
    });

  it('sends what the contract says and reads it back', async () => {
    const ingest = client(gateway.ingestToken);
    const scan = await ingest.POST('/v1/ingest/scan', {
      body: {
        repository: 'acme/typed',
        bundleDigest: `sha256:${'7'.repeat(64)}`,
        generatedAt: '2026-06-21T17:42:00.000Z',
        redacted: true,
        report: {
          score: { grade: 'C', numericScore: 66 },
          findings: { total: 29, critical: 1, high: 7, medium: 8, low: 10, info: 3 },
        },
      },
    });
    expect(scan.data?.scanId).toMatch(/^scan_/);
    const reader = client(gateway.readToken);
    const posture = await reader.GET('/v1/repo/{repoId}/posture', {
      params: { path: { repoId: scan.data?.repoId ?? '' }, query: { to: '2026-06-22', bucket: 'day' } },
    });
    expect(posture.data?.latestScan).toMatchObject({
      scanId: scan.data?.scanId,
      report: { score: { numericScore: 66 } },
    });
    const fleet = await reader.GET('/v1/org/{orgId}/fleet', { params: { path: { orgId: 'org_a' } } });
    expect(fleet.data?.operatorReadback.status).toBe('blocked');
    const refused = await reader.GET('/v1/tokens');
    expect([refused.response.status, refused.error?.error.code]).toEqual([403, 'scope_missing']);
  });
});

/** Text that commonly breaks parsers, databases and pages. */
const HOSTILE = [
  '',
  ' ',
  '__proto__',
  'constructor',
  '\u0000',
  '\ud800',
  'a\u0000b',
  "'; DROP TABLE org; --",
  '%00',
  '../../etc/passwd',
  '{x:String}',
  '💥'.repeat(200),
  'x'.repeat(5_000),
  '9'.repeat(400),
  '-1',
  'NaN',
  '1e400',
  '2026-13-45',
  '\r\nx: y',
];
const hostileText = fc.constantFrom(...HOSTILE);
const hostileValue = fc.oneof(
  hostileText,
  fc.constantFrom(null, true, 0, -1, 1e308, -1e308, 9_007_199_254_740_993, 0.1, [], {}, [[[[[[]]]]]]),
  fc.jsonValue({ maxDepth: 3 }),
  fc.constant(JSON.parse('{"__proto__":{"isAdmin":true},"constructor":{"prototype":{}}}') as object),
);

interface Schema {
  type?: string;
  properties?: Record<string, Schema>;
  required?: string[];
  items?: Schema;
  enum?: unknown[];
  const?: unknown;
  anyOf?: Schema[];
  allOf?: Schema[];
  minimum?: number;
  maximum?: number;
  format?: string;
  pattern?: string;
}

/** Generates values that satisfy a schema, for the keywords used here. */
function fitting(schema: Schema): fc.Arbitrary<unknown> {
  if (schema.const !== undefined) return fc.constant(schema.const);
  if (schema.enum !== undefined) return fc.constantFrom(...schema.enum);
  if (schema.anyOf !== undefined) return fc.oneof(...schema.anyOf.map(fitting));
  switch (schema.type ?? '') {
    case 'object':
      return fc.record(
        Object.fromEntries(
          Object.entries(schema.properties ?? {}).map(([name, property]) => [name, fitting(property)]),
        ),
        { requiredKeys: schema.required ?? [] },
      );
    case 'array':
      return fc.array(fitting(schema.items ?? {}), { maxLength: 3 });
    case 'integer':
    case 'number':
      return fc.integer({ min: Math.max(schema.minimum ?? 0, -1_000), max: Math.min(schema.maximum ?? 1_000, 1_000) });
    case 'boolean':
      return fc.boolean();
    case 'null':
      return fc.constant(null);
    case 'string':
      if (schema.format === 'date-time')
        return fc.constantFrom('2026-11-20T10:00:00Z', '2026-06-21T17:42:00.000+02:00');
      if (schema.format === 'date') return fc.constantFrom('2026-11-20', '2026-06-21');
      if (schema.pattern?.includes('sha256') === true)
        return fc.constantFrom(
          ...['a', 'b', 'c'].map((letter) => `sha256:${letter.repeat(64)}`),
          'x::.mcp.json::sha256:abcd',
        );
      return fc.constantFrom('acme/app', 'acme', 'a', 'mcp-x-1', 'owner', '2026-11-20');
  }
  return fc.jsonValue({ maxDepth: 1 });
}

/** Generates a valid value with parts at any depth replaced by hostile values. */
function nearly(schema: Schema): fc.Arbitrary<unknown> {
  const mutate = (value: unknown, choices: readonly { at: number; by: unknown }[]): unknown => {
    let place = 0;
    const visit = (node: unknown): unknown => {
      place += 1;
      const hit = choices.find(({ at }) => at === place);
      if (hit !== undefined) return hit.by;
      if (Array.isArray(node)) return node.map(visit);
      if (typeof node !== 'object' || node === null) return node;
      return Object.fromEntries(Object.entries(node).map(([name, child]) => [name, visit(child)]));
    };
    return visit(value);
  };
  const choices = fc.array(fc.record({ at: fc.integer({ min: 1, max: 40 }), by: hostileValue }), { maxLength: 2 });
  return fc.tuple(fitting(schema), choices).map(([value, picked]) => mutate(value, picked));
}

describe('any request', () => {
  const operations = () =>
    Object.entries(document.paths).flatMap(([path, methods]) =>
      Object.entries(methods).map(([method, operation]) => ({ path, method: method.toUpperCase(), operation })),
    );

  /** Generates path, query and body of an operation. */
  function requests(
    path: string,
    operation: OpenApiOperation,
  ): fc.Arbitrary<{ url: string; body: Buffer | undefined }> {
    const parameters = operation.parameters ?? [];
    const text = (schema: Schema) =>
      fc.oneof({ weight: 2, arbitrary: fitting(schema) }, { weight: 1, arbitrary: hostileText });
    const values = fc.record(Object.fromEntries(parameters.map(({ name, schema }) => [name, text(schema)])), {
      requiredKeys: parameters.filter((parameter) => parameter.required).map(({ name }) => name),
    });
    const schema = operation.requestBody?.content['application/json']?.schema as Schema | undefined;
    const samples =
      operation.operationId === 'ingestScan'
        ? [scanOfSpec()]
        : operation.operationId === 'ingestDrift'
          ? [driftOfSpec()]
          : [];
    const body =
      schema === undefined
        ? fc.constant(undefined)
        : fc
            .oneof(
              { weight: 8, arbitrary: nearly(schema) },
              ...(samples.length === 0
                ? []
                : [
                    {
                      weight: 4,
                      arbitrary: fc
                        .tuple(fc.constantFrom(...samples), fc.dictionary(fc.string(), hostileValue, { maxKeys: 2 }))
                        .map(([sample, extra]) => ({ ...sample, ...extra })),
                    },
                  ]),
              { weight: 1, arbitrary: hostileValue },
            )
            .map((value) => Buffer.from(JSON.stringify(value)));
    const bytes = fc.constantFrom(
      Buffer.alloc(0),
      Buffer.from('{'),
      Buffer.from('"\\ud800"'),
      Buffer.from([0xff, 0xfe, 0]),
      Buffer.from('['.repeat(100_000)),
      Buffer.from('{"a":'.repeat(50_000)),
      Buffer.from('{"redacted":true,"a":1e999}'),
    );
    const anyBody =
      operation.requestBody === undefined
        ? fc.constant(undefined)
        : fc.oneof({ weight: 9, arbitrary: body }, { weight: 1, arbitrary: bytes });
    return fc.tuple(values, anyBody).map(([named, payload]) => {
      let url = path;
      const query = new URLSearchParams();
      for (const parameter of parameters) {
        const value = (named as Record<string, unknown>)[parameter.name];
        if (parameter.in === 'path')
          url = url.replace(`{${parameter.name}}`, encodeURIComponent(wellFormed(textOf(value))) || '%20');
        else if (value !== undefined) query.append(parameter.name, textOf(value));
      }
      return { url: query.size === 0 ? url : `${url}?${query.toString()}`, body: payload };
    });
  }

  const textOf = (value: unknown): string => (typeof value === 'string' ? value : JSON.stringify(value));
  /** A URL cannot hold an unpaired surrogate. */
  const wellFormed = (text: string): string => text.replace(/\p{Surrogate}/gu, '\ufffd');

  it('never gets a 5xx and never touches another organisation', async () => {
    const stateOfB = async (): Promise<string> =>
      JSON.stringify([
        await inOrg(gateway.postgres, 'org_b', async (tx) => [
          await tx.query('SELECT * FROM org'),
          await tx.query('SELECT * FROM token'),
          await tx.query('SELECT * FROM repo'),
        ]),
        await selectRows(gateway.store.client, `SELECT count() FROM otel_traces WHERE OrgId = 'org_b'`),
      ]);
    const before = await stateOfB();
    const statuses = new Map<number, number>();
    let cases = 0;
    for (const { path, method, operation } of operations()) {
      const property = fc.asyncProperty(
        requests(path, operation),
        fc.constantFrom(ownerToken, ownerToken, gateway.readToken),
        async ({ url, body }, caller) => {
          const token = operation.tags.includes('ingest') ? gateway.ingestToken : caller;
          const answer = await gateway.app.inject({
            method: method as 'GET',
            url,
            headers: {
              authorization: `Bearer ${token}`,
              ...(body === undefined ? {} : { 'content-type': 'application/json' }),
            },
            ...(body === undefined ? {} : { payload: body }),
          });
          cases += 1;
          statuses.set(answer.statusCode, (statuses.get(answer.statusCode) ?? 0) + 1);
          expect(
            answer.statusCode,
            `${method} ${url.slice(0, 200)} ${body?.toString().slice(0, 300) ?? ''}: ${answer.body.slice(0, 200)}`,
          ).toBeLessThan(500);
          if (answer.statusCode >= 400) expect(answer.json<Refusal>().error.message.length).toBeGreaterThan(0);
        },
      );
      // Few runs, to stay within seconds; the seed changes from run to run.
      await fc.assert(property, { numRuns: 40 });
    }
    process.stdout.write(
      `fuzz: ${String(cases)} requests over ${String(operations().length)} operations; by status ${JSON.stringify(Object.fromEntries([...statuses].sort()))}\n`,
    );
    expect(statuses.get(200) ?? 0).toBeGreaterThan(cases / 10);
    expect(await stateOfB()).toBe(before);
    expect(({} as { isAdmin?: boolean }).isAdmin).toBeUndefined();
  });

  it('in any encoding neither, and a bomb for any address stays bounded in memory', async () => {
    const MIB = 1024 * 1024;
    // For each kind of body, one that is 100 times any limit: 1 GiB compresses to 1 MiB with gzip.
    const piece = gzipSync(Buffer.alloc(64 * MIB, ' '), { level: 9 });
    const bomb = Buffer.concat(Array.from({ length: 16 }, () => piece));
    const statuses = new Map<string, number>();
    let cases = 0;
    let most = 0;
    const used = (): number => process.memoryUsage().heapUsed + process.memoryUsage().external;
    const before = used();
    const watch = setInterval(() => {
      most = Math.max(most, used() - before);
    }, 2);
    const withBody = operations().filter(({ operation }) => operation.requestBody !== undefined);
    try {
      for (const { path, method, operation } of withBody) {
        const token = operation.tags.includes('ingest') ? gateway.ingestToken : ownerToken;
        const send = async (what: string, payload: Buffer, encoding: string): Promise<void> => {
          const answer = await gateway.app.inject({
            method: method as 'POST',
            url: path.replaceAll(/\{\w+\}/g, 'acme'),
            payload,
            headers: {
              authorization: `Bearer ${token}`,
              'content-type': 'application/json',
              'content-encoding': encoding,
            },
          });
          cases += 1;
          statuses.set(
            `${what} ${String(answer.statusCode)}`,
            (statuses.get(`${what} ${String(answer.statusCode)}`) ?? 0) + 1,
          );
          expect(answer.statusCode, `${method} ${path}, ${what}: ${answer.body.slice(0, 200)}`).toBeLessThan(500);
          if (what !== 'whole') expect(answer.statusCode, `${method} ${path}, ${what}`).toBeGreaterThanOrEqual(400);
        };
        const property = fc.asyncProperty(
          requests(path, operation),
          fc.double({ min: 0, max: 1, noNaN: true }),
          async ({ body = Buffer.from('{}') }, part) => {
            const packed = gzipSync(body);
            await send('whole', packed, 'gzip');
            await send('cut off', packed.subarray(0, 1 + Math.floor(part * (packed.length - 2))), 'gzip');
            await send('not packed', body.length === 0 ? Buffer.from('x') : body, 'gzip');
            await send('of no kind', body.length === 0 ? Buffer.from('x') : body, 'compress');
          },
        );
        await fc.assert(property, { numRuns: 5 });
        await send('bomb', bomb, 'gzip');
        await send('bomb in a bomb', gzipSync(bomb), 'gzip, gzip');
      }
    } finally {
      clearInterval(watch);
    }
    process.stdout.write(
      `encodings: ${String(cases)} requests over ${String(withBody.length)} operations, ${(most / MIB).toFixed(0)} MiB at most; ${JSON.stringify(Object.fromEntries([...statuses].sort()))}\n`,
    );
    // Decompression is bounded by the route's own limit, 64 MiB at most; the rest is garbage that is not collected yet.
    expect(most / MIB).toBeLessThan(400);
    expect(
      (
        await gateway.app.inject({
          method: 'POST',
          url: '/v1/logs',
          payload: '{}',
          headers: { authorization: `Bearer ${gateway.otherToken}`, 'content-type': 'application/json' },
        })
      ).statusCode,
    ).toBe(200);
  });
});
