import type { Session } from '#schemas/postgres/session.js';
import { noticeSchema, type NoticeInput } from './notice.js';

/** A notice for one destination. */
export interface QueuedNotice {
  orgId: string;
  destinationId: string;
  /** At most 200 characters. A repeated one of a destination queues nothing. */
  idempotencyKey: string;
  notice: NoticeInput;
  /** Whether the destination keeps one ticket for the key of the notice, where it has tickets. */
  ticket: boolean;
}

/**
 * Queues a notice within the caller's transaction (`shieldwatch_app` of the organisation, or `shieldwatch_worker`): it is
 * sent if that commits, and by background work. Secrets in its texts are masked, and long texts are cut.
 *
 * @returns the delivery's id; for a repeated idempotency key that of the first.
 * @throws when the notice is not well formed, or the organisation has no such destination.
 */
export async function queueNotice(tx: Session, queued: QueuedNotice): Promise<string> {
  const { orgId, destinationId, idempotencyKey, ticket } = queued;
  if (idempotencyKey.length === 0 || idempotencyKey.length > 200)
    throw new Error('idempotencyKey: expected 1 to 200 characters');
  const notice = noticeSchema.parse(queued.notice);
  const [added] = await tx.query<{ id: string | number }>(
    `INSERT INTO alert_delivery (org_id, destination_id, idempotency_key, key, repository, notice, is_ticket)
     VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (destination_id, idempotency_key) DO NOTHING RETURNING id`,
    [orgId, destinationId, idempotencyKey, notice.key, notice.repository, JSON.stringify(notice), ticket],
  );
  if (added !== undefined) return String(added.id);
  const [known] = await tx.query<{ id: string | number }>(
    'SELECT id FROM alert_delivery WHERE destination_id = $1 AND idempotency_key = $2',
    [destinationId, idempotencyKey],
  );
  if (known === undefined) throw new Error('the delivery of this idempotency key is not of the organisation');
  return String(known.id);
}
