import type { FastifyInstance, FastifyRequest } from 'fastify';
import { ShieldwatchError } from '#schemas/errors.js';
import { contentLength } from '../request/content.js';

/** Maximum bytes that the bodies of all concurrent requests may hold. */
const MAX_HELD_BYTES = 512 * 1024 * 1024;
/** Maximum share of one organisation, so that others are never locked out. */
const ORG_SHARE = 1 / 2;
const RETRY_AFTER_SECONDS = 1;

declare module 'fastify' {
  interface FastifyInstance {
    /**
     * Counts additional bytes that a body takes, until its request is answered.
     * @throws ShieldwatchError 503.
     */
    reserveBytes(request: FastifyRequest, bytes: number): void;
  }
}

/**
 * Limits the memory of request bodies, however slowly they arrive. Requests over the limit get 503 with Retry-After. A
 * body of unknown length counts as the maximum of its route, a compressed body as its decompressed size.
 */
export function installHeldBytes(app: FastifyInstance, maxBytes = MAX_HELD_BYTES): void {
  let held = 0;
  const own = new WeakMap<FastifyRequest, number>();
  const byOrg = new Map<string, number>();
  const hold = (request: FastifyRequest, bytes: number): boolean => {
    const before = own.get(request) ?? 0;
    const orgId = request.caller?.orgId ?? '';
    const ofOrg = byOrg.get(orgId) ?? 0;
    // The only request of an organisation is admitted at any size, because its route has a limit of its own.
    if (held > before && held + bytes > maxBytes) return false;
    if (ofOrg > before && ofOrg + bytes > maxBytes * ORG_SHARE) return false;
    held += bytes;
    byOrg.set(orgId, ofOrg + bytes);
    own.set(request, before + bytes);
    return true;
  };
  const overloaded = (): ShieldwatchError =>
    new ShieldwatchError('overloaded', 'too many bytes of request bodies are in progress; try again', {
      retryAfterSeconds: RETRY_AFTER_SECONDS,
    });

  app.addHook('preParsing', (request, reply, _payload, next) => {
    const size = request.method === 'GET' ? 0 : (contentLength(request) ?? request.routeOptions.bodyLimit);
    if (size === 0) {
      next();
      return;
    }
    if (!hold(request, size)) {
      next(overloaded());
      return;
    }
    const release = (): void => {
      const size = own.get(request) ?? 0;
      own.delete(request);
      const orgId = request.caller?.orgId ?? '';
      const ofOrg = (byOrg.get(orgId) ?? 0) - size;
      held -= size;
      if (ofOrg > 0) byOrg.set(orgId, ofOrg);
      else byOrg.delete(orgId);
    };
    // 'close' also covers clients that disconnect early.
    reply.raw.once('finish', release).once('close', release);
    next();
  });

  app.decorate('reserveBytes', (request: FastifyRequest, bytes: number) => {
    // A client that disconnected already would never release what it holds.
    if (own.has(request) && !hold(request, bytes)) throw overloaded();
  });
}
