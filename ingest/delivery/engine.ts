import type { Postgres } from '#schemas/postgres/client.js';
import { scrubText } from '#schemas/scrub.js';
import { runInBackground } from '../control/background.js';
import { destinationOf } from './destinations/kinds.js';
import type { Outcome } from './destinations/destination.js';
import { EgressRefused, type Egress } from './egress.js';
import type { Notice } from './notice.js';
import { dueDestinations, lease, markFailed, markSent, prune, type DestinationRow, type LeasedRow } from './outbox.js';
import { visible } from './display.js';
import { ownerOf, SecretsUnusable, type SecretsKey } from './seal.js';
import { ticketStore } from './tickets.js';

/** Milliseconds between two looks for due deliveries. `wake` looks at once. */
const ROUND_MS = 2_000;
/** Milliseconds that one attempt may take, with every request that it needs. Much less than a lease. */
const ATTEMPT_MS = 30_000;
const PRUNE_MS = 3_600_000;
/** Destinations that are sent to at the same time: of one organisation, so that it cannot delay others, and of all. */
const MAX_BUSY_OF_ORG = 32;
const MAX_BUSY = 256;
const MAX_ERROR = 500;
/** Characters of the beginning of a secret that are removed. Fewer reveal nothing, and occur in other texts. */
const MIN_HALF = 4;

export interface DeliverySettings {
  /** Opens the secrets of destinations. */
  key: SecretsKey;
  egress: Egress;
  /** URL at which people reach the gateway, for links in notices. Without one, paths are left out. */
  publicUrl?: string | undefined;
  /** Reports a delivery that will not be attempted again. */
  onDead?: (delivery: { orgId: string; kind: string }) => void;
}

/** Sending of queued notices. */
export interface Delivery {
  /** Looks for due deliveries at once. */
  wake: () => void;
  /** Waits for running attempts, and ends. */
  stop: () => Promise<void>;
}

/**
 * Starts sending. Each destination is sent to on its own, so that a slow one delays no other. `onError` reports a failure
 * of the store; the work is repeated.
 */
export function startDelivery(
  postgres: Postgres,
  settings: DeliverySettings,
  onError: (error: unknown) => void,
): Delivery {
  /** Destinations that are being sent to, with their organisation. */
  const busy = new Map<string, { orgId: string; done: Promise<void> }>();
  let isStopping = false;

  const rounds = runInBackground(
    ROUND_MS,
    async () => {
      for (const { id, org_id: orgId } of await dueDestinations(postgres)) {
        if (isStopping || busy.size >= MAX_BUSY) return;
        const ofOrg = [...busy.values()].filter((each) => each.orgId === orgId).length;
        if (busy.has(id) || ofOrg >= MAX_BUSY_OF_ORG) continue;
        const done = drain(id)
          .catch(onError)
          .finally(() => busy.delete(id));
        busy.set(id, { orgId, done });
      }
    },
    onError,
  );
  const pruning = runInBackground(PRUNE_MS, () => prune(postgres), onError);

  async function drain(destinationId: string): Promise<void> {
    while (!isStopping) {
      const leased = await lease(postgres, destinationId);
      if (leased === undefined) return;
      await Promise.all(leased.deliveries.map((row) => deliver(postgres, settings, leased.destination, row)));
    }
  }

  return {
    wake: rounds.wake,
    async stop() {
      isStopping = true;
      await Promise.all([rounds.stop(), pruning.stop()]);
      await Promise.all([...busy.values()].map(({ done }) => done));
    },
  };
}

/** Makes one attempt and records what became of it. */
async function deliver(
  postgres: Postgres,
  settings: DeliverySettings,
  destination: DestinationRow,
  row: LeasedRow,
): Promise<void> {
  const { outcome, secrets } = await attempt(postgres, settings, destination, row);
  if (outcome.result === 'sent') {
    await markSent(postgres, row, outcome.status);
    return;
  }
  const isDead = await markFailed(postgres, row, {
    status: outcome.status,
    error: withoutSecrets(outcome.error, secrets),
    isFinal: outcome.result === 'failed',
    retryAfterSeconds: outcome.retryAfterSeconds,
  });
  if (isDead) settings.onDead?.({ orgId: row.org_id, kind: destination.kind });
}

