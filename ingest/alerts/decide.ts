import type { AlertRoute } from '#schemas/http/alerts.js';
import { isCovered, takes, type Routed } from './match.js';

/** Maximum notices of one kind that a destination gets at once in one evaluation (a minute); the others are in one digest. */
export const MAX_AT_ONCE = 20;
/** Of one key, episodes that are announced in an hour and in a day. Others wait, and are announced if they still fire. */
export const MAX_PER_HOUR = 3;
export const MAX_PER_DAY = 12;
const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

export type NoticeKind = 'firing' | 'still_firing' | 'acknowledged' | 'resolved';
export type Outcome = 'queued' | 'waiting' | 'digested' | 'suppressed';

/** A decision about one notice; see `alert_decision`. */
export interface Decision {
  episodeId: string;
  /** Empty: no destination was chosen. */
  destinationId: string;
  kind: NoticeKind;
  outcome: Outcome;
  reason: string;
  route: string;
  /** Of a digest that is waiting. */
  dueAt: number | null;
}

/** An episode about which something is to be decided. */
export interface Undecided extends Routed {
  id: string;
  key: string;
  isOpen: boolean;
  isResolved: boolean;
  since: number;
  announcedAt: number | null;
  acknowledgedAt: number | null;
  /** Whether its ticket was closed, and it fired in an evaluation after that. */
  isTicketWrong: boolean;
  decisions: readonly Decision[];
}

export interface DecideInput {
  at: number;
  routes: readonly AlertRoute[];
  /** Ids of destinations by name. */
  destinations: ReadonlyMap<string, string>;
  episodes: readonly Undecided[];
  /** Ends of mutes by key. */
  mutes: ReadonlyMap<string, number>;
  /** Times at which episodes of a key were announced within a day. */
  announced: ReadonlyMap<string, readonly number[]>;
}

export interface Decided {
  decisions: Decision[];
  /** Episodes of which a notice is on its way, or waits in a digest. */
  announced: string[];
  /** Episodes about which nothing remains to be decided. */
  settled: string[];
}

/** Returns when a digest goes: at the next full hour or midnight (UTC). */
export function digestDue(at: number, digest: 'hourly' | 'daily'): number {
  const step = digest === 'hourly' ? HOUR_MS : DAY_MS;
  return (Math.floor(at / step) + 1) * step;
}

interface Target {
  destinationId: string;
  route: AlertRoute;
}

/**
 * Decides about the notices of episodes: which destinations get them now, which in a digest, and which none, and why. Each
 * pair of an episode and a destination is decided once, except for those that wait for a mute, a route or an end of flapping.
 */
