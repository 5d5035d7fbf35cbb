import { randomUUID } from 'node:crypto';
import { ShieldwatchError } from '#schemas/errors.js';
import type { Postgres } from '#schemas/postgres/client.js';
import { asOperatorThenInOrg, inOrg, type Session } from '#schemas/postgres/session.js';
import { RETRY_AFTER_SECONDS } from '../errors/with-store-errors.js';
import { chainEntry, GENESIS, type AuditEntry, type AuditHead, type AuditRecord } from './audit-chain.js';
import type { AuditFiles } from './audit-files.js';

declare module 'fastify' {
  interface FastifyInstance {
    plane: ControlPlane;
  }
}

/** The author of a change, and the organisation. */
export interface Actor {
  orgId: string;
  actor: string;
}

/** Returns the actor for the machine itself: anybody who can open the data folder. */
export const machineActor = (orgId: string): Actor => ({ orgId, actor: 'machine' });

/** A change of state: an entry of the audit trail, and a fact in ClickHouse where a series needs it. */
export interface Change {
  action: string;
  subject: string;
  detail?: AuditRecord['detail'];
  /** Row of `control_event`; its views read `kind` and `state`. */
  fact?: { kind: string; state: string; repository?: string };
}

/**
 * A transaction with changes. Recorded changes are written at its end, so that either both are stored or neither is.
 */
export interface ChangeSession extends Session {
  record(change: Change): Promise<void>;
}

/** Access to the control-plane tables in Postgres, for one organisation at a time. */
export interface ControlPlane {
  read<T>(orgId: string, work: (tx: Session) => Promise<T>): Promise<T>;
  change<T>(actor: Actor, work: (tx: ChangeSession) => Promise<T>): Promise<T>;
  /**
   * Like `change`, with a first step `operate` that creates or changes the organisation itself in the same transaction.
   */
  operate<F, T>(
    actor: Actor,
    operate: (tx: Session) => Promise<F>,
    work: (tx: ChangeSession, operated: F) => Promise<T>,
  ): Promise<T>;
  /** Registers a listener for changes that left a fact in the outbox. */
  onFact(listener: () => void): void;
  /**
   * Registers a listener for failures after a committed change. Unpublished heads are published with the next change.
   */
  onPublishFailed(listener: (error: unknown) => void): void;
}

/** Creates the control plane over a Postgres. Signs the audit trail with the key of `audit`. */
export function createControlPlane(db: Postgres, audit: AuditFiles): ControlPlane {
  const factListeners: (() => void)[] = [];
  const failureListeners: ((error: unknown) => void)[] = [];
  /** Newest unpublished head of each organisation; it also covers those before it. */
  const unpublished = new Map<string, AuditHead>();

  /** Runs `work` in a recording session and writes what it recorded in the same transaction, with one statement. */
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

  /** Runs after the commit: nothing here may fail the change. */
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

/** Passes on our own errors and maps all others to `store_unavailable`. */
async function settled<T>(answer: Promise<T>): Promise<T> {
  try {
    return await answer;
  } catch (cause) {
    if (cause instanceof ShieldwatchError) throw cause;
    const error = new ShieldwatchError('store_unavailable', 'the store is temporarily unavailable; try again', {
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

/** Appends to the organisation's trail. Holds a lock until the transaction ends, so there is one writer at a time. */
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

/** Reads entries of an organisation's trail after a sequence number, oldest first. */
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
