import type { FastifyInstance, FastifyRequest } from 'fastify';
import { ShieldwatchError } from '#schemas/errors.js';
import { announcedSize } from '../request/content.js';

/** Bytes of bodies that all requests under way may hold together. */
const MAX_HELD_BYTES = 512 * 1024 * 1024;
/** The part of it that one organisation may hold: another one always finds room. */
const ORG_SHARE = 1 / 2;
const RETRY_AFTER_SECONDS = 1;

declare module 'fastify' {
  interface FastifyInstance {
    /** Counts bytes that a body takes besides those that came, until its request is answered. @throws ShieldwatchError 503. */
    holdBytes(request: FastifyRequest, bytes: number): void;
  }
}

/**
 * Keeps the memory of bodies bounded, whoever sends them and however slowly they go on: what would be too much is told
 * to come back, which clients do. A body whose length is not announced counts as the largest that its address takes, one
 * that is compressed as what it is when decompressed.
 */
export function installHeldBytes(app: FastifyInstance, maxBytes = MAX_HELD_BYTES): void {
  let held = 0;
  const own = new WeakMap<FastifyRequest, number>();
  const byOrg = new Map<string, number>();
  const hold = (request: FastifyRequest, bytes: number): boolean => {
    const before = own.get(request) ?? 0;
    const orgId = request.caller?.orgId ?? '';
    const ofOrg = byOrg.get(orgId) ?? 0;
    // One that is alone is let in, whatever its size: its address has a limit of its own.
    if (held > before && held + bytes > maxBytes) return false;
    if (ofOrg > before && ofOrg + bytes > maxBytes * ORG_SHARE) return false;
    held += bytes;
    byOrg.set(orgId, ofOrg + bytes);
    own.set(request, before + bytes);
    return true;
  };
  const overloaded = (): ShieldwatchError =>
    new ShieldwatchError('overloaded', 'too much is under way just now; try again', {
      retryAfterSeconds: RETRY_AFTER_SECONDS,
    });

  app.addHook('preParsing', (request, reply, _payload, next) => {
    const size = request.method === 'GET' ? 0 : (announcedSize(request) ?? request.routeOptions.bodyLimit);
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
    // A client that goes away leaves the first of them out.
    reply.raw.once('finish', release).once('close', release);
    next();
  });

  app.decorate('holdBytes', (request: FastifyRequest, bytes: number) => {
    // Whoever has gone away already holds nothing that would be released.
    if (own.has(request) && !hold(request, bytes)) throw overloaded();
  });
}
