import { randomUUID } from 'node:crypto';
import type { Postgres } from '#schemas/postgres/client.js';
import { asRole, type Session } from '#schemas/postgres/session.js';
import type { DestinationKind } from '#schemas/http/alert-delivery.js';

/** Attempts after which a delivery is dead: on average 6 hours after the first. */
export const MAX_ATTEMPTS = 20;
/** Attempts that one destination gets per minute, by all gateways together. */
export const MAX_PER_MINUTE = 30;
/** Deliveries that one gateway sends to one destination at the same time. */
export const MAX_CONCURRENT = 4;
/** Maximum seconds between two attempts, and the most that a `Retry-After` delays. */
export const MAX_DELAY_SECONDS = 3_600;
/** Seconds that a lease lasts; an attempt is aborted long before. */
export const LEASE_SECONDS = 90;
/** Days for which sent and dead deliveries are kept. */
export const SENT_DAYS = 30;
export const DEAD_DAYS = 90;

const FIRST_DELAY_SECONDS = 5;

/*
 * Times are Postgres' own, so that gateways need not agree on the time. A time that is further ahead than any that is
 * ever written was written before the clock was set back, and counts as over.
 */
const IS_DUE = `(w.next_at <= now() OR w.next_at > now() + interval '${String(2 * MAX_DELAY_SECONDS)} seconds')`;
const IS_FREE = `(w.lease_until IS NULL OR w.lease_until <= now() OR w.lease_until > now() + interval '${String(2 * LEASE_SECONDS)} seconds')`;
const IS_PAUSED = `(d.paused_until > now() AND d.paused_until <= now() + interval '${String(2 * MAX_DELAY_SECONDS)} seconds')`;
/** Notices of one key go out one after another. */
const IS_FIRST = `NOT EXISTS (SELECT FROM alert_delivery e WHERE e.destination_id = w.destination_id AND e.key = w.key
  AND e.state = 'waiting' AND e.id < w.id)`;

const worker = <T>(db: Postgres, work: (tx: Session) => Promise<T>): Promise<T> =>
  asRole(db, 'shieldwatch_worker', {}, work);

/** A destination with deliveries that are due. */
export interface DueDestination extends Record<string, unknown> {
  id: string;
  org_id: string;
}

/** Returns destinations with deliveries to send now. */
export function dueDestinations(db: Postgres): Promise<DueDestination[]> {
  return worker(db, (tx) =>
    tx.query<DueDestination>(
      `SELECT d.id, d.org_id FROM alert_destination d JOIN org ON org.id = d.org_id AND org.deleted_at IS NULL
       WHERE d.removed_at IS NULL AND NOT coalesce(${IS_PAUSED}, false)
         AND EXISTS (SELECT FROM alert_delivery w WHERE w.destination_id = d.id AND w.state = 'waiting' AND ${IS_DUE} AND ${IS_FREE})
       ORDER BY d.id`,
    ),
  );
}

/** A destination as background work reads it. */
export interface DestinationRow extends Record<string, unknown> {
  id: string;
  org_id: string;
  kind: DestinationKind;
  config: string;
  sealed: string | null;
  seal_key_id: string | null;
}

/** A leased delivery. */
export interface LeasedRow extends Record<string, unknown> {
  id: string | number;
  org_id: string;
  idempotency_key: string;
  key: string;
  notice: string;
  is_ticket: boolean;
  attempts: number;
  queued_at: Date | string;
  lease_id: string;
}

/** Deliveries that this gateway is to send, with their destination. */
export interface Leased {
  destination: DestinationRow;
  deliveries: LeasedRow[];
}

/**
 * Leases deliveries of a destination, within its rate. An attempt counts when it is leased, so one that ends with the
 * gateway counts too.
 *
 * @returns undefined when there is nothing to send now, or another gateway is leasing.
 */
