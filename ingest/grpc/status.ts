import protobuf from 'protobufjs/minimal.js';
import { rpcCode, writeStatus } from '../errors/otlp-status.js';

/** Codes of gRPC (google.rpc.Code). */
export const GRPC = {
  ok: 0,
  invalidArgument: 3,
  deadlineExceeded: 4,
  permissionDenied: 7,
  unimplemented: 12,
  internal: 13,
  unavailable: 14,
  unauthenticated: 16,
} as const;

/** How a call ended. */
export interface GrpcStatus {
  readonly code: number;
  readonly message: string;
  /** Seconds after which the client may send the same again. */
  readonly retryAfterSeconds?: number;
}

/**
 * By HTTP status, where gRPC has another code than the body of an error by OTLP/HTTP. Clients send again after
 * `UNAVAILABLE` and `DEADLINE_EXCEEDED`; some do also after `RESOURCE_EXHAUSTED`, which is therefore not used.
 */
const OWN_CODES: Readonly<Record<number, number>> = {
  408: GRPC.deadlineExceeded,
  413: GRPC.invalidArgument,
  429: GRPC.unavailable,
};

/**
 * Returns the status of a call by the HTTP answer to it.
 *
 * @param body google.rpc.Status in protobuf
 * @param retryAfter the header Retry-After, in seconds
 */
export function statusOf(httpStatus: number, body: Buffer, retryAfter: unknown): GrpcStatus {
  const code = OWN_CODES[httpStatus] ?? rpcCode(httpStatus);
  const seconds = Number(retryAfter ?? Number.NaN);
  return { code, message: messageOf(body), ...(Number.isFinite(seconds) ? { retryAfterSeconds: seconds } : {}) };
}

/** Reads field 2 of a google.rpc.Status; empty if the body is none, such as the answer of a server that is closing. */
function messageOf(body: Buffer): string {
  const reader = protobuf.Reader.create(body);
  try {
    while (reader.pos < reader.len) {
      const tag = reader.uint32();
      if (tag === ((2 << 3) | 2)) return reader.string();
      reader.skipType(tag & 7);
    }
  } catch {
    return '';
  }
  return '';
}

/** Returns the trailers that end a call. */
export function trailersOf({ code, message, retryAfterSeconds }: GrpcStatus): Record<string, string> {
  return {
    'grpc-status': String(code),
    'grpc-message': encodeURIComponent(message),
    ...(retryAfterSeconds === undefined
      ? {}
      : { 'grpc-status-details-bin': retryInfo(code, message, retryAfterSeconds).toString('base64') }),
  };
}

const LENGTH_DELIMITED = 2;

/** Encodes a google.rpc.Status whose detail (field 3) is a google.rpc.RetryInfo: a Duration in field 1. */
function retryInfo(code: number, message: string, seconds: number): Buffer {
  const writer = writeStatus(code, message);
  writer.uint32((3 << 3) | LENGTH_DELIMITED).fork();
  writer.uint32((1 << 3) | LENGTH_DELIMITED).string('type.googleapis.com/google.rpc.RetryInfo');
  writer.uint32((2 << 3) | LENGTH_DELIMITED).fork();
  writer
    .uint32((1 << 3) | LENGTH_DELIMITED)
    .fork()
    .uint32(1 << 3)
    .int64(seconds)
    .ldelim();
  writer.ldelim().ldelim();
  return Buffer.from(writer.finish());
}
