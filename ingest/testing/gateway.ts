import type { FastifyInstance } from 'fastify';
import { freshDatabase, type TestDatabase } from '#schemas/testing/clickhouse.js';
import type { ErrorBody } from '#schemas/errors.js';
import type { Postgres } from '#schemas/postgres/client.js';
import { asRole, inOrg } from '#schemas/postgres/session.js';
import { migratePostgres } from '#schemas/postgres/migrate.js';
import { freshPostgres } from '#schemas/testing/postgres.js';
import { createGateway, type GatewaySettings } from '../app.js';
import { INGEST_SCOPES } from '../auth/caller.js';
import { mintToken } from '../auth/tokens.js';

/** A gateway with real stores of its own and two organisations. */
export interface TestGateway {
  app: FastifyInstance;
  store: TestDatabase;
  postgres: Postgres;
  /** For `org_a`. */
  ingestToken: string;
  readToken: string;
  /** For `org_a`, with the role admin. */
  adminToken: string;
  /** For `org_b`, with all rights there. */
  otherToken: string;
  close(): Promise<void>;
}

export async function startGateway(
  clickhouseUrl: string,
  settings: Partial<GatewaySettings> = {},
): Promise<TestGateway> {
  const store = await freshDatabase(clickhouseUrl);
  const postgres = settings.postgres ?? (await freshPostgres());
  if (settings.postgres !== undefined) await migratePostgres(postgres);
  await asRole(postgres, 'shieldwatch_operator', {}, (tx) =>
    tx.query("INSERT INTO org (id, name, retention_days) VALUES ('org_a', 'a', 30), ('org_b', 'b', 90)"),
  );
  const mint = async (orgId: string, scopes: Parameters<typeof mintToken>[1]['scopes']): Promise<string> =>
    (await inOrg(postgres, orgId, (tx) => mintToken(tx, { orgId, name: 'test', scopes }))).token;
  const app = await createGateway({ clickhouse: store.client, postgres, ...settings });
  return {
    app,
    store,
    postgres,
    ingestToken: await mint('org_a', INGEST_SCOPES),
    readToken: await mint('org_a', ['read']),
    adminToken: await mint('org_a', ['read', 'admin']),
    otherToken: await mint('org_b', [...INGEST_SCOPES, 'read', 'admin']),
    async close() {
      await app.close();
      await postgres.close();
      await store.drop();
    },
  };
}

/** Returns a Postgres that answers every query with an error. */
export function brokenPostgres(message: string): Postgres {
  const fail = (): Promise<never> => Promise.reject(new Error(message));
  return { query: fail, execute: fail, transaction: fail, close: () => Promise.resolve() };
}

/** Returns the headers of a JSON request with a token. */
export function jsonHeaders(token: string): Record<string, string> {
  return { authorization: `Bearer ${token}`, 'content-type': 'application/json' };
}

/** Error body as JSON; on OTLP routes with the fields of an OTLP Status. */
export type Refusal = ErrorBody & { code?: number; message?: string };
