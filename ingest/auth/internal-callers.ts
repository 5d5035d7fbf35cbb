import { randomBytes } from 'node:crypto';
import type { FastifyInstance, FastifyRequest, InjectOptions } from 'fastify';
import type { Plan } from '../plans.js';
import type { Caller } from './caller.js';

const HEADER = 'x-shieldwatch-inside';

/** Callers inside this process: the commands of the machine's operator. */
export interface InternalCallers {
  find(request: FastifyRequest): Caller | undefined;
  /**
   * Sends one request to the API as `caller`, authenticated by a random 256-bit ticket that is valid for this request
   * only.
   */
  inject(app: FastifyInstance, caller: Caller, options: InjectOptions): Promise<{ status: number; body: string }>;
}

export function createInternalCallers(): InternalCallers {
  const tickets = new Map<string, Caller>();
  return {
    find(request) {
      const ticket = request.headers[HEADER];
      return typeof ticket === 'string' ? tickets.get(ticket) : undefined;
    },
    async inject(app, caller, options) {
      const ticket = randomBytes(32).toString('hex');
      tickets.set(ticket, caller);
      try {
        const answer = await app.inject({ ...options, headers: { ...options.headers, [HEADER]: ticket } });
        return { status: answer.statusCode, body: answer.body };
      } finally {
        tickets.delete(ticket);
      }
    },
  };
}

/** Returns the machine's caller: anybody who can open the data folder is an owner of every organisation of this server. */
export function machineCaller(orgId: string, plan: Plan | undefined): Caller {
  return {
    orgId,
    ...(plan === undefined ? {} : { plan }),
    tokenId: 'machine',
    actor: 'machine',
    scopes: ['read', 'admin'],
    role: 'owner',
    repository: null,
    retentionDays: 90,
  };
}
