import type { Scope } from '#schemas/http/scopes.js';
import type { Postgres } from '#schemas/postgres/client.js';
import type { Session } from '#schemas/postgres/session.js';
import { DEFAULT_LANDING_RETENTION_DAYS } from '#schemas/time.js';
import { INGEST_SCOPES } from '../auth/caller.js';
import { mintToken } from '../auth/tokens.js';
import { auditFilesInMemory, type AuditFiles } from './audit-files.js';
import { createControlPlane, machineActor } from './control-plane.js';

/** Organisation of a machine that was started for the first time. */
export const LOCAL_ORG_ID = 'org_local';

export interface FirstTokens {
  orgId: string;
  readToken: string;
  ingestToken: string;
}

/**
 * On the very first start, when there is no organisation yet: creates `org_local` with one token to read and
 * one to send. Undefined on every later start, since tokens are shown once. A machine of one's own has no
 * plan to outgrow.
 */
export async function ensureFirstTokens(
  db: Postgres,
  audit: AuditFiles = auditFilesInMemory(),
): Promise<FirstTokens | undefined> {
  const create = (tx: Session): Promise<unknown[]> =>
    tx.query(
      `INSERT INTO org (id, name, plan, retention_days)
       SELECT $1, 'local', 'enterprise', $2 WHERE NOT EXISTS (SELECT 1 FROM org)
       ON CONFLICT DO NOTHING RETURNING id`,
      [LOCAL_ORG_ID, DEFAULT_LANDING_RETENTION_DAYS],
    );
  return createControlPlane(db, audit).operate(machineActor(LOCAL_ORG_ID), create, async (tx, created) => {
    if (created.length === 0) return undefined;
    const mint = async (name: string, scopes: readonly Scope[]): Promise<string> => {
      const { id, token } = await mintToken(tx, { orgId: LOCAL_ORG_ID, name, scopes });
      await tx.record({
        action: 'token.mint',
        subject: id,
        detail: { name, scopes: scopes.join(' ') },
        fact: { kind: 'token', state: 'live' },
      });
      return token;
    };
    return {
      orgId: LOCAL_ORG_ID,
      readToken: await mint('first read token', ['read']),
      ingestToken: await mint('first ingest token', INGEST_SCOPES),
    };
  });
}
