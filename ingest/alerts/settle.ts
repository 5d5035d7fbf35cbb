import type { Session } from '#schemas/postgres/session.js';
import { queueNotice } from '../delivery/queue.js';
import { decide, type Decision } from './decide.js';
import { digestNotice, episodeNotice } from './notice.js';
import {
  markAnnounced,
  markSettled,
  readAnnounced,
  readDestinations,
  readDueDigests,
  readMutes,
  readRoutes,
  readUndecided,
  writeDecisions,
  type EpisodeRow,
} from './store.js';

/**
 * Locks the organisation's episodes until the transaction ends, so that one writer at a time decides about them.
 *
 * @returns the lease of the evaluation that runs; undefined when the organisation is not evaluated
 */
export async function lockEpisodes(tx: Session): Promise<{ lease: string | null; since: Date | string } | undefined> {
  const [row] = await tx.query<{ lease: string | null; since: Date | string }>(
    'SELECT lease, since FROM alert_evaluation FOR UPDATE',
  );
  return row;
}

/**
 * Decides about the notices of all episodes that need it, and queues them, in the caller's transaction: the notice and the
 * decision are stored together or not at all. The caller holds the lock of {@link lockEpisodes}.
 *
 * @returns ids of the episodes with a notice that was queued or waits in a digest
 */
export async function settle(tx: Session, orgId: string, at: number): Promise<Set<string>> {
  const { rows, undecided } = await readUndecided(tx);
  const keys = [...new Set(undecided.map(({ key }) => key))];
  const { announced, suppressed } = await readAnnounced(tx, keys, at);
  const { routes } = await readRoutes(tx);
  const destinations = await readDestinations(tx);
  const decided = decide({
    at,
    routes,
    destinations,
    episodes: undecided,
    mutes: await readMutes(tx, keys),
    announced,
  });
  const tickets = new Set(routes.filter(({ ticket }) => ticket).map(({ name }) => name));
  const written: (Decision & { deliveryId: string | null })[] = [];
  for (const decision of decided.decisions) {
    const episode = rows.get(decision.episodeId);
    if (decision.outcome !== 'queued' || episode === undefined) {
      written.push({ ...decision, deliveryId: null });
      continue;
    }
    const deliveryId = await queueNotice(tx, {
      orgId,
      destinationId: decision.destinationId,
      idempotencyKey: `${episode.id}:${decision.kind}`,
      notice: episodeNotice(episode, decision.kind, { at, suppressed: suppressed.get(episode.key) ?? 0 }),
      ticket: tickets.has(decision.route),
    });
    written.push({ ...decision, deliveryId });
  }
  await writeDecisions(tx, orgId, written, at);
  await markAnnounced(tx, decided.announced, at);
  await markSettled(tx, decided.settled);
  await sendDigests(tx, orgId, new Set(destinations.values()), at);
  return new Set(decided.decisions.filter(({ outcome }) => outcome !== 'suppressed').map(({ episodeId }) => episodeId));
}

/** Queues the digests that are due, for the destinations that are there. Each of their episodes is in one. */
async function sendDigests(tx: Session, orgId: string, live: ReadonlySet<string>, at: number): Promise<void> {
  for (const { destinationId, route, reason, dueAt, episodes } of await readDueDigests(tx, at)) {
    const decisions = (outcome: Decision['outcome'], why: string, deliveryId: string | null) =>
      episodes.map(({ id }) => ({
        ...{ episodeId: id, destinationId, kind: 'firing' as const, outcome, reason: why, route, dueAt, deliveryId },
      }));
    if (!live.has(destinationId)) {
      await writeDecisions(tx, orgId, decisions('suppressed', 'destination_missing', null), at);
      continue;
    }
    const deliveryId = await queueNotice(tx, {
      orgId,
      destinationId,
      idempotencyKey: `digest:${route}:${reason}:${String(at)}`,
      notice: digestNotice(episodes, { orgId, route, reason, at, suppressed: await suppressedOf(tx, episodes, at) }),
      ticket: false,
    });
    await writeDecisions(tx, orgId, decisions('digested', reason, deliveryId), at);
  }
}

/** Returns how many episodes of the same keys were not announced within a day. */
async function suppressedOf(tx: Session, episodes: readonly EpisodeRow[], at: number): Promise<number> {
  const { suppressed } = await readAnnounced(tx, [...new Set(episodes.map(({ key }) => key))], at);
  return [...suppressed.values()].reduce((sum, each) => sum + each, 0);
}
