import type { FastifyInstance, FastifyReply } from 'fastify';
import { ShieldwatchError } from '#schemas/errors.js';
import { isOwnOrigin, sessionCookie } from '../auth/cookie.js';
import { hashToken } from '../auth/token-format.js';
import { LOGIN_POLICY, loginPage, type Refusal } from './html.js';

/** A link may say how far back the boards should look, e.g. `now-15m`. */
const RELATIVE_TIME = /^now-\d{1,4}[mhd]$/;
/** Bytes of the form: a token is 42 characters. */
const MAX_FORM_BYTES = 1_024;

/**
 * `/boards/login`: opens a browser session by a one-time link (GET with `code`) or by a token that may read (a form, POST).
 * The session's key travels in the fragment of an address, which no server is sent: the link's own, which browsers keep
 * when they are redirected, or that of the answer to the form. Every answer to the form is a redirect, so that the browser
 * keeps no request with a token in its history.
 */
export function login(app: FastifyInstance, _options: object, done: () => void): void {
  app.removeAllContentTypeParsers();
  app.addContentTypeParser(
    'application/x-www-form-urlencoded',
    { parseAs: 'string', bodyLimit: MAX_FORM_BYTES },
    (_request, body, parsed) => {
      parsed(null, new URLSearchParams(String(body)));
    },
  );

  // No HEAD: it would use up the code.
  app.get<{ Querystring: { code?: unknown; from?: unknown; refused?: unknown } }>(
    '/boards/login',
    { exposeHeadRoute: false },
    (request, reply) => {
      const { code, from, refused } = request.query;
      if (code === undefined)
        return sendLogin(
          reply.code(isRefusal(refused) && refused !== 'session' ? 401 : 200),
          isRefusal(refused) ? refused : undefined,
        );
      const session = typeof code === 'string' ? app.sessions.open(code) : undefined;
      if (session === undefined) return sendLogin(reply.code(401), 'link');
      reply.header('set-cookie', sessionCookie(session.cookie, session.maxAgeSeconds, request.protocol === 'https'));
      // Nothing of the link goes into the address but a range of a known form.
      return reply.redirect(
        `/boards${typeof from === 'string' && RELATIVE_TIME.test(from) ? `?from=${from}&to=now` : ''}`,
        303,
      );
    },
  );

  app.post<{ Body: URLSearchParams | undefined }>(
    '/boards/login',
    { bodyLimit: MAX_FORM_BYTES },
    async (request, reply) => {
      // Else a page of another origin could log a browser in as somebody else.
      if (!isOwnOrigin(request))
        throw new ShieldwatchError(
          'scope_missing',
          'the form of our own login page opens a session, and no other page does',
        );
      const token = request.body?.get('token')?.trim() ?? '';
      const caller = await app.tokens.byToken(token);
      if (caller === undefined || caller.isOrgDeleted === true) {
        app.countRejectedToken(request);
        return reply.redirect('/boards/login?refused=token', 303);
      }
      if (!caller.scopes.includes('read')) return reply.redirect('/boards/login?refused=scope', 303);
      const session = app.sessions.openForToken(caller.orgId, hashToken(token));
      reply.header('set-cookie', sessionCookie(session.cookie, session.maxAgeSeconds, request.protocol === 'https'));
      return reply.redirect(`/boards#key=${session.key}`, 303);
    },
  );
  done();
}

const isRefusal = (value: unknown): value is Refusal =>
  value === 'link' || value === 'token' || value === 'scope' || value === 'session';

function sendLogin(reply: FastifyReply, refused: Refusal | undefined): FastifyReply {
  // Under no-referrer a browser would not say where the form was sent from.
  reply.header('content-security-policy', LOGIN_POLICY).header('referrer-policy', 'same-origin');
  return reply.type('text/html; charset=utf-8').send(loginPage(refused));
}
