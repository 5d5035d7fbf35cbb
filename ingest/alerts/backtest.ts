import { ShieldwatchError } from '#schemas/errors.js';
import type { AlertBacktest, AlertRoute } from '#schemas/http/alerts.js';
import type { ControlPlane } from '../control/control-plane.js';
import { INTERVAL_S } from './advance.js';
import { decide, type Decision, type Undecided } from './decide.js';
import { ms, readDestinations, readRoutes, type EpisodeRow, type Time } from './store.js';

/** Maximum episodes of a replay. */
const MAX_EPISODES = 20_000;
/** Maximum notices that are listed; all are counted. */
const MAX_LISTED = 1_000;
const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

export interface PastEpisode extends Pick<
  Undecided,
  'id' | 'key' | 'kind' | 'rule' | 'severity' | 'repository' | 'owners' | 'since'
> {
  title: string;
  endedAt: number | null;
  isResolved: boolean;
  acknowledgedAt: number | null;
}

export interface Mute {
  key: string;
  from: number;
  until: number;
}

type Outcome = AlertBacktest['configurations'][number];

/** Rounds up to the next evaluation. */
const evaluationAfter = (at: number): number => Math.ceil(at / (INTERVAL_S * 1_000)) * INTERVAL_S * 1_000;

/**
 * Decides again about episodes of the past, in the order in which they opened and ended, by other routes. At no time does it
 * know what came later. What waits for a mute or for the end of flapping is looked at with each event and each full hour.
 */
export function replay(
  episodes: readonly PastEpisode[],
  routes: readonly AlertRoute[],
  {
    from,
    to,
    destinations,
    mutes,
  }: { from: number; to: number; destinations: ReadonlySet<string>; mutes: readonly Mute[] },
): Omit<Outcome, 'name'> {
  const result: Omit<Outcome, 'name'> = {
    pages: 0,
    digests: 0,
    tickets: 0,
    recoveries: 0,
    suppressed: [],
    notices: [],
    more: 0,
  };
  const tickets = new Set(routes.filter(({ ticket }) => ticket).map(({ name }) => name));
  const ids = new Map([...destinations].map((name) => [name, name]));
  const decisions = new Map<string, Decision[]>();
  const announcedAt = new Map<string, number>();
  const announced = new Map<string, number[]>();
  const waiting = new Map<string, Decision>();
  const opened = new Set<string>();
  const byId = new Map(episodes.map((episode) => [episode.id, episode]));
  const unsettled = new Set<string>();

  const times = new Map<number, string[]>();
  const plan = (at: number, id?: string): void => {
    if (at > to) return;
    const planned = times.get(at) ?? [];
    times.set(at, planned);
    if (id !== undefined) planned.push(id);
  };
  for (let at = Math.ceil(from / HOUR_MS) * HOUR_MS; at <= to; at += HOUR_MS) plan(at);
  for (const { id, since, endedAt, acknowledgedAt } of episodes)
    for (const at of [since, endedAt, acknowledgedAt]) if (at !== null) plan(evaluationAfter(at), id);

  const list = (notice: Outcome['notices'][number]): void => {
    if (result.notices.length < MAX_LISTED) result.notices.push(notice);
    else result.more += 1;
  };
  for (const at of [...times.keys()].sort((a, b) => a - b)) {
    for (const id of times.get(at) ?? []) {
      opened.add(id);
      unsettled.add(id);
    }
    const current = [...unsettled].flatMap((id): Undecided[] => {
      const episode = byId.get(id);
      if (episode === undefined || !opened.has(id)) return [];
      const isOver = episode.endedAt !== null && episode.endedAt <= at;
      return [
        {
          ...episode,
          isOpen: !isOver,
          isResolved: isOver && episode.isResolved,
          announcedAt: announcedAt.get(id) ?? null,
          acknowledgedAt:
            episode.acknowledgedAt !== null && episode.acknowledgedAt <= at ? episode.acknowledgedAt : null,
          isTicketWrong: false,
          decisions: decisions.get(id) ?? [],
        },
      ];
    });
    // Only keys about which something is decided now: of all keys, every time would cost as much as the whole history.
    const recent = new Map(
      current.map(({ key }) => [key, (announced.get(key) ?? []).filter((time) => at - time < DAY_MS)]),
    );
    const inForce = mutes.filter((mute) => mute.from <= at && at < mute.until);
    const decided = decide({
      ...{ at, routes, destinations: ids, episodes: current, announced: recent },
      mutes: new Map(inForce.map(({ key, until }) => [key, until])),
    });
    for (const decision of decided.decisions) {
      const { episodeId, destinationId, kind, outcome, route } = decision;
      const place = `${kind} ${destinationId}`;
      const others = (decisions.get(episodeId) ?? []).filter((each) => `${each.kind} ${each.destinationId}` !== place);
      decisions.set(episodeId, [...others, decision]);
      const episode = byId.get(episodeId);
      if (outcome === 'waiting') waiting.set(`${episodeId} ${place}`, decision);
      if (outcome !== 'queued' || episode === undefined) continue;
      const notice =
        kind === 'resolved' ? 'recovery' : kind === 'firing' ? (tickets.has(route) ? 'ticket' : 'page') : kind;
      if (notice === 'recovery') result.recoveries += 1;
      if (notice === 'page') result.pages += 1;
      if (notice === 'ticket') result.tickets += 1;
      const { title, repository, severity } = episode;
      list({
        ...{ at: new Date(at).toISOString(), notice, destination: destinationId, route, title, severity, members: 1 },
        repository: repository === '' ? null : repository,
      });
    }
    for (const id of decided.announced) {
      announcedAt.set(id, at);
      const key = byId.get(id)?.key ?? '';
      announced.set(key, [...(announced.get(key) ?? []), at]);
    }
    for (const id of decided.settled) unsettled.delete(id);
    sendDue(at, waiting, decisions, (decision, members) => {
      result.digests += 1;
      const { destinationId, route } = decision;
      list({
        ...{ at: new Date(at).toISOString(), notice: 'digest', destination: destinationId, route, members },
        ...{ title: `${String(members)} alerts`, severity: null, repository: null },
      });
    });
  }
  const reasons = new Map<string, number>();
  for (const all of decisions.values())
    for (const { outcome, reason } of all)
      if (outcome === 'suppressed') reasons.set(reason, (reasons.get(reason) ?? 0) + 1);
  result.suppressed = [...reasons].sort().map(([reason, count]) => ({ reason, count }));
  return result;
}

