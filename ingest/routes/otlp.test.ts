import fc from 'fast-check';
import { deflateSync, gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { selectRows } from '#schemas/clickhouse/client.js';
import { SIGNALS, type Signal } from '../request/signal.js';
import { startGateway, type Refusal, type TestGateway } from '../testing/gateway.js';
import { ANY_OTLP } from '../testing/otlp-arbitrary.js';
import { SAMPLES, toProtobuf } from '../testing/otlp-samples.js';
import { field, rpcStatus } from '../testing/protobuf-bytes.js';

let gateway: TestGateway;
beforeAll(async () => {
  gateway = await startGateway(inject('clickhouseUrl'), { allowedKeys: ['*'] });
});
afterAll(() => gateway.close());

const JSON_TYPE = 'application/json';
const PROTOBUF_TYPE = 'application/x-protobuf';
const TABLES: Readonly<Record<Signal, string[]>> = {
  traces: ['otel_traces'],
  logs: ['otel_logs'],
  metrics: ['gauge', 'sum', 'histogram', 'exponential_histogram', 'summary'].map((kind) => `otel_metrics_${kind}`),
};

function post(signal: Signal, payload: Buffer | string | object, headers: Record<string, string> = {}) {
  const body = typeof payload === 'string' || Buffer.isBuffer(payload) ? payload : JSON.stringify(payload);
  return gateway.app.inject({
    method: 'POST',
    url: `/v1/${signal}`,
    payload: body,
    headers: { authorization: `Bearer ${gateway.ingestToken}`, 'content-type': JSON_TYPE, ...headers },
  });
}

async function rows(signal: Signal): Promise<Record<string, unknown>[]> {
  const all = await Promise.all(
    TABLES[signal].map((table) =>
      selectRows<Record<string, unknown>>(
        gateway.store.client,
        `SELECT '${table}' AS table, * FROM ${table} ORDER BY ALL`,
      ),
    ),
  );
  return all.flat();
}

async function clear(): Promise<void> {
  for (const table of Object.values(TABLES).flat())
    await gateway.store.client.command({ query: `TRUNCATE TABLE ${table}` });
}

const oneSpan = (span: object, resourceAttributes: object[] = []) => ({
  resourceSpans: [{ resource: { attributes: resourceAttributes }, scopeSpans: [{ spans: [span] }] }],
});

describe('the same request', () => {
  it.each(SIGNALS)('%s lands the same as JSON and as protobuf, gzipped, deflated or plain', async (signal) => {
    const json = Buffer.from(JSON.stringify(SAMPLES[signal]));
    const binary = toProtobuf(signal, SAMPLES[signal]);
    const ways: [Buffer, Record<string, string>][] = [
      [json, {}],
      [gzipSync(json), { 'content-encoding': 'gzip' }],
      [binary, { 'content-type': PROTOBUF_TYPE }],
      [deflateSync(binary), { 'content-type': PROTOBUF_TYPE, 'content-encoding': 'deflate' }],
    ];
    const landed: unknown[] = [];
    for (const [body, headers] of ways) {
      await clear();
      const answer = await post(signal, body, headers);
      expect(answer.statusCode, answer.body).toBe(200);
      landed.push(await rows(signal));
    }
    expect(landed[0]).toHaveLength(signal === 'metrics' ? 7 : 1);
    for (const other of landed.slice(1)) expect(other).toEqual(landed[0]);
  });

  it.each(SIGNALS)('any %s land the same as JSON and as protobuf', async (signal) => {
    const seed = Date.now();
    const requests = fc.sample(ANY_OTLP[signal], { numRuns: 100, seed });
    const land = async (bodyOf: (request: object) => Buffer, type: string): Promise<Record<string, unknown>[]> => {
      await clear();
      for (const [index, request] of requests.entries()) {
        const answer = await post(signal, bodyOf(request), { 'content-type': type });
        expect(
          answer.statusCode,
          `seed ${String(seed)}, request ${String(index)}: ${answer.body} ${JSON.stringify(request).slice(0, 1_000)}`,
        ).toBe(200);
      }
      return rows(signal);
    };
    const json = await land((request) => Buffer.from(JSON.stringify(request)), JSON_TYPE);
    const binary = await land((request) => toProtobuf(signal, request), PROTOBUF_TYPE);
    process.stdout.write(
      `${signal}: ${String(requests.length)} requests, ${String(json.length)} rows, seed ${String(seed)}\n`,
    );
    expect(json.length).toBeGreaterThan(40);
    expect(binary).toEqual(json);
  });
});

describe('what lands', () => {
  it('is what the collector writes: strings of every value type, names of kinds, times to the nanosecond', async () => {
    await clear();
    await post('traces', SAMPLES.traces);
    const [row] = await selectRows<Record<string, unknown>>(
      gateway.store.client,
      `SELECT *, toUnixTimestamp64Nano(Timestamp) AS ns, toUnixTimestamp64Nano(\`Events.Timestamp\`[1]) AS event_ns, OrgId, Repository,
         toDate(ExpiresAt) - toDate(IngestedAt) AS days FROM otel_traces`,
    );
    const attributes = {
      text: 'naïve <b>&',
      int: '-9223372036854775808',
      double: '1.5',
      tiny: '1e-9',
      nan: 'NaN',
      infinite: '-Infinity',
      bool: 'true',
      bytes: 'AP8B',
      list: '["<a>",7,null]',
      map: '{"a":false,"z":"1"}',
      none: '',
    };
    expect(row).toMatchObject({
      TraceId: '5b8efff798038103d269b633813fc60c',
      SpanKind: 'Client',
      StatusCode: 'Error',
      StatusMessage: 'broken',
      Duration: 1_000,
      SpanAttributes: attributes,
      'Events.Attributes': [attributes],
      'Links.Attributes': [attributes],
      ServiceName: 'sample',
      OrgId: 'org_a',
      Repository: 'acme/sample',
      days: 30,
    });
    // As text: these exceed the precision of JavaScript numbers.
    const [ns] = await selectRows<{ ns: string; event: string }>(
      gateway.store.client,
      'SELECT toString(toUnixTimestamp64Nano(Timestamp)) AS ns, toString(toUnixTimestamp64Nano(`Events.Timestamp`[1])) AS event FROM otel_traces',
    );
    expect(ns).toEqual({ ns: '1764000000000000001', event: '1764000000000000005' });
  });

  it('has the time of observation where a log has no time of its own', async () => {
    await clear();
    await post('logs', SAMPLES.logs);
    const found = await selectRows(
      gateway.store.client,
      'SELECT toString(toUnixTimestamp64Nano(Timestamp)) AS ns, TraceFlags FROM otel_logs',
    );
    expect(found).toEqual([{ ns: '1764000000123456789', TraceFlags: 1 }]);
  });

  it('takes integers as JSON numbers too, as Claude Code sends them', async () => {
    await clear();
    const answer = await post(
      'traces',
      oneSpan({ startTimeUnixNano: 1_764_000_000_000_000_000, attributes: [{ key: 'n', value: { intValue: 7 } }] }),
    );
    expect(answer.statusCode).toBe(200);
    expect((await rows('traces'))[0]).toMatchObject({ SpanAttributes: { n: '7' } });
  });

  it("belongs to the token's organisation, for any claim in headers or attributes", async () => {
    await clear();
    const spoof = [
      { key: 'shieldwatch.tenant.org_id', value: { stringValue: 'org_b' } },
      { key: 'shieldwatch.tenant.repository', value: { stringValue: 'evil/repo' } },
      { key: 'shieldwatch.tenant.retention_days', value: { stringValue: '9999' } },
    ];
    const payload = oneSpan(
      { name: 'x', attributes: spoof, events: [{ attributes: spoof }], links: [{ attributes: spoof }] },
      spoof,
    );
    await post('traces', payload, { 'x-shieldwatch-org-id': 'org_b', 'x-shieldwatch-repository': 'evil/repo' });
    await post('traces', toProtobuf('traces', payload), { 'content-type': PROTOBUF_TYPE });
    const found = await rows('traces');
    expect(found).toHaveLength(2);
    expect(JSON.stringify(found)).not.toMatch(/org_b|evil|9999/);
    const owners = await selectRows(gateway.store.client, 'SELECT DISTINCT OrgId, Repository FROM otel_traces');
    expect(owners).toEqual([{ OrgId: 'org_a', Repository: '' }]);
  });

  it.each(SIGNALS)('%s holds no secret that was in any string of the request', async (signal) => {
    await clear();
    const secret = `sk-ant-${'Zz9'.repeat(10)}`;
    const planted = JSON.parse(JSON.stringify(SAMPLES[signal]), (key, value: unknown) =>
      typeof value === 'string' &&
      !/Id$|Nano$|^(intValue|asInt|count|zeroCount|doubleValue|asDouble|bytesValue|\d+)$/.test(key)
        ? `${value} ${secret}`
        : value,
    ) as object;
    const answer = await post(signal, planted);
    expect(answer.statusCode, answer.body).toBe(200);
    const found = JSON.stringify(await rows(signal));
    expect(found).toContain('[REDACTED:anthropic-key]');
    expect(found).not.toContain(secret);
  });

  it('holds no secret that hides in JSON quotes or in bytes', async () => {
    await clear();
    const attributes = [
      { key: 'nested', value: { arrayValue: { values: [{ stringValue: 'password="hunter2hunter2"' }] } } },
      {
        key: 'pair',
        value: { kvlistValue: { values: [{ key: 'password', value: { stringValue: 'correct-horse' } }] } },
      },
      { key: 'bytes', value: { bytesValue: Buffer.from(`token ghp_${'a'.repeat(36)}`).toString('base64') } },
    ];
    await post('traces', oneSpan({ attributes }));
    const [row] = await rows('traces');
    const stored = row?.['SpanAttributes'] as Record<string, string>;
    expect(`${stored['nested'] ?? ''}${stored['pair'] ?? ''}`).not.toMatch(/hunter2|correct-horse/);
    expect(Buffer.from(stored['bytes'] ?? '', 'base64').toString()).toBe('token [REDACTED:github-token]');
  });

  it('survives lone surrogates, __proto__, NUL and times past the end of time', async () => {
    await clear();
    const body =
      '{"resourceSpans":[{"__proto__":{"x":1},"scopeSpans":[{"spans":[{"name":"a\\ud800b\\u0000","startTimeUnixNano":"18446744073709551615","endTimeUnixNano":"1",' +
      '"attributes":[{"key":"__proto__","value":{"stringValue":"p"}},{"key":"constructor","value":{"stringValue":"c"}}]}]}]}]}';
    const answer = await post('traces', body);
    expect(answer.statusCode, answer.body).toBe(200);
    const [row] = await selectRows<Record<string, unknown>>(
      gateway.store.client,
      "SELECT SpanName, SpanAttributes['__proto__'] AS p, SpanAttributes['constructor'] AS c, Duration FROM otel_traces",
    );
    expect(row).toEqual({ SpanName: 'a\ufffdb\0', p: 'p', c: 'c', Duration: 0 });
  });
});

describe('much at once', () => {
  it('stores 5 MB of one request completely', async () => {
    await clear();
    const attributes = [{ key: 'text', value: { stringValue: 'x'.repeat(1_000) } }];
    const logRecords = Array.from({ length: 5_000 }, (_, i) => ({
      timeUnixNano: String(1_764_000_000_000_000_000n + BigInt(i)),
      attributes,
    }));
    const answer = await post('logs', { resourceLogs: [{ scopeLogs: [{ logRecords }] }] });
    expect(answer.statusCode, answer.body).toBe(200);
    expect(
      await selectRows(
        gateway.store.client,
        "SELECT uniqExact(Timestamp) AS records, sum(length(LogAttributes['text'])) AS bytes FROM otel_logs",
      ),
    ).toEqual([{ records: 5_000, bytes: 5_000_000 }]);
  });

  it('a million attributes of one span, as JSON and as protobuf, and names that stand there twice', async () => {
    await clear();
    const span = (attributes: object[]) => oneSpan({ traceId: '5b8efff798038103d269b633813fc60c', attributes });
    const names = Array.from({ length: 1_000_000 }, (_, i) => `k${String(i)}`);
    const json = JSON.stringify(span(names.map((key) => ({ key, value: { boolValue: true } }))));
    // Encoded by hand, because protobufjs takes half a minute: Span.attributes (9) of KeyValue.key (1) and .value (2),
    // AnyValue.bool_value (2).
    let binary: Buffer = Buffer.concat(
      names.map((key) => field(9, Buffer.concat([field(1, Buffer.from(key)), field(2, Buffer.from([0x10, 1]))]))),
    );
    for (const number of [2, 2, 1]) binary = field(number, binary);
    const statuses: number[] = [];
    for (const [body, headers] of [
      [gzipSync(json), {}],
      [gzipSync(binary), { 'content-type': PROTOBUF_TYPE }],
    ] as const) {
      statuses.push((await post('traces', body, { 'content-encoding': 'gzip', ...headers })).statusCode);
    }
    // It fits the decompressed limit or is too large; it is never an internal error.
    for (const status of statuses) expect([200, 413]).toContain(status);
    expect((await post('traces', '{"resourceSpans":[],"resourceSpans":[{"scopeSpans":[]}]}')).statusCode).toBe(200);
    expect(
      (
        await post(
          'traces',
          span([
            { key: 'text', value: { stringValue: 'first' } },
            { key: 'text', value: { stringValue: 'second' } },
          ]),
        )
      ).statusCode,
    ).toBe(200);
    expect(
      (
        await selectRows<{ text: string }>(
          gateway.store.client,
          "SELECT SpanAttributes['text'] AS text FROM otel_traces WHERE SpanAttributes['text'] != ''",
        )
      ).map(({ text }) => text),
    ).toEqual(['first']);
  });
});

describe('answers', () => {
  it('are of the type of the request', async () => {
    const json = await post('logs', '{}');
    expect([json.statusCode, json.headers['content-type'], json.body]).toEqual([200, JSON_TYPE, '{}']);
    const binary = await post('logs', toProtobuf('logs', SAMPLES.logs), { 'content-type': PROTOBUF_TYPE });
    expect([binary.statusCode, binary.headers['content-type'], binary.body]).toEqual([200, PROTOBUF_TYPE, '']);
  });

  it.each([JSON_TYPE, PROTOBUF_TYPE])('to an empty body of type %s is success', async (type) => {
    expect((await post('traces', Buffer.alloc(0), { 'content-type': type })).statusCode).toBe(200);
  });
});

describe('bad input is refused and stores nothing', () => {
  const nested = (levels: number): object => {
    let value: object = { stringValue: 'x' };
    for (let i = 0; i < levels; i += 1) value = { arrayValue: { values: [value] } };
    return value;
  };
  const span = (over: object): [object, string] => [oneSpan(over), 'resourceSpans[0].scopeSpans[0].spans[0]'];
  const cases: [string, object | string, string | undefined][] = [
    ['not JSON', '{"resourceSpans":', undefined],
    ['a list', [], undefined],
    ['null', 'null', undefined],
    ['spans that are no list', { resourceSpans: {} }, 'resourceSpans'],
    [
      'a span that is none',
      { resourceSpans: [{ scopeSpans: [{ spans: ['x'] }] }] },
      'resourceSpans[0].scopeSpans[0].spans[0]',
    ],
    ['a trace id that is too short', span({ traceId: 'abcd' })[0], `${span({})[1]}.traceId`],
    ['a name that is a number', span({ name: 1 })[0], `${span({})[1]}.name`],
    [
      'an integer too large',
      span({ attributes: [{ key: 'a', value: { intValue: 1e300 } }] })[0],
      `${span({})[1]}.attributes[0].value.intValue`,
    ],
    ['half an integer', span({ startTimeUnixNano: 1.5 })[0], `${span({})[1]}.startTimeUnixNano`],
    ['a kind nobody knows', span({ kind: 'SPAN_KIND_X' })[0], `${span({})[1]}.kind`],
  ];
  it.each(cases)('%s', async (_name, payload, field) => {
    await clear();
    const answer = await post('traces', payload);
    const body = answer.json<Refusal>();
    expect([answer.statusCode, body.error.field, body.code, typeof body.message]).toEqual([400, field, 3, 'string']);
    expect(await rows('traces')).toEqual([]);
  });

  it('attributes nested 1,000 levels deep', async () => {
    const deep = { attributes: [{ key: 'a', value: nested(1_000) }] };
    expect((await post('traces', oneSpan(deep))).statusCode).toBe(400);
    // Encoded by hand, because protobufjs rejects it: AnyValue.array_value (5) of ArrayValue.values (1), repeated.
    let binary: Buffer = Buffer.alloc(0);
    for (let level = 0; level < 1_000; level += 1) binary = field(5, field(1, binary));
    for (const number of [2, 9, 2, 2, 1]) binary = field(number, binary);
    const answer = await post('traces', binary, { 'content-type': PROTOBUF_TYPE });
    expect([answer.statusCode, rpcStatus(answer.rawPayload).message]).toEqual([
      400,
      expect.stringMatching(/attributes\[0\].*expected at most 100 levels/),
    ]);
    expect((await post('traces', '['.repeat(1_000_000))).statusCode).toBe(400);
  });

  it('protobuf cut off anywhere', async () => {
    await clear();
    const binary = toProtobuf('traces', SAMPLES.traces);
    const cuts = [1, 2, 3, 10, 50, 200, binary.length - 1];
    for (const length of cuts) {
      const answer = await post('traces', binary.subarray(0, length), { 'content-type': PROTOBUF_TYPE });
      expect([length, answer.statusCode]).toEqual([length, 400]);
    }
    expect(await rows('traces')).toEqual([]);
  });

  it('too much: 20 MB, a bomb, as many empty messages as JSON as are refused in protobuf', async () => {
    expect((await post('traces', Buffer.alloc(20 * 1024 * 1024))).statusCode).toBe(413);
    const bomb = await post('traces', gzipSync(Buffer.alloc(70 * 1024 * 1024)), { 'content-encoding': 'gzip' });
    expect([bomb.statusCode, bomb.json<Refusal>().code]).toEqual([413, 8]);
    const empties = Buffer.alloc(10 * 1024 * 1024, Buffer.from([0x0a, 0x00]));
    expect((await post('traces', empties, { 'content-type': PROTOBUF_TYPE })).statusCode).toBe(413);
    expect((await post('traces', `{"resourceSpans":[${'{},'.repeat(1_000_001)}{}]}`)).statusCode).toBe(413);
  });

  it('gzip cut off anywhere', async () => {
    await clear();
    const packed = gzipSync(JSON.stringify(SAMPLES.traces));
    for (const length of [1, 5, 10, 20, Math.floor(packed.length / 2), packed.length - 8, packed.length - 1]) {
      const answer = await post('traces', packed.subarray(0, length), { 'content-encoding': 'gzip' });
      expect([length, answer.statusCode, answer.json<Refusal>().error.code]).toEqual([
        length,
        400,
        'body_encoding_invalid',
      ]);
    }
    expect(await rows('traces')).toEqual([]);
  });

  it('invalid gzip, unknown encodings and types', async () => {
    expect((await post('traces', 'x', { 'content-encoding': 'gzip' })).json<Refusal>().error.code).toBe(
      'body_encoding_invalid',
    );
    expect((await post('traces', 'x', { 'content-encoding': 'br' })).statusCode).toBe(415);
    expect((await post('traces', 'x', { 'content-type': 'text/plain' })).statusCode).toBe(415);
  });
});
