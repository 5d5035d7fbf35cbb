import type { FastifyRequest, FastifyServerOptions } from 'fastify';
import { redactText } from '#schemas/redaction.js';

/**
 * What a log line may say of a request: method, path, status. No headers (tokens, cookies), no query (login
 * codes), no body. A webhook's path holds its secret, hence the pattern of the address where there is one.
 */
const serializers = {
  req: (request: FastifyRequest) => ({
    method: request.method,
    path: request.routeOptions.url?.includes(':secret') === true ? request.routeOptions.url : redactText(request.url.split('?', 1)[0] ?? ''),
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
