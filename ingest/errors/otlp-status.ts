import protobuf from 'protobufjs/minimal.js';
import type { ErrorBody } from '#schemas/errors.js';

/** gRPC codes (google.rpc.Code) by HTTP status. OTLP clients read `code` and `message` of a google.rpc.Status. */
const RPC_CODES: Readonly<Record<number, number>> = {
  401: 16,
  403: 7,
  404: 5,
  413: 8,
  429: 8,
  500: 13,
  503: 14,
};
const INVALID_ARGUMENT = 3;

/** Returns the gRPC code of an error by its HTTP status. */
export const rpcCode = (httpStatus: number): number => RPC_CODES[httpStatus] ?? INVALID_ARGUMENT;

/** Adds the fields of a google.rpc.Status to our error body. */
export function withOtlpStatus(body: ErrorBody, httpStatus: number): ErrorBody & { code: number; message: string } {
  return { ...body, code: rpcCode(httpStatus), message: body.error.message };
}

/** Encodes the error as a protobuf google.rpc.Status: `code` is field 1, `message` field 2. */
export function otlpStatusBytes(body: ErrorBody, httpStatus: number): Buffer {
  return Buffer.from(writeStatus(rpcCode(httpStatus), body.error.message).finish());
}

/** Begins a protobuf google.rpc.Status. */
export function writeStatus(code: number, message: string): protobuf.Writer {
  const writer = protobuf.Writer.create();
  writer.uint32((1 << 3) | 0).int32(code);
  writer.uint32((2 << 3) | 2).string(message);
  return writer;
}
