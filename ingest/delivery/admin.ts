import { randomUUID } from 'node:crypto';
import { ShieldwatchError } from '#schemas/errors.js';
import type {
  DeliveryInfo,
  DestinationInfo,
  DestinationKind,
  DestinationRequest,
} from '#schemas/http/alert-delivery.js';
import { fromZod } from '../errors/from-zod.js';
import { randomBase62 } from '../auth/token-format.js';
import type { Actor, ChangeSession, ControlPlane } from '../control/control-plane.js';
import { isoOrNull } from '../control/iso.js';
import { destinationOf } from './destinations/kinds.js';
import type { Notice } from './notice.js';
import { queueNotice } from './queue.js';
import { ownerOf, type SecretsKey } from './seal.js';

/** Maximum destinations of an organisation. */
const MAX_DESTINATIONS = 50;

interface DestinationRow extends Record<string, unknown> {
  id: string;
  name: string;
  kind: DestinationKind;
  config: string;
  created_by: string;
  created_at: Date | string;
  waiting: number;
  dead: number;
}

interface DeliveryRow extends Record<string, unknown> {
  id: string | number;
  destination: string;
  state: DeliveryInfo['state'];
  key: string;
  notice: string;
  attempts: number;
  queued_at: Date | string;
  next_at: Date | string;
  ended_at: Date | string | null;
  last_status: number | null;
  last_error: string | null;
}

const DESTINATION = `SELECT d.id, d.name, d.kind, d.config, d.created_by, d.created_at,
  (SELECT count(*)::int FROM alert_delivery w WHERE w.destination_id = d.id AND w.state = 'waiting') AS waiting,
  (SELECT count(*)::int FROM alert_delivery w WHERE w.destination_id = d.id AND w.state = 'dead') AS dead
  FROM alert_destination d WHERE d.removed_at IS NULL`;

const DELIVERY = `SELECT w.id, d.name AS destination, w.state, w.key, w.notice, w.attempts, w.queued_at, w.next_at, w.ended_at,
  w.last_status, w.last_error FROM alert_delivery w JOIN alert_destination d ON d.id = w.destination_id`;

/**
 * Adds a destination and seals its secrets.
 * @throws ShieldwatchError 400 for settings that are not those of its kind, 409 for a name that is taken.
 */
export async function addDestination(
  plane: ControlPlane,
  key: SecretsKey,
  actor: Actor,
  request: DestinationRequest,
): Promise<DestinationInfo> {
  const kind = destinationOf(request.kind);
  const config = parsed('config', kind.config.safeParse(request.config), request.config);
  const secrets = parsed('secrets', kind.secret.safeParse(request.secrets), request.secrets);
  const id = `destination_${randomBase62(20)}`;
  return plane.change(actor, async (tx) => {
    const known = await tx.query<{ name: string }>('SELECT name FROM alert_destination WHERE removed_at IS NULL');
    if (known.some(({ name }) => name === request.name))
      throw new ShieldwatchError('conflict', 'name: a destination has this name', { field: 'name' });
    if (known.length >= MAX_DESTINATIONS)
      throw new ShieldwatchError('conflict', `an organisation has at most ${String(MAX_DESTINATIONS)} destinations`);
    const added = await tx.query(
      `INSERT INTO alert_destination (id, org_id, name, kind, config, sealed, seal_key_id, created_by)
       VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT (org_id, name) WHERE removed_at IS NULL DO NOTHING RETURNING id`,
      [
        id,
        actor.orgId,
        request.name,
        request.kind,
        JSON.stringify(config),
        key.seal(JSON.stringify(secrets), ownerOf(actor.orgId, id)),
        key.id,
        actor.actor,
      ],
    );
    if (added.length === 0)
      throw new ShieldwatchError('conflict', 'name: a destination has this name', { field: 'name' });
    await tx.record({
      action: 'alert_destination.add',
      subject: id,
      detail: { name: request.name, kind: request.kind },
    });
    return found(tx, request.name);
  });
}

/** Names the field of a wrong setting; its value may be a secret. */
function parsed(
  field: string,
  result: ReturnType<ReturnType<typeof destinationOf>['config']['safeParse']>,
  input: unknown,
): unknown {
  if (result.success) return result.data;
  const { code, message, detail } = fromZod(result.error, input, 'body_invalid');
  const path = detail.field === undefined ? field : `${field}.${detail.field}`;
  throw new ShieldwatchError(
    code,
    `${field}${detail.field === undefined ? '' : '.'}${message.replace(/^the body/, '')}`,
    {
      ...detail,
      field: path,
    },
  );
}

/** Lists a page of destinations after the name `after`, ordered by name. */
export async function listDestinations(
  plane: ControlPlane,
  orgId: string,
  { after, limit }: { after?: string | undefined; limit: number },
): Promise<DestinationInfo[]> {
  const rows = await plane.read(orgId, (tx) =>
    tx.query<DestinationRow>(
      `${DESTINATION} AND ($1::text IS NULL OR d.name COLLATE "C" > $1 COLLATE "C") ORDER BY d.name COLLATE "C" LIMIT $2`,
      [after ?? null, limit],
    ),
  );
  return rows.map(destinationInfo);
}

