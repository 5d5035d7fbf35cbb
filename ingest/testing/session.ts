import type { FastifyInstance } from 'fastify';
import { HEADER_SESSION_KEY } from '#schemas/semconv.js';

/** Headers of a request of the boards page: cookie and key of a session. */
export interface SessionHeaders {
  [name: string]: string;
  cookie: string;
}

const headersOf = (cookie: unknown, key: string): SessionHeaders => ({
  cookie: String(cookie).split(';', 1)[0] ?? '',
  [HEADER_SESSION_KEY]: key,
});

/** Opens a session by a link of the machine, like a browser. */
export async function openSession(app: FastifyInstance, orgId: string): Promise<SessionHeaders> {
  const [address = '', key = ''] = app.createLoginLink(orgId).split('#key=');
  return headersOf((await app.inject(address)).headers['set-cookie'], key);
}

/** Submits the form of the login page, like a browser. */
export function sendLoginForm(
  app: FastifyInstance,
  token: string,
  headers: Readonly<Record<string, string>> = { 'sec-fetch-site': 'same-origin' },
  remoteAddress = '127.0.0.1',
) {
  return app.inject({
    method: 'POST',
    remoteAddress,
    url: '/boards/login',
    headers: { 'content-type': 'application/x-www-form-urlencoded', ...headers },
    payload: new URLSearchParams({ token }).toString(),
  });
}

/** Opens a session with a token, through the form. */
export async function openTokenSession(app: FastifyInstance, token: string): Promise<SessionHeaders> {
  const { headers } = await sendLoginForm(app, token);
  return headersOf(headers['set-cookie'], String(headers.location).split('#key=')[1] ?? '');
}
