import type { FastifyInstance } from 'fastify';
import { ShieldwatchError } from '#schemas/errors.js';
import type { Postgres } from '#schemas/postgres/client.js';
import { inOrg } from '#schemas/postgres/session.js';
import { fromStore } from '../errors/from-store.js';
import { sessionCookie } from './cookie.js';
import { createInsiders, machineCaller, type Insiders } from './insiders.js';
import { createSessions, type Sessions } from './sessions.js';
import { createTokenLookup, type TokenLookup } from './token-lookup.js';
import type { TokenUse } from './token-use.js';

declare module 'fastify' {
  interface FastifyInstance {
    findToken: TokenLookup;
    sessions: Sessions;
    insiders: Insiders;
    /** A single-use code for `/boards/login?code=...`, good for 10 minutes; for a link printed on the console. */
    createLoginCode(orgId: string): string;
    /** One request to the API as the machine itself, an owner of `orgId`; for the commands of the data folder's holder. */
    asMachine(orgId: string, method: 'GET' | 'POST' | 'PATCH' | 'PUT' | 'DELETE', url: string, body?: unknown): Promise<{ status: number; body: string }>;
  }
}

/** A link may say how far back the boards should look, e.g. `now-15m`. */
const RELATIVE_TIME = /^now-\d{1,4}[mhd]$/;

/** Gives the app its callers: token lookup, browser sessions and the page that opens one, the machine itself. */
export function installAuth(app: FastifyInstance, postgres: Postgres, use: TokenUse): void {
  const sessions = createSessions(async (orgId) => {
    const live = await fromStore(inOrg(postgres, orgId, (tx) => tx.query('SELECT id FROM org WHERE deleted_at IS NULL')));
    return live.length > 0;
  });
  const insiders = createInsiders();
  app.decorateRequest('caller', null);
  app.decorate('findToken', createTokenLookup(postgres, use));
  app.decorate('sessions', sessions);
  app.decorate('insiders', insiders);
  app.decorate('createLoginCode', (orgId: string) => sessions.createLoginCode(orgId));
  app.decorate('asMachine', (orgId, method, url, body) =>
    insiders.inject(app, machineCaller(orgId), {
      method,
      url,
      ...(body === undefined ? {} : { payload: JSON.stringify(body), headers: { 'content-type': 'application/json' } }),
    }),
  );

  app.get<{ Querystring: { code?: unknown; from?: unknown } }>('/boards/login', async (request, reply) => {
    const { code, from } = request.query;
    const session = typeof code === 'string' ? sessions.open(code) : undefined;
    if (session === undefined) {
      throw new ShieldwatchError('token_invalid', 'this login link is unknown, used or older than 10 minutes; make a new one');
    }
    reply.header('set-cookie', sessionCookie(session.secret, session.maxAgeSeconds, request.protocol === 'https'));
    // Nothing of the link goes into the address but a range of a known form.
    const range = typeof from === 'string' && RELATIVE_TIME.test(from) ? `?from=${from}&to=now` : '';
    return reply.redirect(`/boards${range}`, 303);
  });
}
