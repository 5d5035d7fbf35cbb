import type { FastifyInstance } from 'fastify';
import { ShieldwatchError } from '#schemas/errors.js';
import { callerOf, INGEST_SCOPES } from '../auth/caller.js';
import { requireScope } from '../auth/require-scope.js';
import { bodyBytes, contentEncoding, mediaType } from '../body/content.js';
import { acceptedAll, JSON_TYPE, PROTOBUF_TYPE, SIGNALS, type OtlpType, type TelemetrySink } from '../telemetry/sink.js';

const MAX_BODY_BYTES = 16 * 1024 * 1024;

/** `POST /v1/traces`, `/v1/metrics` and `/v1/logs`: OTLP/HTTP. */
export function otlpRoutes(app: FastifyInstance, options: { sink: TelemetrySink }): void {
  for (const signal of SIGNALS) {
    app.post(
      `/v1/${signal}`,
      { onRequest: requireScope(...INGEST_SCOPES), bodyLimit: MAX_BODY_BYTES, config: { otlp: true } },
      async (request, reply) => {
        const type = otlpType(mediaType(request));
        const encoding = contentEncoding(request);
        const body = bodyBytes(request);
        // No bytes are a valid message of protobuf: one that holds nothing.
        const answer =
          body.length === 0
            ? acceptedAll(type)
            : await options.sink.deliver({ signal, type, encoding, body }, callerOf(request));
        return reply.type(answer.type).send(answer.body);
      },
    );
  }
}

function otlpType(type: string): OtlpType {
  if (type === JSON_TYPE || type === PROTOBUF_TYPE) return type;
  throw new ShieldwatchError('media_type_unsupported', `content-type: expected ${PROTOBUF_TYPE} or ${JSON_TYPE}`);
}