/** Removes a destination with its secrets. Notices that wait for it become dead. */
export async function removeDestination(plane: ControlPlane, actor: Actor, name: string): Promise<DestinationInfo> {
  return plane.change(actor, async (tx) => {
    const destination = await found(tx, name);
    await tx.query('UPDATE alert_destination SET removed_at = now(), sealed = NULL, seal_key_id = NULL WHERE id = $1', [
      destination.id,
    ]);
    await tx.query(
      `UPDATE alert_delivery SET state = 'dead', ended_at = now(), lease_id = NULL, lease_until = NULL, last_error = 'the destination was removed'
       WHERE destination_id = $1 AND state = 'waiting'`,
      [destination.id],
    );
    await tx.record({
      action: 'alert_destination.remove',
      subject: destination.id,
      detail: { name, kind: destination.kind },
    });
    return destination;
  });
}

/** Queues a notice that is marked as a test. */
export async function testDestination(plane: ControlPlane, actor: Actor, name: string): Promise<DeliveryInfo> {
  return plane.change(actor, async (tx) => {
    const destination = await found(tx, name);
    const test = randomUUID();
    const id = await queueNotice(tx, {
      orgId: actor.orgId,
      destinationId: destination.id,
      idempotencyKey: `test ${test}`,
      ticket: true,
      notice: {
        key: `${actor.orgId}/test/${test}`,
        episode: 1,
        kind: 'test',
        severity: 'warning',
        rule: 'shieldwatch-test',
        title: 'Test notice of Shieldwatch',
        summary: 'Somebody tests this destination. Nothing happened, and nothing needs to be done.',
        repository: null,
        organisation: actor.orgId,
        labels: {},
        value: null,
        threshold: null,
        windowSeconds: null,
        since: new Date().toISOString(),
        until: null,
        suppressed: 0,
        links: { board: '/boards', explain: null, runbook: null },
      },
    });
    await tx.record({ action: 'alert_destination.test', subject: destination.id, detail: { name } });
    return showInSession(tx, id);
  });
}

/** Lists a page of deliveries before the id `before`, newest first. */
export async function listDeliveries(
  plane: ControlPlane,
  orgId: string,
  { state, before, limit }: { state?: DeliveryInfo['state'] | undefined; before?: string | undefined; limit: number },
): Promise<DeliveryInfo[]> {
  const rows = await plane.read(orgId, (tx) =>
    tx.query<DeliveryRow>(
      `${DELIVERY} WHERE ($1::text IS NULL OR w.state = $1) AND ($2::bigint IS NULL OR w.id < $2) ORDER BY w.id DESC LIMIT $3`,
      [state ?? null, before ?? null, limit],
    ),
  );
  return rows.map(deliveryInfo);
}

/** @throws ShieldwatchError 404. */
export async function showDelivery(plane: ControlPlane, orgId: string, id: string): Promise<DeliveryInfo> {
  return plane.read(orgId, (tx) => showInSession(tx, id));
}

/**
 * Sends a dead delivery again, with all attempts.
 * @throws ShieldwatchError 409 when it is not dead, or its destination was removed.
 */
export async function resendDelivery(plane: ControlPlane, actor: Actor, id: string): Promise<DeliveryInfo> {
  return plane.change(actor, async (tx) => {
    const before = await showInSession(tx, id);
    const [row] = await tx.query(
      `UPDATE alert_delivery w SET state = 'waiting', attempts = 0, next_at = now(), ended_at = NULL
       FROM alert_destination d WHERE d.id = w.destination_id AND d.removed_at IS NULL AND w.id = $1 AND w.state = 'dead' RETURNING w.id`,
      [id],
    );
    if (row === undefined)
      throw new ShieldwatchError(
        'conflict',
        before.state === 'dead' ? 'the destination was removed' : `the delivery is ${before.state}, and not dead`,
      );
    await tx.record({
      action: 'alert_delivery.resend',
      subject: id,
      detail: { destination: before.destination },
    });
    return showInSession(tx, id);
  });
}

type Reader = Pick<ChangeSession, 'query'>;

async function found(tx: Reader, name: string): Promise<DestinationInfo> {
  const [row] = await tx.query<DestinationRow>(`${DESTINATION} AND d.name = $1`, [name]);
  if (row === undefined) throw new ShieldwatchError('not_found', 'there is no such destination');
  return destinationInfo(row);
}

async function showInSession(tx: Reader, id: string): Promise<DeliveryInfo> {
  const [row] = await tx.query<DeliveryRow>(`${DELIVERY} WHERE w.id = $1`, [id]);
  if (row === undefined) throw new ShieldwatchError('not_found', 'there is no such delivery');
  return deliveryInfo(row);
}

function destinationInfo(row: DestinationRow): DestinationInfo {
  return {
    id: row.id,
    name: row.name,
    kind: row.kind,
    config: JSON.parse(row.config) as DestinationInfo['config'],
    createdBy: row.created_by,
    createdAt: new Date(row.created_at).toISOString(),
    waiting: row.waiting,
    dead: row.dead,
  };
}

function deliveryInfo(row: DeliveryRow): DeliveryInfo {
  const { kind, title, repository } = JSON.parse(row.notice) as Notice;
  return {
    id: String(row.id),
    destination: row.destination,
    state: row.state,
    kind,
    key: row.key,
    title,
    repository,
    attempts: row.attempts,
    queuedAt: new Date(row.queued_at).toISOString(),
    nextAttemptAt: row.state === 'waiting' ? new Date(row.next_at).toISOString() : null,
    endedAt: isoOrNull(row.ended_at),
    lastStatus: row.last_status,
    lastError: row.last_error,
  };
}
