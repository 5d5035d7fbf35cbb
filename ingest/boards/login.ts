import type { FastifyInstance, FastifyReply } from 'fastify';
import { ShieldwatchError } from '#schemas/errors.js';
import { isOwnOrigin, sessionCookie } from '../auth/cookie.js';
import { hashToken } from '../auth/token-format.js';
import { LOGIN_POLICY, loginPage, type Refusal } from './html.js';

/** A link may contain the time range of the boards, such as `now-15m`. */
const RELATIVE_TIME = /^now-\d{1,4}[mhd]$/;
/** Maximum bytes of the form: a token has 42 characters. */
const MAX_FORM_BYTES = 1_024;

/**
 * Serves `/boards/login`. Opens a browser session by a one-time link (GET with `code`) or by a token with `read` (POST
 * of a form). The session's key is in a URL fragment, which is never sent to a server: that of the link, which browsers
 * keep across redirects, or that of the form's answer. The form is always answered with a redirect, so that the
 * browser's history holds no request with a token.
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

  // Without HEAD, which would use up the code.
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
      // Only a time range in a known format is copied from the link to the URL.
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
      // Otherwise a page of another origin could log a browser in as somebody else.
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
  // Under no-referrer a browser would not send the form's origin.
  reply.header('content-security-policy', LOGIN_POLICY).header('referrer-policy', 'same-origin');
  return reply.type('text/html; charset=utf-8').send(loginPage(refused));
}
