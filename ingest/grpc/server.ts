import type { FastifyInstance } from 'fastify';
import { createServer, constants, type Http2Server, type ServerHttp2Session, type ServerHttp2Stream } from 'node:http2';
import type { IncomingHttpHeaders } from 'node:http2';
import type { Socket } from 'node:net';
import { PROTOBUF_TYPE } from '../request/content.js';
import type { Signal } from '../request/signal.js';
import { GRPC, statusOf, trailersOf, type GrpcStatus } from './status.js';

/** A running OTLP/gRPC listener. */
export interface GrpcServer {
  /** The port that it listens on. */
  readonly port: number;
  /** Answers the calls that are in progress, and closes every connection. */
  close(): Promise<void>;
}

const METHODS: Readonly<Record<string, Signal>> = {
  '/opentelemetry.proto.collector.trace.v1.TraceService/Export': 'traces',
  '/opentelemetry.proto.collector.metrics.v1.MetricsService/Export': 'metrics',
  '/opentelemetry.proto.collector.logs.v1.LogsService/Export': 'logs',
};

/** A message begins with a flag (1 if it is compressed) and its length in four bytes. */
const PREFIX_BYTES = 5;
/** Milliseconds until that prefix must have arrived. Later, the limits of the HTTP route apply. */
const PREFIX_MS = 10_000;
const MAX_CONCURRENT_CALLS = 100;
const MAX_HEADER_BYTES = 16 * 1024;
/** Milliseconds until a connection without calls is closed, and in which a closing server answers the calls in progress. */
const IDLE_MS = 300_000;
const CLOSE_MS = 10_000;
const ENCODINGS = ['identity', 'gzip', 'deflate'];
/** The headers of a call that reach the route. All others, such as those of a browser session, do not. */
const PASSED = ['authorization', 'user-agent', 'traceparent', 'tracestate'];

/**
 * Listens for OTLP/gRPC (unary `Export` calls over HTTP/2 without TLS). Each call becomes a request to the OTLP/HTTP route
 * of the same signal, its message unread: authentication, quotas, limits of size and time, stamping and answers are those
 * of that route.
 */
export async function startGrpc(
  app: FastifyInstance,
  host: string,
  port: number,
  { idleMs = IDLE_MS, closeMs = CLOSE_MS } = {},
): Promise<GrpcServer> {
  const connections = new Map<ServerHttp2Session, Socket>();
  const server = createServer({
    settings: { maxConcurrentStreams: MAX_CONCURRENT_CALLS, maxHeaderListSize: MAX_HEADER_BYTES },
  });
  // A session that closes waits for its calls, and then for the peer to close its half: a peer that does neither is cut off.
  const cutOff = (socket: Socket): void => {
    const deadline = setTimeout(() => socket.destroy(), closeMs);
    socket.once('close', () => {
      clearTimeout(deadline);
    });
  };
  const end = (session: ServerHttp2Session, socket: Socket): void => {
    session.close();
    cutOff(socket);
  };
  // A session does not give its socket away. It is made while the server handles the connection.
  let accepted: Socket | undefined;
  server.prependListener('connection', (socket: Socket) => {
    accepted = socket;
    socket.once('finish', () => {
      cutOff(socket);
    });
  });
  server.on('session', (session) => {
    const socket = accepted;
    if (socket === undefined) throw new Error('a session without a connection');
    connections.set(session, socket);
    socket.once('close', () => connections.delete(session));
    session.setTimeout(idleMs, () => {
      end(session, socket);
    });
    session.on('error', () => {
      session.destroy();
    });
  });
  server.on('stream', (stream, headers) => {
    // A client that goes away needs no answer.
    stream.on('error', () => undefined);
    void answerCall(app, stream, headers);
  });
  await listen(server, host, port);
  const address = server.address();
  return {
    port: address !== null && typeof address === 'object' ? address.port : port,
    async close() {
      const closed = new Promise<void>((resolve) =>
        server.close(() => {
          resolve();
        }),
      );
      for (const [session, socket] of connections) end(session, socket);
      await closed;
    },
  };
}

function listen(server: Http2Server, host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen({ host, port }, () => {
      server.off('error', reject);
      resolve();
    });
  });
}

