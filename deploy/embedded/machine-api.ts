import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { createOrg, listOrgs, setPlan } from '#ingest/control/orgs.js';
import { CommandError } from '#schemas/errors.js';
import type { Postgres } from '#schemas/postgres/client.js';

/** One request of a local command to the API, as the machine itself. */
export interface MachineRequest {
  orgId?: string;
  method: 'GET' | 'POST' | 'PATCH' | 'PUT' | 'DELETE';
  url: string;
  body?: unknown;
}

const request = z
  .strictObject({
    orgId: z.string().min(1).optional(),
    method: z.enum(['GET', 'POST', 'PATCH', 'PUT', 'DELETE']),
    url: z.string().startsWith('/v1/'),
    body: z.unknown(),
  })
  .partial({ body: true });

const newOrg = z.strictObject({ name: z.string().min(1).max(100), plan: z.enum(['team', 'enterprise']) });
const orgPlan = z.strictObject({ orgId: z.string().min(1), plan: z.enum(['team', 'enterprise']) });

/** Serves the API with owner rights in every organisation, for users with access to the data folder. */
export async function callApi(gateway: FastifyInstance, defaultOrgId: string, body: unknown): Promise<unknown> {
  const parsed = request.safeParse(body);
  if (!parsed.success) throw new CommandError('a call of the API needs a method and an address below /v1/');
  const { orgId, method, url, body: payload } = parsed.data;
  return answerOf(await gateway.asMachine(orgId ?? defaultOrgId, method, url, payload));
}

/** @throws CommandError with the API's own words when it refuses. */
export function answerOf({ status, body }: { status: number; body: string }): unknown {
  if (status >= 400) {
    const { error } = JSON.parse(body) as { error?: { message?: string } };
    throw new CommandError(error?.message ?? `the gateway answered ${status}`);
  }
  try {
    return JSON.parse(body);
  } catch {
    return body;
  }
}

/** Organisations themselves: no token reaches beyond its own, so only the machine lists, adds and upgrades them. */
export async function manageOrgs(
  gateway: FastifyInstance,
  postgres: Postgres,
  method: string,
  body: unknown,
): Promise<unknown> {
  if (method === 'GET') return listOrgs(postgres);
  if (method === 'POST') {
    const parsed = newOrg.safeParse(body);
    if (!parsed.success) throw new CommandError('an organisation needs a name and a plan out of team, enterprise');
    return createOrg(gateway.plane, parsed.data);
  }
  const parsed = orgPlan.safeParse(body);
  if (!parsed.success)
    throw new CommandError('a change of plan needs an organisation and a plan out of team, enterprise');
  return setPlan(gateway.plane, parsed.data.orgId, parsed.data.plan);
}
