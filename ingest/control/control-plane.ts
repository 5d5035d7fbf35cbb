import { randomUUID } from 'node:crypto';
import { ShieldwatchError } from '#schemas/errors.js';
import type { Postgres } from '#schemas/postgres/client.js';
import { inOrg, type Session } from '#schemas/postgres/session.js';
import { RETRY_AFTER_SECONDS } from '../errors/from-store.js';
import { chainEntry, GENESIS, type AuditEntry, type AuditHead, type AuditRecord } from './audit-chain.js';
import type { AuditFiles } from './audit-files.js';

declare module 'fastify' {
  interface FastifyInstance {
    plane: ControlPlane;
  }
}

/** Who changes something, and in which organisation. */
export interface Actor {
  orgId: string;
  actor: string;
}

/** Whoever may open the data folder of the machine. */
export const machineActor = (orgId: string): Actor => ({ orgId, actor: 'machine' });

/** A change of state: an entry of the audit trail, and where series need it a fact of ClickHouse. */
export interface Change {
  action: string;
  subject: string;
  detail?: AuditRecord['detail'];
  /** Row of `control_event`; `kind` and `state` are what its views read. */
  fact?: { kind: string; state: string; repository?: string };
}

/** A transaction in which something changes. `record` belongs to it: neither is there without the other. */
export interface ChangeSession extends Session {
  record(change: Change): Promise<void>;
}

/** Everything that touches the tables of migration 0002, one organisation at a time. */
export interface ControlPlane {
  read<T>(orgId: string, work: (tx: Session) => Promise<T>): Promise<T>;
  change<T>(actor: Actor, work: (tx: ChangeSession) => Promise<T>): Promise<T>;
  /** Called after every change that left a fact in the outbox. */
  onFact(listener: () => void): void;
}

/** The control plane over a Postgres. Signs the audit trail with the key of `audit`. */
export function createControlPlane(db: Postgres, audit: AuditFiles): ControlPlane {
  const listeners: (() => void)[] = [];

  async function change<T>(actor: Actor, work: (tx: ChangeSession) => Promise<T>): Promise<T> {
    const heads: AuditHead[] = [];
    const facts: unknown[] = [];
    const result = await settled(
      inOrg(db, actor.orgId, (tx) =>
        work({
          query: (sql, params) => tx.query(sql, params),
          async record(entry) {
            const { fact } = entry;
            if (fact !== undefined) {
              facts.push(fact);
              await addToOutbox(tx, actor, { ...entry, fact });
            }
            heads.push(await append(tx, actor, entry, audit));
          },
        }),
      ),
    );
    for (const head of heads) audit.publish(head);
    if (facts.length > 0) for (const listener of listeners) listener();
    return result;
  }

  return {
    read: (orgId, work) => settled(inOrg(db, orgId, work)),
    change,
    onFact: (listener) => void listeners.push(listener),
  };
}

/** Our own refusals go through as they are; anything else is a store that does not answer. */
async function settled<T>(answer: Promise<T>): Promise<T> {
  try {
    return await answer;
  } catch (cause) {
    if (cause instanceof ShieldwatchError) throw cause;
    const error = new ShieldwatchError('store_unavailable', 'the store does not answer just now; try again', {
      retryAfterSeconds: RETRY_AFTER_SECONDS,
    });
    error.cause = cause;
    throw error;
  }
}

async function addToOutbox(tx: Session, { orgId, actor }: Actor, { subject, detail, fact }: Change & Required<Pick<Change, 'fact'>>): Promise<void> {
  await tx.query(
    'INSERT INTO outbox (org_id, event_id, repository, kind, subject, state, actor, detail) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)',
    [orgId, randomUUID(), fact.repository ?? '', fact.kind, subject, fact.state, actor, JSON.stringify(detail ?? {})],
  );
}

/** Appends to the organisation's trail; one writer at a time, until the transaction ends. */
async function append(tx: Session, { orgId, actor }: Actor, { action, subject, detail }: Change, audit: AuditFiles): Promise<AuditHead> {
  await tx.query("SELECT pg_advisory_xact_lock(hashtext('audit'), hashtext($1))", [orgId]);
  const [last] = await tx.query<{ seq: string | number; hash: string }>(
    'SELECT seq, hash FROM audit_entry WHERE org_id = $1 ORDER BY seq DESC LIMIT 1',
    [orgId],
  );
  const seq = Number(last?.seq ?? 0) + 1;
  const record = { seq, orgId, at: new Date().toISOString(), actor, action, subject, detail: detail ?? {} };
  const entry = chainEntry(record, last?.hash ?? GENESIS, audit.key);
  await tx.query(
    'INSERT INTO audit_entry (org_id, seq, record, previous_hash, hash, signature) VALUES ($1, $2, $3, $4, $5, $6)',
    [orgId, seq, entry.record, entry.previousHash, entry.hash, entry.signature],
  );
  return { orgId, seq, hash: entry.hash, signature: entry.signature };
}

/** A stretch of an organisation's trail, oldest first. */
export async function readAudit(tx: Session, orgId: string, after: number, limit: number): Promise<AuditEntry[]> {
  const rows = await tx.query<{ seq: string | number; record: string; previous_hash: string; hash: string; signature: string }>(
    'SELECT seq, record, previous_hash, hash, signature FROM audit_entry WHERE org_id = $1 AND seq > $2 ORDER BY seq LIMIT $3',
    [orgId, after, limit],
  );
  return rows.map((row) => ({
    seq: Number(row.seq),
    record: row.record,
    previousHash: row.previous_hash,
    hash: row.hash,
    signature: row.signature,
  }));
}
