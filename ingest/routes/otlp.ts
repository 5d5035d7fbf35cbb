import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { ShieldwatchError } from '#schemas/errors.js';
import { MAX_OTLP_BYTES, MAX_OTLP_DEPTH, MAX_OTLP_ENTRIES } from '#schemas/otlp-bounds.js';
import { addRoute, type RouteSpec } from '../api/route.js';
import { INGEST_SCOPES, type Caller } from '../auth/caller.js';
import { chargeDecompressed } from '../body/charge-decompressed.js';
import { bodyParts, contentEncoding, mediaType } from '../request/content.js';
import { JSON_TYPE, PROTOBUF_TYPE, type OtlpType } from '../request/content.js';
import { SIGNALS } from '../request/signal.js';
import { acceptedAll, withWarning, type TelemetrySink } from '../telemetry/sink.js';

/** Bytes as received, compressed or not. */
const MAX_BODY_BYTES = 16 * 1024 * 1024;

/** Adds `POST /v1/traces`, `/v1/metrics` and `/v1/logs`: OTLP/HTTP. */
export function otlpRoutes(
  app: FastifyInstance,
  options: { sink: TelemetrySink; planNotice: (caller: Caller) => string | undefined },
): void {
  for (const signal of SIGNALS) {
    const spec = {
      id: `otlp_${signal}`,
      method: 'POST',
      url: `/v1/${signal}`,
      tag: 'ingest',
      summary: `OTLP/HTTP: ${signal}, protobuf or JSON`,
      description: `At most ${String(MAX_OTLP_BYTES / 1024 / 1024)} MiB when decompressed, ${String(MAX_OTLP_ENTRIES)} messages and list elements, and ${String(MAX_OTLP_DEPTH)} levels of messages. The token determines the organisation; tenant attributes and headers of the client are removed.`,
      scopes: INGEST_SCOPES,
      role: 'member',
      bodyLimit: MAX_BODY_BYTES,
      rawBody: [PROTOBUF_TYPE, JSON_TYPE],
      response: z.object({ partialSuccess: z.unknown().optional() }),
    } as const satisfies RouteSpec;
    addRoute(app, spec, async ({ caller, request, reply }) => {
      const type = otlpType(mediaType(request));
      const encoding = contentEncoding(request);
      const body = bodyParts(request);
      // An empty body is a valid, empty protobuf message.
      const isEmpty = body.every((part) => part.length === 0);
      const onDecompressed = (bytes: number): void => {
        chargeDecompressed(request, bytes);
      };
      const onEntries = (entries: number): void => {
        app.countEntries(request, entries);
      };
      const answer = isEmpty
        ? acceptedAll(type)
        : await options.sink.deliver({ signal, type, encoding, body, onDecompressed, onEntries }, caller);
      const answered = withWarning(answer, options.planNotice(caller));
      return reply.type(answered.type).send(answered.body);
    });
  }
}

function otlpType(type: string): OtlpType {
  if (type === JSON_TYPE || type === PROTOBUF_TYPE) return type;
  throw new ShieldwatchError('media_type_unsupported', `content-type: expected ${PROTOBUF_TYPE} or ${JSON_TYPE}`);
}
