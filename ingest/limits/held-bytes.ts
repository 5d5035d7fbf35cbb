import type { FastifyInstance } from 'fastify';
import { ShieldwatchError } from '#schemas/errors.js';
import { announcedSize } from '../body/content.js';

/** Bytes of bodies that all requests under way may hold together. */
const MAX_HELD_BYTES = 512 * 1024 * 1024;
const RETRY_AFTER_SECONDS = 1;

/**
 * Keeps the memory of bodies bounded, whoever sends them and however slowly they go on: what would be too much is told
 * to come back, which clients do. A body whose length is not announced counts as the largest that its address takes.
 */
export function installHeldBytes(app: FastifyInstance, maxBytes = MAX_HELD_BYTES): void {
  let held = 0;
  app.addHook('preParsing', (request, reply, _payload, next) => {
    const size = request.method === 'GET' ? 0 : (announcedSize(request) ?? request.routeOptions.bodyLimit);
    if (size === 0) {
      next();
      return;
    }
    // One that is alone is let in, whatever its size: its address has a limit of its own.
    if (held > 0 && held + size > maxBytes) {
      next(new ShieldwatchError('overloaded', 'too much is under way just now; try again', { retryAfterSeconds: RETRY_AFTER_SECONDS }));
      return;
    }
    held += size;
    let isHeld = true;
    const release = (): void => {
      if (isHeld) held -= size;
      isHeld = false;
    };
    // A client that goes away leaves the first of them out.
    reply.raw.once('finish', release).once('close', release);
    next();
  });
}
