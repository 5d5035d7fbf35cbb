import type { FastifyRequest, FastifyServerOptions } from 'fastify';

/**
 * Reduces a request to what may be logged: method, route pattern, status. Nothing that a client wrote is logged: no
 * headers (tokens, cookies), no query (login codes), no body, and no path. The path of a webhook holds its secret, and
 * a mistyped path matches no route that could say where the secret is.
 */
const serializers = {
  req: (request: FastifyRequest) => ({
    method: request.method,
    path: request.routeOptions.url ?? '(no such route)',
  }),
  res: (reply: { statusCode?: number }) => ({ statusCode: reply.statusCode ?? 0 }),
  err: (error: Error) => ({ type: error.name, message: '', stack: '' }),
};

/** Returns the logger options with our serializers in place of its own. */
export function loggerOptions(logger: FastifyServerOptions['logger']): FastifyServerOptions['logger'] {
  if (logger === undefined || logger === false) return false;
  if (logger === true) return { serializers };
  return { ...logger, serializers: { ...logger.serializers, ...serializers } };
}
