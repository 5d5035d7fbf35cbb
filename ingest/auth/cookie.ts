import type { FastifyRequest } from 'fastify';

const NAME = 'shieldwatch_session';

/** The session's secret, if the browser sent one. */
export function readSessionCookie(request: FastifyRequest): string | undefined {
  for (const part of (request.headers.cookie ?? '').split(';')) {
    const [name, value] = part.trim().split('=', 2);
    if (name === NAME && value !== undefined && value !== '') return value;
  }
  return undefined;
}

/** `Set-Cookie` of a session: not for scripts, not from other sites. */
export function sessionCookie(secret: string, maxAgeSeconds: number, isHttps: boolean): string {
  const attributes = [`${NAME}=${secret}`, 'Path=/', 'HttpOnly', 'SameSite=Strict', `Max-Age=${String(maxAgeSeconds)}`];
  return (isHttps ? [...attributes, 'Secure'] : attributes).join('; ');
}

/**
 * Whether a browser's request came from our own pages. GET and HEAD change nothing and other origins cannot
 * read their answers; anything else must say where it comes from. SameSite=Strict is not enough: every port
 * of a machine is the same site.
 */
export function isOwnOrigin(request: FastifyRequest): boolean {
  if (request.method === 'GET' || request.method === 'HEAD') return true;
  const site = request.headers['sec-fetch-site'];
  if (site !== undefined) return site === 'same-origin';
  const { origin, host } = request.headers;
  return origin !== undefined && host !== undefined && origin === `${request.protocol}://${host}`;
}