/** Empties the digests that are due, one of each destination, route and reason. */
function sendDue(
  at: number,
  waiting: Map<string, Decision>,
  decisions: Map<string, Decision[]>,
  onDigest: (decision: Decision, members: number) => void,
): void {
  const due = new Map<string, { decision: Decision; members: number }>();
  for (const [place, decision] of waiting) {
    if ((decision.dueAt ?? at) > at) continue;
    waiting.delete(place);
    const digest = JSON.stringify([decision.destinationId, decision.route, decision.reason]);
    due.set(digest, { decision, members: (due.get(digest)?.members ?? 0) + 1 });
    decisions.set(
      decision.episodeId,
      (decisions.get(decision.episodeId) ?? []).map((each) =>
        each === decision ? { ...each, outcome: 'digested' } : each,
      ),
    );
  }
  for (const { decision, members } of due.values()) onDigest(decision, members);
}

/**
 * Replays what fired in a range of time by the routes in force, and by others if they are given.
 *
 * @throws ShieldwatchError 400 for an empty range, or one with too many episodes
 */
export async function backtest(
  plane: ControlPlane,
  orgId: string,
  { from, to, routes }: { from: string; to: string; routes?: AlertRoute[] | undefined },
): Promise<AlertBacktest> {
  const [start, end] = [Date.parse(from), Date.parse(to)];
  if (!(start < end) || end - start > 92 * DAY_MS)
    throw new ShieldwatchError('body_invalid', 'to: expected a time after from, at most 92 days later', {
      field: 'to',
    });
  const { episodes, current, context } = await plane.read(orgId, async (tx) => {
    const rows = await tx.query<EpisodeRow>(
      'SELECT * FROM alert_episode WHERE since >= $1 AND since < $2 ORDER BY since, id LIMIT $3',
      [new Date(start).toISOString(), new Date(end).toISOString(), MAX_EPISODES + 1],
    );
    if (rows.length > MAX_EPISODES)
      throw new ShieldwatchError(
        'body_invalid',
        `to: the range has more than ${String(MAX_EPISODES)} alerts; choose a shorter one`,
        {
          field: 'to',
        },
      );
    const mutes = await tx.query<{ key: string; set_at: Time; until: Time }>(
      'SELECT key, set_at, until FROM alert_mute',
    );
    return {
      episodes: rows.map((row) => ({
        ...row,
        since: ms(row.since),
        endedAt: row.ended_at === null ? null : ms(row.ended_at),
        isResolved: row.state === 'resolved',
        acknowledgedAt: row.acknowledged_at === null ? null : ms(row.acknowledged_at),
      })),
      current: (await readRoutes(tx)).routes,
      context: {
        from: start,
        to: end,
        destinations: new Set((await readDestinations(tx)).keys()),
        mutes: mutes.map((mute) => ({ key: mute.key, from: ms(mute.set_at), until: ms(mute.until) })),
      },
    };
  });
  // After the transaction: a long replay holds no connection.
  return {
    alerts: episodes.length,
    configurations: [
      { name: 'current', ...replay(episodes, current, context) },
      ...(routes === undefined ? [] : [{ name: 'proposed' as const, ...replay(episodes, routes, context) }]),
    ],
  };
}
