import type { Postgres } from '#schemas/postgres/client.js';
import { asRole, inOrg } from '#schemas/postgres/session.js';
import { createControlPlane, machineActor } from '../../control/control-plane.js';
import { auditFilesInMemory } from '../../control/audit-files.js';
import type { DestinationRequest } from '#schemas/http/alert-delivery.js';
import { addDestination } from '../admin.js';
import { createEgress } from '../egress.js';
import { startDelivery, type Delivery, type DeliverySettings } from '../engine.js';
import type { NoticeInput } from '../notice.js';
import { queueNotice } from '../queue.js';
import { secretsKeyInMemory, type SecretsKey } from '../seal.js';
import { noticeOf } from './notice.js';

/** State of a delivery. */
export interface DeliveryState extends Record<string, unknown> {
  id: string | number;
  state: 'waiting' | 'sent' | 'dead';
  attempts: number;
  last_status: number | null;
  last_error: string | null;
  /** Seconds until the next attempt. */
  wait: number;
}

/** A migrated Postgres with the organisation `org_a`, its destinations and deliveries. */
export interface TestOutbox {
  db: Postgres;
  key: SecretsKey;
  /** Settings of an engine that may connect to this machine. */
  settings(over?: Partial<DeliverySettings> & { reroute?: Record<string, string> }): DeliverySettings;
  start(over?: Parameters<TestOutbox['settings']>[0]): Delivery;
  /** Adds a destination and returns its id. */
  add(
    request: Pick<DestinationRequest, 'name' | 'kind' | 'secrets'> & { config?: Record<string, unknown> },
  ): Promise<string>;
  queue(destinationId: string, notice?: Partial<NoticeInput>, idempotencyKey?: string): Promise<string>;
  state(deliveryId: string): Promise<DeliveryState>;
  /** Makes everything that waits due now. */
  hurry(): Promise<void>;
  query(sql: string, params?: readonly unknown[]): Promise<Record<string, unknown>[]>;
}

export async function testOutbox(db: Postgres, key = secretsKeyInMemory()): Promise<TestOutbox> {
  const plane = createControlPlane(db, auditFilesInMemory());
  await asRole(db, 'shieldwatch_operator', {}, (tx) => tx.query("INSERT INTO org (id, name) VALUES ('org_a', 'a')"));
  const query = (sql: string, params: readonly unknown[] = []) => inOrg(db, 'org_a', (tx) => tx.query(sql, params));
  let queued = 0;
  const settings: TestOutbox['settings'] = ({ reroute = {}, ...over } = {}) => ({
    key,
    egress: createEgress({ allow: ['127.0.0.1'], reroute }),
    publicUrl: 'https://shieldwatch.example',
    ...over,
  });
  return {
    db,
    key,
    settings,
    start: (over) =>
      startDelivery(db, settings(over), (error) => {
        process.stderr.write(`delivery failed: ${String(error)}\n`);
      }),
    add: async (request) => (await addDestination(plane, key, machineActor('org_a'), { config: {}, ...request })).id,
    queue(destinationId, notice = {}, idempotencyKey = `n${String((queued += 1))}`) {
      return inOrg(db, 'org_a', (tx) =>
        queueNotice(tx, { orgId: 'org_a', destinationId, idempotencyKey, notice: noticeOf(notice), ticket: true }),
      );
    },
    async state(id) {
      const [row] = await query(
        `SELECT id, state, attempts, last_status, last_error, extract(epoch FROM next_at - now())::float8 AS wait
         FROM alert_delivery WHERE id = $1`,
        [id],
      );
      if (row === undefined) throw new Error('there is no such delivery');
      return row as DeliveryState;
    },
    async hurry() {
      await query("UPDATE alert_delivery SET next_at = now() WHERE state = 'waiting'");
      await query('UPDATE alert_destination SET paused_until = NULL, minute_sent = 0');
    },
    query,
  };
}
