import type { FastifyRequest } from 'fastify';
import { bodyParts } from '../request/content.js';

/**
 * Charges a request for the decompressed size of its body, against the token's quota and against the memory of all
 * bodies. The compressed bytes were charged before.
 *
 * @throws ShieldwatchError 503 when bodies take too much memory.
 */
export function chargeDecompressed(request: FastifyRequest, bytes: number): void {
  const more = bytes - bodyParts(request).reduce((sum, part) => sum + part.length, 0);
  if (more <= 0) return;
  request.server.countBytes(request, more);
  request.server.reserveBytes(request, more);
}
