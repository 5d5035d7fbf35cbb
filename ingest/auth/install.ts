import type { FastifyInstance } from 'fastify';
import type { Postgres } from '#schemas/postgres/client.js';
import { inOrg } from '#schemas/postgres/session.js';
import type { Plan } from '../plans.js';
import { withStoreErrors } from '../errors/with-store-errors.js';
import { createInternalCallers, machineCaller, type InternalCallers } from './internal-callers.js';
import { createSessions, type Sessions } from './sessions.js';
import { createTokenLookup, type TokenLookup } from './token-lookup.js';
import type { TokenUse } from './token-use.js';

declare module 'fastify' {
  interface FastifyInstance {
    tokens: TokenLookup;
    sessions: Sessions;
    internalCallers: InternalCallers;
    /** Returns `/boards/login?code=...#key=...`, a one-time link that opens a session within 10 minutes. */
    createLoginLink(orgId: string): string;
    /** Sends one request to the API as the machine itself, an owner of `orgId`. Used by the operator's commands. */
    asMachine(
      orgId: string,
      method: 'GET' | 'POST' | 'PATCH' | 'PUT' | 'DELETE',
      url: string,
      body?: unknown,
    ): Promise<{ status: number; body: string }>;
  }
}

/** Installs the sources of callers: token lookup, browser sessions, the machine itself. */
export function installAuth(app: FastifyInstance, postgres: Postgres, use: TokenUse): void {
  const tokens = createTokenLookup(postgres, use);
  const planOf = async (orgId: string): Promise<Plan | undefined> =>
    (
      await withStoreErrors(
        inOrg(postgres, orgId, (tx) => tx.query<{ plan: Plan }>('SELECT plan FROM org WHERE deleted_at IS NULL')),
      )
    )[0]?.plan;
  const sessions = createSessions(planOf, (hash) => tokens.byHash(hash));
  const internalCallers = createInternalCallers();
  app.decorateRequest('caller', null);
  app.decorate('tokens', tokens);
  app.decorate('sessions', sessions);
  app.decorate('internalCallers', internalCallers);
  app.decorate('createLoginLink', (orgId: string) => {
    const { code, key } = sessions.createLogin(orgId);
    return `/boards/login?code=${code}#key=${key}`;
  });
  app.decorate('asMachine', async (orgId, method, url, body) =>
    internalCallers.inject(app, machineCaller(orgId, await planOf(orgId)), {
      method,
      url,
      ...(body === undefined ? {} : { payload: JSON.stringify(body), headers: { 'content-type': 'application/json' } }),
    }),
  );
}