export function lease(db: Postgres, destinationId: string): Promise<Leased | undefined> {
  return worker(db, async (tx) => {
    const [row] = await tx.query<DestinationRow & { used: number; is_paused: boolean }>(
      `SELECT d.id, d.org_id, d.kind, d.config, d.sealed, d.seal_key_id, coalesce(${IS_PAUSED}, false) AS is_paused,
         CASE WHEN d.minute_at > now() - interval '60 seconds' AND d.minute_at <= now() THEN d.minute_sent ELSE 0 END AS used
       FROM alert_destination d WHERE d.id = $1 AND d.removed_at IS NULL FOR UPDATE SKIP LOCKED`,
      [destinationId],
    );
    if (row === undefined || row.is_paused) return undefined;
    const { used } = row;
    await tx.query(
      `UPDATE alert_delivery w SET state = 'dead', ended_at = now(), lease_id = NULL, lease_until = NULL,
         last_error = 'the gateway ended during the last attempt'
       WHERE w.destination_id = $1 AND w.state = 'waiting' AND w.attempts >= $2 AND ${IS_FREE}`,
      [destinationId, MAX_ATTEMPTS],
    );
    const limit = Math.min(MAX_CONCURRENT, MAX_PER_MINUTE - used);
    if (limit <= 0) return undefined;
    const deliveries = await tx.query<LeasedRow>(
      `UPDATE alert_delivery SET lease_id = $2, lease_until = now() + interval '${String(LEASE_SECONDS)} seconds', attempts = attempts + 1
       WHERE id IN (SELECT w.id FROM alert_delivery w WHERE w.destination_id = $1 AND w.state = 'waiting'
         AND ${IS_DUE} AND ${IS_FREE} AND ${IS_FIRST} ORDER BY w.id LIMIT $3 FOR UPDATE SKIP LOCKED)
       RETURNING id, org_id, idempotency_key, key, notice, is_ticket, attempts, queued_at, lease_id`,
      [destinationId, randomUUID(), limit],
    );
    if (deliveries.length === 0) return undefined;
    await tx.query(
      `UPDATE alert_destination SET minute_at = CASE WHEN $2 THEN now() ELSE minute_at END, minute_sent = $3 WHERE id = $1`,
      [destinationId, used === 0, used + deliveries.length],
    );
    return { destination: row, deliveries };
  });
}

/** Records that a delivery was sent, unless its lease went to another. */
export async function markSent(db: Postgres, row: LeasedRow, status: number | undefined): Promise<void> {
  await worker(db, (tx) =>
    tx.query(
      `UPDATE alert_delivery SET state = 'sent', ended_at = now(), lease_id = NULL, lease_until = NULL, last_status = $3, last_error = NULL
       WHERE id = $1 AND lease_id = $2`,
      [String(row.id), row.lease_id, status ?? null],
    ),
  );
}

/** What went wrong with an attempt. */
export interface Failure {
  status: number | undefined;
  /** Without secrets. */
  error: string;
  isFinal: boolean;
  retryAfterSeconds: number | undefined;
}

/**
 * Records a failed attempt: the delivery is due again after a random part of a delay that doubles with each attempt, or
 * after `Retry-After`, which the whole destination waits for. After {@link MAX_ATTEMPTS}, or finally, it is dead.
 *
 * @returns whether it is dead.
 */
export async function markFailed(db: Postgres, row: LeasedRow, failure: Failure): Promise<boolean> {
  const { status, error, isFinal, retryAfterSeconds } = failure;
  const isDead = isFinal || row.attempts >= MAX_ATTEMPTS;
  await worker(db, async (tx) => {
    const [updated] = await tx.query<{ destination_id: string }>(
      `UPDATE alert_delivery SET state = $3, ended_at = CASE WHEN $3 = 'dead' THEN now() END, lease_id = NULL, lease_until = NULL,
         next_at = now() + make_interval(secs => $4), last_status = $5, last_error = $6
       WHERE id = $1 AND lease_id = $2 RETURNING destination_id`,
      [
        String(row.id),
        row.lease_id,
        isDead ? 'dead' : 'waiting',
        delaySeconds(row.attempts, retryAfterSeconds, Math.random()),
        status ?? null,
        error,
      ],
    );
    if (updated !== undefined && retryAfterSeconds !== undefined && !isFinal)
      await tx.query('UPDATE alert_destination SET paused_until = now() + make_interval(secs => $2) WHERE id = $1', [
        updated.destination_id,
        Math.min(retryAfterSeconds, MAX_DELAY_SECONDS),
      ]);
  });
  return isDead;
}

/** Returns the seconds until the next attempt: exponential backoff with full jitter; `random` is 0 to 1. */
export function delaySeconds(attempts: number, retryAfterSeconds: number | undefined, random: number): number {
  const most = Math.min(MAX_DELAY_SECONDS, FIRST_DELAY_SECONDS * 2 ** Math.min(attempts - 1, 30));
  return Math.min(MAX_DELAY_SECONDS, Math.max(random * most, retryAfterSeconds ?? 0));
}

/** Removes deliveries that ended long ago. */
export async function prune(db: Postgres): Promise<void> {
  await worker(db, (tx) =>
    tx.query(
      `DELETE FROM alert_delivery WHERE (state = 'sent' AND ended_at < now() - interval '${String(SENT_DAYS)} days')
         OR (state = 'dead' AND ended_at < now() - interval '${String(DEAD_DAYS)} days')`,
    ),
  );
}
