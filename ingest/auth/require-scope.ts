import type { FastifyReply, FastifyRequest } from 'fastify';
import { ShieldwatchError } from '#schemas/errors.js';
import type { Scope } from '#schemas/http/scopes.js';
import type { Caller } from './caller.js';
import { HEADER_SESSION_KEY } from '#schemas/semconv.js';
import { readSessionCookie } from './cookie.js';

type Next = (error?: Error) => void;

/**
 * Creates a hook that admits requests whose token (or, for reading, browser session) has one of `scopes`. Use it as
 * `onRequest`, so that the body of an unauthenticated request is never read.
 */
export function requireScope(...scopes: Scope[]): (request: FastifyRequest, reply: FastifyReply, next: Next) => void {
  return (request, reply, next) => {
    const pass = (caller: Caller): void => {
      // Set before a rejection, so that the audit trail can name who was denied.
      request.caller = caller;
      if (caller.isOrgDeleted === true && request.method !== 'GET' && request.method !== 'HEAD') {
        next(new ShieldwatchError('conflict', 'the organisation is deleted and can no longer be changed'));
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
    // Fast path: a token from the cache needs no promise.
    if (!(caller instanceof Promise)) pass(caller);
    else caller.then(pass).catch(next);
  };
}

/**
 * Authenticates a request by ticket, session or token.
 * @throws ShieldwatchError 401 or 429, thrown or as a rejection.
 */
function identify(request: FastifyRequest, reply: FastifyReply): Caller | Promise<Caller> {
  const { authorization } = request.headers;
  const inside = request.server.internalCallers.find(request);
  if (inside !== undefined) return inside;
  if (authorization === undefined) return identifySession(request, reply);
  const token = /^Bearer +(\S+) *$/i.exec(authorization)?.[1];
  const known = (caller: Caller | undefined): Caller => {
    if (caller !== undefined) return caller;
    request.server.countRejectedToken(request);
    reply.header('www-authenticate', 'Bearer error="invalid_token"');
    throw new ShieldwatchError('token_invalid', 'the token is unknown, revoked, expired or mistyped');
  };
  const found = token === undefined ? undefined : request.server.tokens.byToken(token);
  return found instanceof Promise ? found.then(known) : known(found);
}

/** Authenticates a browser session by both of its secrets. A page of another origin cannot send the key's header. */
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
        : `the browser session has ended, or its cookie was sent without its key (${HEADER_SESSION_KEY}); log in at /boards/login, or send a token: Authorization: Bearer eccp_...`,
    );
  };
  return found instanceof Promise ? found.then(known) : known(found);
}
