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

/** Whether a browser says that a form was sent by a page of ours. Every port of a machine is the same site, but another origin. */
export function isOwnOrigin(request: FastifyRequest): boolean {
  const site = request.headers['sec-fetch-site'];
  if (site !== undefined) return site === 'same-origin';
  const { origin, host } = request.headers;
  return origin !== undefined && host !== undefined && origin === `${request.protocol}://${host}`;
}
