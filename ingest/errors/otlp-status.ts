import type { ErrorBody } from '#schemas/errors.js';

/** gRPC codes (google.rpc.Code) by HTTP status: OTLP clients read `code` and `message` of a google.rpc.Status. */
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

/** Our error body that an OTLP client can read as the Status it expects. */
export function withOtlpStatus(body: ErrorBody, httpStatus: number): ErrorBody & { code: number; message: string } {
  return { ...body, code: RPC_CODES[httpStatus] ?? INVALID_ARGUMENT, message: body.error.message };
}
