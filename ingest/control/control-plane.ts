import { randomUUID } from 'node:crypto';
import { ShieldwatchError } from '#schemas/errors.js';
import type { Postgres } from '#schemas/postgres/client.js';
import { asOperatorThenInOrg, inOrg, type Session } from '#schemas/postgres/session.js';
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

/** A transaction in which something changes. What it records is written at its end: neither is there without the other. */
export interface ChangeSession extends Session {
  record(change: Change): Promise<void>;
}

/** Everything that touches the tables of migration 0002, one organisation at a time. */
export interface ControlPlane {
  read<T>(orgId: string, work: (tx: Session) => Promise<T>): Promise<T>;
  change<T>(actor: Actor, work: (tx: ChangeSession) => Promise<T>): Promise<T>;
  /** As `change`; before it, in the same transaction, `operate` adds or changes the organisation itself. */
  operate<F, T>(
    actor: Actor,
    operate: (tx: Session) => Promise<F>,
    work: (tx: ChangeSession, operated: F) => Promise<T>,
  ): Promise<T>;
  /** Called after every change that left a fact in the outbox. */
  onFact(listener: () => void): void;
  /** Called when what follows a change that is committed could not be done. The heads are published with the next change. */
  onPublishFailed(listener: (error: unknown) => void): void;
}

/** The control plane over a Postgres. Signs the audit trail with the key of `audit`. */
export function createControlPlane(db: Postgres, audit: AuditFiles): ControlPlane {
  const factListeners: (() => void)[] = [];
  const failureListeners: ((error: unknown) => void)[] = [];
  /** Newest head of each organisation that could not be published; it vouches for those before it. */
  const unpublished = new Map<string, AuditHead>();

  /** Runs `work` with a session that records, and writes what it recorded in the same transaction: one statement for all. */
  async function recorded<T>(
    tx: Session,
    actor: Actor,
    work: (tx: ChangeSession) => Promise<T>,
  ): Promise<{ result: T; heads: AuditHead[]; hasFacts: boolean }> {
    const changes: Change[] = [];
    const result = await work({
      query: (sql, params) => tx.query(sql, params),
      record(entry) {
        changes.push(entry);
        return Promise.resolve();
      },
    });
    const facts = changes.flatMap(({ fact, ...change }) => (fact === undefined ? [] : [{ ...change, fact }]));
    if (facts.length > 0) await addToOutbox(tx, actor, facts);
    return {
      result,
      heads: changes.length === 0 ? [] : await append(tx, actor, changes, audit),
      hasFacts: facts.length > 0,
    };
  }

  /** The change is committed: from here on nothing may fail it. */
  function follow({ heads, hasFacts }: { heads: AuditHead[]; hasFacts: boolean }): void {
    const waiting = [...unpublished.values(), ...heads];
    try {
      if (waiting.length > 0) audit.publish(waiting);
      unpublished.clear();
    } catch (error) {
      for (const head of heads) unpublished.set(head.orgId, head);
      for (const listener of failureListeners) listener(error);
    }
    if (hasFacts) for (const listener of factListeners) listener();
  }

  return {
    read: (orgId, work) => settled(inOrg(db, orgId, work)),
    async change(actor, work) {
      const done = await settled(inOrg(db, actor.orgId, (tx) => recorded(tx, actor, work)));
      follow(done);
      return done.result;
    },
    async operate(actor, operate, work) {
      const done = await settled(
        asOperatorThenInOrg(db, actor.orgId, operate, (tx, operated) =>
          recorded(tx, actor, (session) => work(session, operated)),
        ),
      );
      follow(done);
      return done.result;
    },
    onFact: (listener) => void factListeners.push(listener),
    onPublishFailed: (listener) => void failureListeners.push(listener),
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

async function addToOutbox(
  tx: Session,
  { orgId, actor }: Actor,
  changes: readonly (Change & Required<Pick<Change, 'fact'>>)[],
): Promise<void> {
  await tx.query(
    `INSERT INTO outbox (org_id, event_id, repository, kind, subject, state, actor, detail)
     SELECT $1, event_id, repository, kind, subject, state, $2, detail
     FROM unnest($3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[])
       WITH ORDINALITY AS new (event_id, repository, kind, subject, state, detail, place) ORDER BY place`,
    [
      orgId,
      actor,
      changes.map(() => randomUUID()),
      changes.map(({ fact }) => fact.repository ?? ''),
      changes.map(({ fact }) => fact.kind),
      changes.map(({ subject }) => subject),
      changes.map(({ fact }) => fact.state),
      changes.map(({ detail }) => JSON.stringify(detail ?? {})),
    ],
  );
}

/** Appends to the organisation's trail; one writer at a time, until the transaction ends. */
async function append(
  tx: Session,
  { orgId, actor }: Actor,
  changes: readonly Change[],
  audit: AuditFiles,
): Promise<AuditHead[]> {
  await tx.query("SELECT pg_advisory_xact_lock(hashtext('audit'), hashtext($1))", [orgId]);
  const [last] = await tx.query<{ seq: string | number; hash: string }>(
    'SELECT seq, hash FROM audit_entry WHERE org_id = $1 ORDER BY seq DESC LIMIT 1',
    [orgId],
  );
  const at = new Date().toISOString();
  const entries: AuditEntry[] = [];
  for (const { action, subject, detail } of changes) {
    const before = entries.at(-1);
    const seq = (before?.seq ?? Number(last?.seq ?? 0)) + 1;
    entries.push(
      chainEntry(
        { seq, orgId, at, actor, action, subject, detail: detail ?? {} },
        before?.hash ?? last?.hash ?? GENESIS,
        audit.key,
      ),
    );
  }
  await tx.query(
    `INSERT INTO audit_entry (org_id, seq, record, previous_hash, hash, signature)
     SELECT $1, * FROM unnest($2::bigint[], $3::text[], $4::text[], $5::text[], $6::text[])`,
    [
      orgId,
      entries.map(({ seq }) => String(seq)),
      entries.map(({ record }) => record),
      entries.map(({ previousHash }) => previousHash),
      entries.map(({ hash }) => hash),
      entries.map(({ signature }) => signature),
    ],
  );
  return entries.map(({ seq, hash, signature }) => ({ orgId, seq, hash, signature }));
}

/** A stretch of an organisation's trail, oldest first. */
export async function readAudit(tx: Session, orgId: string, after: number, limit: number): Promise<AuditEntry[]> {
  const rows = await tx.query<{
    seq: string | number;
    record: string;
    previous_hash: string;
    hash: string;
    signature: string;
  }>(
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
