import type { FastifyRequest, FastifyServerOptions } from 'fastify';

/**
 * What a log line may say of a request: method, pattern of the address, status. Nothing that a client wrote: no headers
 * (tokens, cookies), no query (login codes), no body, and no path. A webhook's path holds its secret, and a mistyped or
 * encoded one belongs to no address that could tell.
 */
const serializers = {
  req: (request: FastifyRequest) => ({
    method: request.method,
    path: request.routeOptions.url ?? '(no such address)',
  }),
  res: (reply: { statusCode?: number }) => ({ statusCode: reply.statusCode ?? 0 }),
  err: (error: Error) => ({ type: error.name, message: '', stack: '' }),
};

/** The logger as wished for, with our serializers on top. */
export function loggerOptions(logger: FastifyServerOptions['logger']): FastifyServerOptions['logger'] {
  if (logger === undefined || logger === false) return false;
  if (logger === true) return { serializers };
  return { ...logger, serializers: { ...logger.serializers, ...serializers } };
}
