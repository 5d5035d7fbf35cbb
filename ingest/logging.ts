import type { FastifyRequest, FastifyServerOptions } from 'fastify';

/**
 * What a log line may say of a request: method, path, status. No headers (tokens, cookies), no query (login
 * codes), no body.
 */
const serializers = {
  req: (request: FastifyRequest) => ({ method: request.method, path: request.url.split('?', 1)[0] ?? '' }),
  res: (reply: { statusCode?: number }) => ({ statusCode: reply.statusCode ?? 0 }),
  err: (error: Error) => ({ type: error.name, message: '', stack: '' }),
};

/** The logger as wished for, with our serializers on top. */
export function loggerOptions(logger: FastifyServerOptions['logger']): FastifyServerOptions['logger'] {
  if (logger === undefined || logger === false) return false;
  if (logger === true) return { serializers };
  return { ...logger, serializers: { ...logger.serializers, ...serializers } };
}
