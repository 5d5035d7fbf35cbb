import type { FastifyInstance, FastifyRequest } from 'fastify';
import { z } from 'zod';
import { ShieldwatchError } from '#schemas/errors.js';
import { driftAnswer, driftBody, driftWebhookBody, type DriftAnswer } from '#schemas/http/ingest-drift.js';
import { addRoute, checkRole, type RouteSpec } from '../api/route.js';
import { callerOf, type Caller } from '../auth/caller.js';
import { checkTime } from '../body/check-time.js';
import { chooseRepository } from '../choose-repository.js';
import { sendDrift, type Drift } from '../drift/send-drift.js';
import type { Repositories } from '../repositories.js';
import type { TelemetrySink } from '../telemetry/sink.js';

const MAX_BODY_BYTES = 4 * 1024 * 1024;

const SPEC = {
  id: 'ingestDrift',
  method: 'POST',
  url: '/v1/ingest/drift',
  tag: 'ingest',
  summary: "Send a drift: AgentShield's DriftResult",
  scopes: ['ingest:drift'],
  role: 'member',
  isTolerant: true,
  bodyLimit: MAX_BODY_BYTES,
  body: driftBody,
  response: driftAnswer,
} as const satisfies RouteSpec;

/** Before the body is read, as with any token. */
async function bySecret(request: FastifyRequest): Promise<void> {
  const { secret } = request.params as { secret: string };
  const caller = await request.server.tokens.byToken(secret);
  if (caller === undefined || !caller.scopes.includes('webhook:drift') || caller.repository === null) {
    request.server.countRefusal(request);
    throw new ShieldwatchError('token_invalid', 'this webhook address is unknown, revoked or mistyped');
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
    'The stock watcher sends no header and does not name its repository, so the address itself is the secret: a token of scope `webhook:drift`, bound to the repository. It opens nothing else.',
  scopes: [],
  identify: bySecret,
  isTolerant: true,
  bodyLimit: MAX_BODY_BYTES,
  params: z.object({ secret: z.string() }),
  body: driftWebhookBody,
  response: driftAnswer,
} as const satisfies RouteSpec;

/** `POST /v1/ingest/drift` (SPEC 4.3), and what the stock `agentshield watch` posts. */
export function ingestDriftRoutes(app: FastifyInstance, options: { sink: TelemetrySink; repositories: Repositories }): void {
  async function take(drift: Drift, field: string, named: string | null | undefined, caller: Caller, warnings: string[]): Promise<DriftAnswer> {
    checkTime(drift.timestamp, field);
    const repository = await options.repositories.ensure(caller, chooseRepository(named, caller));
    const { eventId, moved } = await sendDrift(options.sink, drift, repository.fullName, caller);
    const allWarnings = [...warnings, ...(moved === 0 ? [] : [`newFindings, resolvedFindings: ${String(moved)} are in both, their lines moved; they are no drift`])];
    return {
      ok: true,
      driftEventId: eventId,
      alertRouted: false,
      rollupsUpdated: ['drift_history'],
      ...(allWarnings.length === 0 ? {} : { warnings: allWarnings }),
    };
  }

  addRoute(app, SPEC, ({ body, caller, warnings }) => take(body, 'timestamp', body.repository, caller, warnings));

  addRoute(app, WEBHOOK_SPEC, ({ body, warnings, request }) => {
    const caller = callerOf(request);
    const { score, ...drift } = body;
    const result = { ...drift, previousScore: score.previous, currentScore: score.current, scoreDelta: score.delta };
    return take(result, 'timestamp', undefined, caller, warnings);
  });
}
