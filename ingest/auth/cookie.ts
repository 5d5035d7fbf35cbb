import type { FastifyRequest } from 'fastify';

const NAME = 'shieldwatch_session';

/** Returns the session's secret, if the browser sent one. */
export function readSessionCookie(request: FastifyRequest): string | undefined {
  for (const part of (request.headers.cookie ?? '').split(';')) {
    const [name, value] = part.trim().split('=', 2);
    if (name === NAME && value !== undefined && value !== '') return value;
  }
  return undefined;
}

/** Returns the `Set-Cookie` value of a session: `HttpOnly` and `SameSite=Strict`. */
export function sessionCookie(secret: string, maxAgeSeconds: number, isHttps: boolean): string {
  const attributes = [`${NAME}=${secret}`, 'Path=/', 'HttpOnly', 'SameSite=Strict', `Max-Age=${String(maxAgeSeconds)}`];
  return (isHttps ? [...attributes, 'Secure'] : attributes).join('; ');
}

/**
 * Returns whether a page of our own origin sent the form. Ports of one host are the same site but different origins.
 */
export function isOwnOrigin(request: FastifyRequest): boolean {
  const site = request.headers['sec-fetch-site'];
  if (site !== undefined) return site === 'same-origin';
  const { origin, host } = request.headers;
  return origin !== undefined && host !== undefined && origin === `${request.protocol}://${host}`;
}
