import type { FastifyInstance } from 'fastify';
import { ShieldwatchError, type ErrorCode } from '#schemas/errors.js';
import type { ControlPlane } from './control-plane.js';

/** Errors that are written to the audit trail, because the caller is authenticated. */
const DENIALS = new Set<ErrorCode>(['scope_missing', 'role_missing', 'repository_not_allowed']);
/**
 * Milliseconds for which repeated denials of the same caller and route are one entry, so that a loop cannot fill the
 * trail.
 */
const ONCE_PER_MS = 60_000;
const MAX_KEPT = 10_000;

/** Records denied access in the audit trail of the caller's organisation. */
export function auditDenials(app: FastifyInstance, plane: ControlPlane): void {
  const recordedUntil = new Map<string, number>();
  app.addHook('onError', async (request, _reply, error) => {
    const { caller } = request;
    if (caller === null || !(error instanceof ShieldwatchError)) return;
    if (!DENIALS.has(error.code) && error.detail.isDenied !== true) return;
    // The route pattern, never the path: a webhook's path holds its secret.
    const route = `${request.method} ${request.routeOptions.url ?? ''}`;
    const key = `${caller.tokenId}\0${route}\0${error.code}`;
    const now = Date.now();
    if ((recordedUntil.get(key) ?? 0) > now) return;
    if (recordedUntil.size >= MAX_KEPT) recordedUntil.clear();
    recordedUntil.set(key, now + ONCE_PER_MS);
    await plane
      .change(caller, (tx) => tx.record({ action: 'access.denied', subject: route, detail: { code: error.code } }))
      .catch((failure: unknown) => {
        recordedUntil.delete(key);
        request.log.error(
          { problem: failure instanceof Error ? failure.name : 'unknown' },
          'a denial could not be written to the audit trail',
        );
      });
  });
}
