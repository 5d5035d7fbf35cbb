import type { FastifyRequest } from 'fastify';
import { bodyParts } from '../request/content.js';

/**
 * Charges a request for what its body is when decompressed: the quota of its token, and the memory of all bodies. The
 * bytes that came are charged already.
 *
 * @throws ShieldwatchError 503 when bodies take too much memory just now.
 */
export function chargeClear(request: FastifyRequest, bytes: number): void {
  const more = bytes - bodyParts(request).reduce((sum, part) => sum + part.length, 0);
  if (more <= 0) return;
  request.server.countBytes(request, more);
  request.server.holdBytes(request, more);
}
