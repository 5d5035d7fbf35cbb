import type { FastifyInstance } from 'fastify';
import { runtimeAnswer, runtimeBody } from '#schemas/http/ingest-runtime.js';
import { addRoute, type RouteSpec } from '../api/route.js';
import type { Repositories } from '../repositories.js';
import type { TelemetrySink } from '../telemetry/sink.js';
import { sendReport, receiveReport } from './receive-report.js';

const SPEC = {
  id: 'ingestRuntime',
  method: 'POST',
  url: '/v1/ingest/runtime',
  tag: 'ingest',
  summary: "Send a batch of AgentShield's runtime log",
  scopes: ['ingest:runtime'],
  role: 'member',
  bodyLimit: 8 * 1024 * 1024,
  body: runtimeBody,
  isReport: true,
  response: runtimeAnswer,
} as const satisfies RouteSpec;

/** Adds `POST /v1/ingest/runtime` (`ingest/CONTRACT.md` 4.2): a batch of AgentShield's runtime log, converted to OTLP. */
export function ingestRuntimeRoute(
  app: FastifyInstance,
  options: { sink: TelemetrySink; repositories: Repositories },
): void {
  addRoute(app, SPEC, async ({ request }) => {
    const { report } = await receiveReport(request, 'runtime', options.repositories);
    await sendReport(options.sink, report, request);
    const { accepted, blocked, allowed, warnings } = report;
    return {
      ok: true as const,
      accepted,
      blocked,
      allowed,
      rollupsUpdated: ['blocked_command_rate'],
      ...(warnings.length === 0 ? {} : { warnings: [...warnings] }),
    };
  });
}
