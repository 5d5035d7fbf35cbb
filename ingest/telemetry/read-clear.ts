import { MAX_OTLP_BYTES } from '#schemas/otlp-bounds.js';
import { inflate } from '../body/inflate.js';
import type { TelemetryRequest } from './sink.js';

/**
 * The bytes of a request when decompressed, which the caller's quota and the memory of all requests are charged for.
 *
 * @throws ShieldwatchError 413 past `MAX_OTLP_BYTES`, 400 for a body that is not encoded as it says, 503 when too much is
 * under way.
 */
export async function readClear(request: TelemetryRequest, orgId: string): Promise<Buffer> {
  const body = await inflate(request.body, request.encoding, MAX_OTLP_BYTES, orgId);
  request.onClear?.(body.length);
  return body;
}
