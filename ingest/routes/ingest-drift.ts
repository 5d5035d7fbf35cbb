import type { FastifyInstance, FastifyRequest } from 'fastify';
import { z } from 'zod';
import { ShieldwatchError } from '#schemas/errors.js';
import { driftAnswer, driftBody, driftWebhookBody, type DriftAnswer } from '#schemas/http/ingest-drift.js';
import { announceDrift } from '../alerts/accept-drift.js';
import { addRoute, checkRole, type RouteSpec } from '../api/route.js';
import { callerOf } from '../auth/caller.js';
import type { ControlPlane } from '../control/control-plane.js';
import type { Repositories } from '../repositories.js';
import type { TelemetrySink } from '../telemetry/sink.js';
import { sendReport, receiveReport } from './receive-report.js';

const MAX_BODY_BYTES = 4 * 1024 * 1024;

const SPEC = {
  id: 'ingestDrift',
  method: 'POST',
  url: '/v1/ingest/drift',
  tag: 'ingest',
  summary: "Send a drift: AgentShield's DriftResult",
  scopes: ['ingest:drift'],
  role: 'member',
  isReport: true,
  bodyLimit: MAX_BODY_BYTES,
  body: driftBody,
  response: driftAnswer,
} as const satisfies RouteSpec;

/** Authenticates by the path's secret, before the body is read. */
async function bySecret(request: FastifyRequest): Promise<void> {
  const { secret } = request.params as { secret: string };
  const caller = await request.server.tokens.byToken(secret);
  if (caller === undefined || !caller.scopes.includes('webhook:drift') || caller.repository === null) {
    request.server.countRejectedToken(request);
    throw new ShieldwatchError('token_invalid', 'this webhook URL is unknown, revoked or mistyped');
  }
  request.caller = caller;
  checkRole(caller, 'member');
}

const WEBHOOK_SPEC = {
  id: 'driftWebhook',
  method: 'POST',
  url: '/v1/webhooks/drift/{secret}',
  tag: 'ingest',
  summary: 'Webhook of `agentshield watch`',
  description:
    'The stock watcher sends no header and does not name its repository, so the URL contains the secret: a token with scope `webhook:drift`, bound to the repository. It gives no other access.',
  scopes: [],
  identify: bySecret,
  isReport: true,
  bodyLimit: MAX_BODY_BYTES,
  params: z.object({ secret: z.string() }),
  body: driftWebhookBody,
  response: driftAnswer,
} as const satisfies RouteSpec;

/** Adds `POST /v1/ingest/drift` (`ingest/CONTRACT.md` 4.3) and the webhook of the stock `agentshield watch`. */
export function ingestDriftRoutes(
  app: FastifyInstance,
  options: { sink: TelemetrySink; repositories: Repositories; plane: ControlPlane },
): void {
  async function take(request: FastifyRequest, kind: 'drift' | 'webhook'): Promise<DriftAnswer> {
    const { report, repository } = await receiveReport(request, kind, options.repositories);
    await sendReport(options.sink, report, request);
    const { eventId, warnings, alert } = report;
    const alertRouted =
      alert !== undefined &&
      (await announceDrift(options.plane, callerOf(request).orgId, {
        ...alert,
        repository: repository.fullName,
        eventId,
      }));
    return {
      ok: true,
      driftEventId: eventId,
      alertRouted,
      rollupsUpdated: ['drift_history'],
      ...(warnings.length === 0 ? {} : { warnings: [...warnings] }),
    };
  }

  addRoute(app, SPEC, ({ request }) => take(request, 'drift'));
  addRoute(app, WEBHOOK_SPEC, ({ request }) => take(request, 'webhook'));
}
