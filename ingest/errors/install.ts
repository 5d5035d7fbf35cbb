import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { ShieldwatchError } from '#schemas/errors.js';
import { mediaType } from '../request/content.js';
import { PROTOBUF_TYPE } from '../request/content.js';
import { otlpStatusBytes, withOtlpStatus } from './otlp-status.js';
import { toShieldwatchError } from './to-shieldwatch-error.js';

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Adds the fields of an OTLP Status to this route's errors. */
    otlp?: boolean;
  }
}

/** Installs the error handler and the answers 404 and 405. */
export function installErrors(app: FastifyInstance): void {
  const routes: { method: string; pattern: RegExp }[] = [];
  app.addHook('onRoute', ({ method, url }) => {
    const pattern = new RegExp(`^${url.replace(/[.*+?^${}()|[\]\\]/g, '\\$&').replace(/:\w+/g, '[^/]+')}/?$`);
    for (const each of [method].flat()) routes.push({ method: each, pattern });
  });

  app.setErrorHandler(sendError);
  app.setNotFoundHandler((request, reply) => {
    const path = request.url.split('?', 1)[0] ?? '';
    const allowed = routes.filter((route) => route.pattern.test(path)).map((route) => route.method);
    if (allowed.length === 0) {
      return sendError(new ShieldwatchError('not_found', 'there is no such route'), request, reply);
    }
    const methods = [...new Set(allowed)].join(', ');
    reply.header('allow', methods);
    return sendError(new ShieldwatchError('method_not_allowed', `this route accepts ${methods}`), request, reply);
  });
}

/**
 * Answers with the error as JSON, or as a protobuf Status to OTLP/protobuf. Logs 5xx errors without any client-provided
 * text.
 */
export function sendError(error: unknown, request: FastifyRequest, reply: FastifyReply): FastifyReply {
  const shown = toShieldwatchError(error);
  if (shown.status >= 500) request.log.error({ problem: describe(shown) }, shown.message);
  const { retryAfterSeconds } = shown.detail;
  if (retryAfterSeconds !== undefined) reply.header('retry-after', String(retryAfterSeconds));
  const body = shown.toBody();
  const isOtlp = request.routeOptions.config.otlp === true;
  // Closes the connection, because the rest of the body would occupy it.
  if (shown.code === 'body_too_slow') reply.header('connection', 'close');
  reply.code(shown.status);
  if (isOtlp && mediaType(request) === PROTOBUF_TYPE)
    return reply.type(PROTOBUF_TYPE).send(otlpStatusBytes(body, shown.status));
  return reply.type('application/json; charset=utf-8').send(isOtlp ? withOtlpStatus(body, shown.status) : body);
}

/** Returns error names and stack frames only: messages of databases and parsers quote their input. */
function describe(error: ShieldwatchError): Record<string, unknown> {
  const { cause } = error;
  if (!(cause instanceof Error)) return { code: error.code };
  const { code } = cause as { code?: unknown };
  const frames = (cause.stack ?? '').split('\n').filter((line) => line.trimStart().startsWith('at '));
  return {
    code: error.code,
    cause: cause.name,
    ...(typeof code === 'string' || typeof code === 'number' ? { causeCode: code } : {}),
    at: frames.slice(0, 8).map((line) => line.trim()),
  };
}
