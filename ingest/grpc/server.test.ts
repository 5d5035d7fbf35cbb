import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-grpc';
import { tracing } from '@opentelemetry/sdk-node';
import { once } from 'node:events';
import { connect, type ClientHttp2Session } from 'node:http2';
import { connect as connectSocket } from 'node:net';
import { deflateSync, gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { selectRows } from '#schemas/clickhouse/client.js';
import { DEFAULT_QUOTAS } from '../limits/install.js';
import { SIGNALS, type Signal } from '../request/signal.js';
import { startGateway, type TestGateway } from '../testing/gateway.js';
import { SAMPLES, toProtobuf } from '../testing/otlp-samples.js';
import { GRPC, statusOf } from './status.js';
import { startGrpc, type GrpcServer } from './server.js';

const SERVICES: Readonly<Record<Signal, string>> = {
  traces: 'trace.v1.TraceService',
  metrics: 'metrics.v1.MetricsService',
  logs: 'logs.v1.LogsService',
};
const TABLES: Readonly<Record<Signal, string>> = {
  traces: 'otel_traces',
  metrics: 'otel_metrics_gauge',
  logs: 'otel_logs',
};

/** Requests of a token that its quota allows: more than the tests send by the other tokens. */
const MOST_REQUESTS = 120;

let gateway: TestGateway;
let grpc: GrpcServer;
let session: ClientHttp2Session;
beforeAll(async () => {
  gateway = await startGateway(inject('clickhouseUrl'), {
    allowedKeys: ['*'],
    slowBodies: { slowAfterMs: 200, maxMs: 1_000, maxSlow: 64 },
    quotas: { ...DEFAULT_QUOTAS, requests: { rate: 0.001, burst: MOST_REQUESTS } },
  });
  grpc = await startGrpc(gateway.app, '127.0.0.1', 0);
  session = open(grpc);
});
afterAll(async () => {
  session.destroy();
  await grpc.close();
  await gateway.close();
});

/** Connects with memory for messages that are larger than the limit. */
const open = ({ port }: GrpcServer): ClientHttp2Session =>
  connect(`http://127.0.0.1:${String(port)}`, { maxSessionMemory: 100 });

interface Answer {
  readonly status: number;
  readonly code: number;
  readonly message: string;
  readonly details: Buffer;
  readonly body: Buffer;
}

/** Puts the prefix of gRPC before a message. */
function framed(message: Buffer, isCompressed = false): Buffer {
  const prefix = Buffer.alloc(5);
  prefix.writeUInt8(isCompressed ? 1 : 0, 0);
  prefix.writeUInt32BE(message.length, 1);
  return Buffer.concat([prefix, message]);
}

/** Sends a call as any client may, and returns how it ended. Without an end, the client never ends its message. */
async function call(
  signal: Signal,
  bytes: Buffer,
  { headers = {}, ends = true }: { headers?: Record<string, string>; ends?: boolean } = {},
): Promise<Answer> {
  const stream = session.request({
    ':method': 'POST',
    ':path': `/opentelemetry.proto.collector.${SERVICES[signal]}/Export`,
    'content-type': 'application/grpc',
    te: 'trailers',
    authorization: `Bearer ${gateway.ingestToken}`,
    ...headers,
  });
  let first: Record<string, unknown> = {};
  let last: Record<string, unknown> = {};
  stream.on('response', (received: Record<string, unknown>) => {
    first = received;
  });
  stream.on('trailers', (received: Record<string, unknown>) => {
    last = received;
  });
  const chunks: Buffer[] = [];
  stream.on('data', (chunk: Buffer) => chunks.push(chunk));
  if (ends) stream.end(bytes);
  else stream.write(bytes);
  await once(stream, 'close');
  const of = (name: string): string | undefined => {
    const value: unknown = last[name] ?? first[name];
    return typeof value === 'string' ? value : undefined;
  };
  return {
    status: Number(first[':status']),
    code: Number(of('grpc-status') ?? Number.NaN),
    message: decodeURIComponent(of('grpc-message') ?? ''),
    details: Buffer.from(of('grpc-status-details-bin') ?? '', 'base64'),
    body: Buffer.concat(chunks),
  };
}

async function rows(signal: Signal): Promise<unknown[]> {
  return selectRows(gateway.store.client, `SELECT * EXCEPT IngestedAt FROM ${TABLES[signal]} ORDER BY ALL`);
}

describe('OTLP/gRPC', () => {
  it('takes spans of the SDK for Node.js, plain and gzipped, under the organisation of the token', async () => {
    await gateway.store.client.command({ query: 'TRUNCATE TABLE otel_traces' });
    for (const compression of ['none', 'gzip'] as const) {
      process.env['OTEL_EXPORTER_OTLP_COMPRESSION'] = compression;
      process.env['OTEL_EXPORTER_OTLP_HEADERS'] = `authorization=Bearer ${gateway.ingestToken}`;
      const exporter = new OTLPTraceExporter({ url: `http://127.0.0.1:${String(grpc.port)}` });
      const provider = new tracing.BasicTracerProvider({ spanProcessors: [new tracing.BatchSpanProcessor(exporter)] });
      for (let i = 0; i < 50; i++)
        provider
          .getTracer('test')
          .startSpan(`${compression} ${String(i)}`)
          .end();
      await provider.forceFlush();
      await provider.shutdown();
    }
    delete process.env['OTEL_EXPORTER_OTLP_COMPRESSION'];
    delete process.env['OTEL_EXPORTER_OTLP_HEADERS'];
    const found = await selectRows(
      gateway.store.client,
      "SELECT splitByChar(' ', SpanName)[1] AS compression, uniqExact(SpanName) AS spans, any(OrgId) AS org FROM otel_traces GROUP BY compression ORDER BY compression",
    );
    expect(found).toEqual([
      { compression: 'gzip', spans: 50, org: 'org_a' },
      { compression: 'none', spans: 50, org: 'org_a' },
    ]);
  });

  it.each(SIGNALS)('stores %s as OTLP/HTTP does, in every encoding', async (signal) => {
    const message = toProtobuf(signal, SAMPLES[signal]);
    const land = async (send: () => Promise<unknown>): Promise<unknown> => {
      await gateway.store.client.command({ query: `TRUNCATE TABLE ${TABLES[signal]}` });
      await send();
      return rows(signal);
    };
    const byHttp = await land(() =>
      gateway.app.inject({
        method: 'POST',
        url: `/v1/${signal}`,
        payload: message,
        headers: { authorization: `Bearer ${gateway.ingestToken}`, 'content-type': 'application/x-protobuf' },
      }),
    );
    expect(byHttp).not.toEqual([]);
    for (const [encoding, bytes] of [
      ['identity', framed(message)],
      ['gzip', framed(gzipSync(message), true)],
      ['deflate', framed(deflateSync(message), true)],
      // A client may announce an encoding and not use it.
      ['gzip', framed(message)],
    ] as const) {
      const byGrpc = await land(async () => {
        expect(await call(signal, bytes, { headers: { 'grpc-encoding': encoding } })).toMatchObject({
          status: 200,
          code: GRPC.ok,
          body: framed(Buffer.alloc(0)),
        });
      });
      expect(byGrpc).toEqual(byHttp);
    }
  });

  it('answers with codes that clients do not retry, unless a retry can help', async () => {
    const message = framed(toProtobuf('traces', SAMPLES.traces));
    const cases: [string, Buffer, Record<string, string>, number, RegExp][] = [
      ['no token', message, { authorization: '' }, GRPC.unauthenticated, /token/],
      ['an unknown token', message, { authorization: `Bearer eccp_${'x'.repeat(43)}` }, GRPC.unauthenticated, /token/],
      ["a reader's token", message, { authorization: `Bearer ${gateway.readToken}` }, GRPC.permissionDenied, /scope/],
      ['no message', Buffer.alloc(0), {}, GRPC.invalidArgument, /expected one message/],
      ['half a prefix', Buffer.alloc(3), {}, GRPC.invalidArgument, /expected one message/],
      ['a message cut short', message.subarray(0, -1), {}, GRPC.invalidArgument, /not received as/],
      ['two messages', Buffer.concat([message, message]), {}, GRPC.invalidArgument, /not received as/],
      ['what is no protobuf', framed(Buffer.from('{"resourceSpans":[]}')), {}, GRPC.invalidArgument, /./],
      ['an unknown encoding', framed(Buffer.alloc(9), true), { 'grpc-encoding': 'zstd' }, GRPC.unimplemented, /gzip/],
      ['no encoding', framed(Buffer.alloc(9), true), {}, GRPC.unimplemented, /gzip/],
      ['what is not gzip', framed(Buffer.alloc(9), true), { 'grpc-encoding': 'gzip' }, GRPC.invalidArgument, /./],
      ['16 MiB and more', framed(Buffer.alloc(16 * 1024 * 1024 + 1)), {}, GRPC.invalidArgument, /larger/],
      [
        'a bomb',
        framed(gzipSync(Buffer.alloc(40 * 1024 * 1024)), true),
        { 'grpc-encoding': 'gzip' },
        GRPC.invalidArgument,
        /./,
      ],
      ['another method', message, { ':path': '/opentelemetry.Other/Export' }, GRPC.unimplemented, /Export/],
    ];
    for (const [name, bytes, headers, code, words] of cases) {
      const answer = await call('traces', bytes, { headers });
      expect({ name, code: answer.code, status: answer.status }).toEqual({ name, code, status: 200 });
      expect(answer.message, name).toMatch(words);
    }
    expect((await call('traces', message, { headers: { 'content-type': 'application/json' } })).status).toBe(415);
    expect((await call('traces', message)).code).toBe(GRPC.ok);
  });

  it('ends a message that arrives too slowly, as OTLP/HTTP does', async () => {
    const message = framed(toProtobuf('traces', SAMPLES.traces));
    expect(await call('traces', message.subarray(0, 20), { ends: false })).toMatchObject({
      code: GRPC.deadlineExceeded,
    });
  });

  it('says when to send again if the quota of a token is used up', async () => {
    const message = framed(Buffer.alloc(0));
    const headers = { authorization: `Bearer ${gateway.otherToken}` };
    const answers: Answer[] = [];
    while (answers.length <= MOST_REQUESTS && answers.at(-1)?.code !== GRPC.unavailable)
      answers.push(await call('logs', message, { headers }));
    expect(answers.map(({ code }) => code)).toEqual([...Array<number>(MOST_REQUESTS).fill(GRPC.ok), GRPC.unavailable]);
    expect(answers.at(-1)?.details.toString('latin1')).toContain('type.googleapis.com/google.rpc.RetryInfo');
  });

  it('reads no body of a caller whom it does not know', async () => {
    const stream = session.request({
      ':method': 'POST',
      ':path': `/opentelemetry.proto.collector.${SERVICES.traces}/Export`,
      'content-type': 'application/grpc',
    });
    stream.on('error', () => undefined);
    // It never ends, and is answered all the same.
    stream.write(framed(Buffer.alloc(1_000_000)).subarray(0, 1_000));
    const [headers] = (await once(stream, 'response')) as [Record<string, unknown>];
    expect(headers['grpc-status']).toBe(String(GRPC.unauthenticated));
    stream.destroy();
  });

  it('goes on after clients that leave in the middle of a message', async () => {
    const message = framed(toProtobuf('traces', SAMPLES.traces));
    for (let i = 0; i < 50; i++) {
      const other = connect(`http://127.0.0.1:${String(grpc.port)}`);
      other.on('error', () => undefined);
      const stream = other.request({
        ':method': 'POST',
        ':path': `/opentelemetry.proto.collector.${SERVICES.traces}/Export`,
        'content-type': 'application/grpc',
        authorization: `Bearer ${gateway.ingestToken}`,
      });
      stream.on('error', () => undefined);
      stream.write(message.subarray(0, i));
      await once(other, 'connect');
      other.destroy();
    }
    expect((await call('traces', message)).code).toBe(GRPC.ok);
  });

  it('cuts off a connection whose peer does not close its half, when it was idle and when the server closes', async () => {
    for (const [idleMs, closes] of [
      [50, false],
      [60_000, true],
    ] as const) {
      const other = await startGrpc(gateway.app, '127.0.0.1', 0, { idleMs, closeMs: 50 });
      const peer = connectSocket({ port: other.port, host: '127.0.0.1', allowHalfOpen: true });
      const isCutOff = new Promise((resolve) => peer.once('close', resolve));
      peer.on('error', () => undefined);
      // The preface of HTTP/2, and empty settings.
      peer.write(
        Buffer.concat([Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'), Buffer.from('000000040000000000', 'hex')]),
      );
      await once(peer, 'data');
      // It reads on, and learns that the server has closed its half.
      if (!closes) await once(peer.resume(), 'end');
      await other.close();
      // What is written to a connection that no longer exists is refused.
      const writing = setInterval(() => peer.write('x'), 5);
      await isCutOff;
      clearInterval(writing);
    }
  });

  it('keeps the code of an answer that is no google.rpc.Status', () => {
    expect(statusOf(503, Buffer.from('{"error":"Service Unavailable"}'), undefined)).toEqual({
      code: GRPC.unavailable,
      message: '',
    });
  });
});
