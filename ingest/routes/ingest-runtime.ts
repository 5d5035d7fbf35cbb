import type { FastifyInstance } from 'fastify';
import { isPlainRuntimeBody, runtimeAnswer, runtimeBody } from '#schemas/http/ingest-runtime.js';
import { addRoute, type RouteSpec } from '../api/route.js';
import { chooseRepository } from '../choose-repository.js';
import type { Repositories } from '../repositories.js';
import { toOtlp } from '../runtime/to-otlp.js';
import { PROTOBUF_TYPE, type TelemetrySink } from '../telemetry/sink.js';

const SPEC = {
  id: 'ingestRuntime',
  method: 'POST',
  url: '/v1/ingest/runtime',
  tag: 'ingest',
  summary: "Send a batch of AgentShield's runtime log",
  scopes: ['ingest:runtime'],
  role: 'member',
  isTolerant: true,
  bodyLimit: 8 * 1024 * 1024,
  body: runtimeBody,
  isPlain: isPlainRuntimeBody,
  response: runtimeAnswer,
} as const satisfies RouteSpec;

/** `POST /v1/ingest/runtime` (SPEC 4.2): a batch of AgentShield's runtime log, sent on as OTLP. */
export function ingestRuntimeRoute(app: FastifyInstance, options: { sink: TelemetrySink; repositories: Repositories }): void {
  addRoute(app, SPEC, async ({ caller, body, warnings }) => {
    const named = chooseRepository(body.repository, caller);
    // First: a body that is refused makes no repository.
    const read = toOtlp(body, named, caller.orgId);
    const { fullName } = await options.repositories.ensure(caller, named);
    const { bytes, blocked, allowed } = fullName === named ? read : toOtlp(body, fullName, caller.orgId);
    if (body.entries.length > 0) {
      await options.sink.deliver({ signal: 'traces', type: PROTOBUF_TYPE, encoding: 'identity', body: [bytes] }, caller);
    }
    return {
      ok: true as const,
      accepted: body.entries.length,
      blocked,
      allowed,
      rollupsUpdated: ['blocked_command_rate'],
      ...(warnings.length === 0 ? {} : { warnings }),
    };
  });
}
