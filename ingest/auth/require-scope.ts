import type { FastifyReply, FastifyRequest } from 'fastify';
import { ShieldwatchError } from '#schemas/errors.js';
import type { Scope } from '#schemas/http/scopes.js';
import type { Caller } from './caller.js';
import { HEADER_SESSION_KEY } from '#schemas/semconv.js';
import { readSessionCookie } from './cookie.js';

type Next = (error?: Error) => void;

/**
 * A hook that lets a request pass when its token (or, for reading, its browser session) has one of `scopes`.
 * Use it as `onRequest`, so that a stranger's body is not even read; it works as `preHandler` too.
 */
export function requireScope(...scopes: Scope[]): (request: FastifyRequest, reply: FastifyReply, next: Next) => void {
  return (request, reply, next) => {
    const pass = (caller: Caller): void => {
      // Known before it is refused: who was denied what goes into the audit trail.
      request.caller = caller;
      if (caller.isOrgDeleted === true && request.method !== 'GET' && request.method !== 'HEAD') {
        next(new ShieldwatchError('conflict', 'the organisation is deleted: nothing is changed there any more'));
        return;
      }
      const isEnough = scopes.some((scope) => caller.scopes.includes(scope));
      next(
        isEnough
          ? undefined
          : new ShieldwatchError('scope_missing', `this needs a token with scope ${scopes.join(' or ')}`),
      );
    };
    const caller = identify(request, reply);
    // A token that was looked up within the last second: most requests take this way, and wait for nothing.
    if (!(caller instanceof Promise)) pass(caller);
    else caller.then(pass).catch(next);
  };
}

/** @throws ShieldwatchError 401 or 429, at once or by rejecting. */
function identify(request: FastifyRequest, reply: FastifyReply): Caller | Promise<Caller> {
  const { authorization } = request.headers;
  const inside = request.server.insiders.find(request);
  if (inside !== undefined) return inside;
  if (authorization === undefined) return identifySession(request, reply);
  const token = /^Bearer +(\S+) *$/i.exec(authorization)?.[1];
  const known = (caller: Caller | undefined): Caller => {
    if (caller !== undefined) return caller;
    request.server.countRefusal(request);
    reply.header('www-authenticate', 'Bearer error="invalid_token"');
    throw new ShieldwatchError('token_invalid', 'the token is unknown, revoked, expired or mistyped');
  };
  const found = token === undefined ? undefined : request.server.tokens.byToken(token);
  return found instanceof Promise ? found.then(known) : known(found);
}

/** A session needs both of its secrets. The key comes in a header of its own, which no page of another origin can send. */
function identifySession(request: FastifyRequest, reply: FastifyReply): Caller | Promise<Caller> {
  const cookie = readSessionCookie(request);
  const key = request.headers[HEADER_SESSION_KEY];
  const found =
    cookie === undefined ? undefined : request.server.sessions.find(cookie, typeof key === 'string' ? key : undefined);
  const known = (caller: Caller | undefined): Caller => {
    if (caller !== undefined) return caller;
    reply.header('www-authenticate', 'Bearer');
    throw new ShieldwatchError(
      'token_missing',
      cookie === undefined
        ? 'send a token: Authorization: Bearer eccp_...'
        : `the browser session has ended, or its cookie came without its key (${HEADER_SESSION_KEY}); log in at /boards/login, or send a token: Authorization: Bearer eccp_...`,
    );
  };
  return found instanceof Promise ? found.then(known) : known(found);
}
