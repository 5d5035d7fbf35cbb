import { MAX_OTLP_BYTES } from '#schemas/otlp-bounds.js';
import { inflate } from '../body/inflate.js';
import type { TelemetryRequest } from './sink.js';

/**
 * Decompresses the body of a request and charges its size to the caller's quota and to the memory of all requests.
 *
 * @throws ShieldwatchError 413 past `MAX_OTLP_BYTES`, 400 for an invalid encoding, 503 when too many bytes are in
 * progress.
 */
export async function readDecompressed(request: TelemetryRequest, orgId: string): Promise<Buffer> {
  const body = await inflate(request.body, request.encoding, MAX_OTLP_BYTES, orgId);
  request.onDecompressed?.(body.length);
  return body;
}