/** Answers one call. Never rejects. */
async function answerCall(
  app: FastifyInstance,
  stream: ServerHttp2Stream,
  headers: IncomingHttpHeaders,
): Promise<void> {
  if (headers[':method'] !== 'POST' || !/^application\/grpc(?:\+proto)?(?:;|$)/i.test(headers['content-type'] ?? '')) {
    // What does not speak gRPC gets an answer in HTTP.
    finish(stream, { ':status': 415 });
    return;
  }
  try {
    await exportMessage(app, stream, headers);
  } catch (error) {
    // A client that left has ended its call.
    if (stream.destroyed) return;
    app.log.error({ problem: error instanceof Error ? error.name : 'unknown' }, 'a gRPC call failed');
    refuse(stream, { code: GRPC.internal, message: 'the call failed' });
  }
}

async function exportMessage(
  app: FastifyInstance,
  stream: ServerHttp2Stream,
  headers: IncomingHttpHeaders,
): Promise<void> {
  const path = headers[':path'] ?? '';
  const signal = Object.hasOwn(METHODS, path) ? METHODS[path] : undefined;
  if (signal === undefined) {
    refuse(stream, {
      code: GRPC.unimplemented,
      message: 'expected Export of a TraceService, MetricsService or LogsService',
    });
    return;
  }
  const prefix = await readPrefix(stream);
  if (prefix === undefined) {
    refuse(stream, { code: GRPC.invalidArgument, message: 'expected one message, with its flag and its length' });
    return;
  }
  // It may have left since, and would not be noticed below.
  if (stream.destroyed) return;
  const encoding = prefix.readUInt8(0) === 0 ? 'identity' : [headers['grpc-encoding']].flat()[0];
  if (prefix.readUInt8(0) > 1 || encoding === undefined || !ENCODINGS.includes(encoding)) {
    const message = `grpc-encoding: expected ${ENCODINGS.join(', ')}`;
    refuse(stream, { code: GRPC.unimplemented, message }, { 'grpc-accept-encoding': ENCODINGS.join(',') });
    return;
  }
  const gone = new AbortController();
  const leave = (): void => {
    gone.abort();
  };
  stream.once('close', leave);
  const answer = await app.inject({
    method: 'POST',
    url: `/v1/${signal}`,
    remoteAddress: stream.session?.socket.remoteAddress ?? '',
    headers: {
      ...Object.fromEntries(PASSED.flatMap((name) => (headers[name] === undefined ? [] : [[name, headers[name]]]))),
      'content-type': PROTOBUF_TYPE,
      'content-length': String(prefix.readUInt32BE(1)),
      ...(encoding === 'identity' ? {} : { 'content-encoding': encoding }),
    },
    payload: stream,
    signal: gone.signal,
  });
  stream.off('close', leave);
  if (answer.statusCode !== 200) {
    refuse(stream, statusOf(answer.statusCode, answer.rawPayload, answer.headers['retry-after']));
    return;
  }
  succeed(stream, answer.rawPayload);
}

/** Returns the prefix of the message; undefined if the call ends before, or sends nothing for too long. */
function readPrefix(stream: ServerHttp2Stream): Promise<Buffer | undefined> {
  return new Promise((resolve) => {
    const done = (prefix: Buffer | undefined): void => {
      clearTimeout(deadline);
      stream.off('readable', onReadable).off('end', onEnd).off('close', onEnd);
      resolve(prefix);
    };
    const onReadable = (): void => {
      const prefix = stream.read(PREFIX_BYTES) as Buffer | null;
      // The stream's last bytes are returned even if they are fewer.
      if (prefix !== null) done(prefix.length === PREFIX_BYTES ? prefix : undefined);
    };
    const onEnd = (): void => {
      done(undefined);
    };
    const deadline = setTimeout(onEnd, PREFIX_MS);
    stream.on('readable', onReadable).on('end', onEnd).on('close', onEnd);
    onReadable();
  });
}

function succeed(stream: ServerHttp2Stream, message: Buffer): void {
  if (stream.closed || stream.destroyed) return;
  const prefix = Buffer.alloc(PREFIX_BYTES);
  prefix.writeUInt32BE(message.length, 1);
  stream.once('wantTrailers', () => {
    stream.sendTrailers({ 'grpc-status': String(GRPC.ok) });
  });
  stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
  stream.end(Buffer.concat([prefix, message]));
}

function refuse(stream: ServerHttp2Stream, status: GrpcStatus, more: Readonly<Record<string, string>> = {}): void {
  finish(stream, { ':status': 200, 'content-type': 'application/grpc', ...trailersOf(status), ...more });
}

/** Answers with headers alone, and asks the client not to send the rest of its message. */
function finish(stream: ServerHttp2Stream, headers: Readonly<Record<string, string | number>>): void {
  if (stream.closed || stream.destroyed) return;
  stream.respond(headers, { endStream: true });
  stream.close(constants.NGHTTP2_NO_ERROR);
}