export function decide(input: DecideInput): Decided {
  const result: Decided = { decisions: [], announced: [], settled: [] };
  const atOnce = new Map<string, number>();
  const announcedTimes = new Map([...input.announced].map(([key, times]) => [key, [...times]]));
  // Critical ones first, then the oldest, so that a flood of others does not push them into a digest.
  const order = [...input.episodes].sort(
    (one, other) =>
      Number(one.severity !== 'critical') - Number(other.severity !== 'critical') ||
      one.since - other.since ||
      (one.id < other.id ? -1 : 1),
  );
  for (const episode of order) {
    const known = new Map(episode.decisions.map((each) => [`${each.kind} ${each.destinationId}`, each]));
    const add = (decision: Omit<Decision, 'episodeId'>): void => {
      const place = `${decision.kind} ${decision.destinationId}`;
      const before = known.get(place);
      if (before?.outcome === decision.outcome && before.reason === decision.reason) return;
      known.set(place, { ...decision, episodeId: episode.id });
      result.decisions.push({ ...decision, episodeId: episode.id });
    };
    const suppress = (kind: NoticeKind, reason: string, target?: Target): void => {
      add({
        ...{ kind, reason, outcome: 'suppressed', dueAt: null },
        destinationId: target?.destinationId ?? '',
        route: target?.route.name ?? '',
      });
    };
    const mayQueue = (destinationId: string, kind: NoticeKind): boolean => {
      const counter = `${kind} ${destinationId}`;
      const count = atOnce.get(counter) ?? 0;
      if (count >= MAX_AT_ONCE) return false;
      atOnce.set(counter, count + 1);
      return true;
    };
    let isSettled = true;

    if (episode.isOpen) {
      const reason = reasonToWait(episode, input, announcedTimes);
      if (reason !== undefined) {
        suppress('firing', reason);
        isSettled = false;
      } else {
        const targets = targetsOf(episode, input, (route, why) => {
          add({ destinationId: '', kind: 'firing', outcome: 'suppressed', reason: why, route, dueAt: null });
        });
        let isAnnounced = false;
        for (const { destinationId, route } of targets) {
          const before = known.get(`firing ${destinationId}`);
          if (before !== undefined && before.outcome !== 'suppressed') {
            isAnnounced = true;
            continue;
          }
          const isInDigest = route.digest !== 'none' && episode.severity !== 'critical';
          const place = { destinationId, kind: 'firing', route: route.name } as const;
          if (isInDigest && route.digest !== 'none')
            add({
              ...place,
              outcome: 'waiting',
              reason: `digest_${route.digest}`,
              dueAt: digestDue(input.at, route.digest),
            });
          else if (mayQueue(destinationId, 'firing'))
            add({ ...place, outcome: 'queued', reason: 'routed', dueAt: null });
          else add({ ...place, outcome: 'waiting', reason: 'storm', dueAt: input.at });
          isAnnounced = true;
        }
        if (isAnnounced && episode.announcedAt === null) {
          result.announced.push(episode.id);
          announcedTimes.set(episode.key, [...(announcedTimes.get(episode.key) ?? []), input.at]);
        }
      }
    }

    const informed = [...known.values()].filter(
      ({ kind, outcome, destinationId }) => kind === 'firing' && destinationId !== '' && outcome !== 'suppressed',
    );
    const follow = (kind: NoticeKind, isLimited: boolean): void => {
      for (const { destinationId, outcome, route } of informed) {
        if (known.has(`${kind} ${destinationId}`)) continue;
        const place = { destinationId, kind, route, dueAt: null };
        if (outcome === 'waiting') add({ ...place, outcome: 'suppressed', reason: 'not_announced_yet' });
        else if (!isLimited || mayQueue(destinationId, kind)) add({ ...place, outcome: 'queued', reason: 'follows' });
        // The next evaluation sends the others.
        else isSettled = false;
      }
    };
    if (episode.isOpen && episode.acknowledgedAt !== null) follow('acknowledged', true);
    if (episode.isOpen && episode.isTicketWrong) follow('still_firing', true);
    if (episode.isResolved) {
      if (informed.length === 0) suppress('resolved', 'not_announced');
      follow('resolved', true);
    }
    if (isSettled) result.settled.push(episode.id);
  }
  return result;
}

/** Returns why an episode is not announced now, to any destination; undefined when it may be. */
function reasonToWait(
  { key, announcedAt }: Undecided,
  { at, mutes }: DecideInput,
  announced: ReadonlyMap<string, readonly number[]>,
): string | undefined {
  if ((mutes.get(key) ?? 0) > at) return 'muted';
  if (announcedAt !== null) return undefined;
  const times = announced.get(key) ?? [];
  const isFlapping =
    times.filter((time) => at - time < HOUR_MS).length >= MAX_PER_HOUR ||
    times.filter((time) => at - time < DAY_MS).length >= MAX_PER_DAY;
  return isFlapping ? 'flapping' : undefined;
}

/** Returns the destinations of an episode, each with the first route that names it; one that does not wait for a digest comes first. */
function targetsOf(
  episode: Undecided,
  { routes, destinations }: DecideInput,
  onSuppressed: (route: string, reason: string) => void,
): Target[] {
  const found = new Map<string, Target>();
  const matching = routes.filter((route) => takes(route, episode));
  if (matching.length === 0) onSuppressed('', 'no_route');
  for (const route of matching) {
    if (isCovered(route, episode)) {
      onSuppressed(route.name, 'each_finding_is_announced');
      continue;
    }
    for (const name of route.destinations) {
      const destinationId = destinations.get(name);
      if (destinationId === undefined) {
        onSuppressed(route.name, 'destination_missing');
        continue;
      }
      const before = found.get(destinationId);
      if (before === undefined || (before.route.digest !== 'none' && route.digest === 'none'))
        found.set(destinationId, { destinationId, route });
    }
  }
  return [...found.values()];
}
