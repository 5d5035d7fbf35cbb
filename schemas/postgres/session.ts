import type { Postgres, Row } from './client.js';

/** Database roles. The migration `create_tenants` defines what each may access. */
export type PostgresRole = 'shieldwatch_app' | 'shieldwatch_auth' | 'shieldwatch_operator' | 'shieldwatch_worker';

/**
 * A transaction that runs as one of our roles. It accepts single statements only, because a script could leave the
 * role.
 */
export interface Session {
  query<T extends Row = Row>(sql: string, params?: readonly unknown[]): Promise<T[]>;
}

/** Runs `work` in a transaction that sees only the rows of one organisation. */
export function inOrg<T>(db: Postgres, orgId: string, work: (tx: Session) => Promise<T>): Promise<T> {
  return asRole(db, 'shieldwatch_app', { 'shieldwatch.org_id': orgId }, work);
}

/**
 * Runs `work` in a transaction as `role`, with `settings` that its policies read. Both are local to the transaction, so
 * a pooled connection keeps neither.
 */
export function asRole<T>(
  db: Postgres,
  role: PostgresRole,
  settings: Readonly<Record<string, string>>,
  work: (tx: Session) => Promise<T>,
): Promise<T> {
  return db.transaction(async (tx) => {
    await enter(tx, role, settings);
    return work({ query: (sql, values) => tx.query(sql, values) });
  });
}

/**
 * Runs `operate` as the operator, who may create and change organisations, and then `work` in the organisation `orgId`,
 * in one transaction.
 */
export function asOperatorThenInOrg<F, T>(
  db: Postgres,
  orgId: string,
  operate: (tx: Session) => Promise<F>,
  work: (tx: Session, operated: F) => Promise<T>,
): Promise<T> {
  return db.transaction(async (tx) => {
    const session: Session = { query: (sql, values) => tx.query(sql, values) };
    await enter(tx, 'shieldwatch_operator', {});
    const operated = await operate(session);
    await enter(tx, 'shieldwatch_app', { 'shieldwatch.org_id': orgId });
    return work(session, operated);
  });
}

async function enter(tx: Session, role: PostgresRole, settings: Readonly<Record<string, string>>): Promise<void> {
  const params = Object.entries({ ...settings, role }).flat();
  const calls = params.flatMap((_, index) =>
    index % 2 === 0 ? [`set_config($${index + 1}, $${index + 2}, true)`] : [],
  );
  await tx.query(`SELECT ${calls.join(', ')}`, params);
}