async function attempt(
  postgres: Postgres,
  { egress, key, publicUrl }: DeliverySettings,
  destination: DestinationRow,
  row: LeasedRow,
): Promise<{ outcome: Outcome; secrets: string[] }> {
  let secret: unknown;
  try {
    secret = openSecret(key, destination);
  } catch (error) {
    return { outcome: { result: 'failed', error: messageOf(error) }, secrets: [] };
  }
  const secrets = textsOf(secret);
  const timeout = AbortSignal.timeout(ATTEMPT_MS);
  const notice = JSON.parse(row.notice) as Notice;
  try {
    const kind = destinationOf(destination.kind);
    const outcome = await kind.send(
      {
        destinationId: destination.id,
        deliveryId: String(row.id),
        idempotencyKey: row.idempotency_key,
        attempt: row.attempts,
        notice,
        isTicket: row.is_ticket,
        queuedAt: new Date(row.queued_at),
        egress,
        tickets: ticketStore(postgres, {
          orgId: row.org_id,
          destinationId: destination.id,
          key: row.key,
          episode: notice.episode,
        }),
        signal: timeout,
        publicUrl,
      },
      kind.config.parse(JSON.parse(destination.config)),
      kind.secret.parse(secret),
    );
    return { outcome, secrets };
  } catch (error) {
    if (error instanceof EgressRefused) return { outcome: { result: 'failed', error: error.message }, secrets };
    const what = timeout.aborted ? `no answer within ${String(ATTEMPT_MS / 1_000)} seconds` : messageOf(error);
    return { outcome: { result: 'retry', error: what }, secrets };
  }
}

/** @throws SecretsUnusable when there is none, or it was sealed with another key. */
function openSecret(key: SecretsKey, { id, org_id, sealed, seal_key_id }: DestinationRow): unknown {
  if (sealed === null) throw new SecretsUnusable('the destination has no secret');
  if (seal_key_id !== key.id)
    throw new SecretsUnusable('the secret of the destination was sealed with another key; add the destination again');
  return JSON.parse(key.open(sealed, ownerOf(org_id, id)));
}

/** Says what failed by its code: messages of drivers and clients may quote URLs and rows. */
function messageOf(error: unknown): string {
  if (error instanceof SecretsUnusable) return error.message;
  const { code, cause, name } = error as NodeJS.ErrnoException;
  if (typeof code === 'string') return `the connection failed (${code})`;
  const inner = (cause as NodeJS.ErrnoException | undefined)?.code;
  if (typeof inner === 'string') return `the connection failed (${inner})`;
  return `failed (${name})`;
}

/** Returns the secret texts, longest first, and of a URL its path and the parts of it, which a service may repeat alone. */
function textsOf(secret: unknown): string[] {
  const texts = Object.values(secret as Record<string, unknown>).filter((each) => typeof each === 'string');
  const parts = texts
    .filter((text) => URL.canParse(text))
    .flatMap((text) => {
      const { pathname, search, searchParams } = new URL(text);
      return [pathname + search, pathname, ...pathname.split('/'), ...searchParams.values()];
    });
  return [...texts, ...parts].filter((text) => text.length >= 6).sort((a, b) => b.length - a.length);
}

/** Removes the destination's own secrets, and every other, from what a service said. */
function withoutSecrets(text: string, secrets: readonly string[]): string {
  const masked = secrets.reduce((rest, secret) => rest.replaceAll(secret, '[secret]'), text);
  return visible(scrubText(withoutHalf(masked, secrets), MAX_ERROR));
}

/** Removes the beginning of a secret at the end of a text: the answer of a service is cut before it comes here. */
function withoutHalf(text: string, secrets: readonly string[]): string {
  const longest = Math.max(0, ...secrets.map((secret) => lengthOfHalf(text, secret)));
  return longest < MIN_HALF ? text : `${text.slice(0, -longest)}[secret]`;
}

/** Returns how many characters of the beginning of a secret a text ends with. */
function lengthOfHalf(text: string, secret: string): number {
  for (let length = Math.min(text.length, secret.length - 1); length >= MIN_HALF; length -= 1)
    if (text.endsWith(secret.slice(0, length))) return length;
  return 0;
}
