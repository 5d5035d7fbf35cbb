import { ALERT_RULES } from '#schemas/alerts/rules.js';
import { ALERT_SIGNALS, type AlertSeverity } from '#schemas/alerts/signals.js';
import { MAX_MEMBERS, type NoticeInput } from '../delivery/notice.js';
import { ms, type EpisodeRow } from './store.js';

const HOUR_MS = 3_600_000;

/** Board, panel and runbook of each rule and signal. */
const PLACES = new Map<string, { board: string; panel?: number; runbook: string | null }>(
  [...ALERT_RULES, ...ALERT_SIGNALS].map((each) => [each.uid, each]),
);

/** Characters of a link's query, so that an encoded name does not make the link too long to be sent. */
const MAX_QUERY = 1_800;

export interface Links {
  board: string;
  explain: string;
  runbook: string | null;
}

/** Returns the links of an episode: the board from an hour, or the rule's window, before it to its end, or to `at`. */
export function linksOf(
  episode: Pick<EpisodeRow, 'id' | 'rule' | 'repository' | 'since' | 'ended_at' | 'window_seconds'>,
  at: number | 'now',
): Links {
  const place = PLACES.get(episode.rule);
  const before = Math.max(HOUR_MS, (episode.window_seconds ?? 0) * 1_000);
  const range = {
    from: String(ms(episode.since) - before),
    to: String(episode.ended_at === null ? at : ms(episode.ended_at)),
  };
  const named = new URLSearchParams({ ...range, 'var-repo': episode.repository }).toString();
  const query = episode.repository === '' || named.length > MAX_QUERY ? new URLSearchParams(range).toString() : named;
  return {
    board: `/boards/${place?.board ?? 'shieldwatch-fleet'}?${query}`,
    explain: `/v1/alerts/${episode.id}`,
    runbook: place === undefined || place.runbook === null ? null : '/boards/shieldwatch-runbooks',
  };
}

/** Makes the notice of one episode. `suppressed` counts its episodes of the last day that were not announced. */
export function episodeNotice(
  episode: EpisodeRow,
  kind: 'firing' | 'still_firing' | 'acknowledged' | 'resolved',
  { at, suppressed }: { at: number; suppressed: number },
): NoticeInput {
  const isOver = kind === 'resolved';
  return {
    key: episode.key,
    episode: episode.number,
    kind: kind === 'still_firing' ? 'firing' : kind,
    severity: episode.severity,
    rule: episode.rule,
    title: episode.title,
    summary:
      kind === 'still_firing'
        ? `Its ticket was closed, but the newest evaluation still sees it. ${episode.summary}`
        : episode.summary,
    repository: episode.repository === '' ? null : episode.repository,
    organisation: episode.org_id,
    labels: JSON.parse(episode.labels) as Record<string, string>,
    value: episode.value,
    threshold: episode.threshold,
    windowSeconds: episode.window_seconds,
    since: new Date(episode.since).toISOString(),
    until: isOver ? new Date(episode.ended_at ?? at).toISOString() : null,
    suppressed,
    links: linksOf(episode, at),
  };
}

/** Makes one notice of many episodes: a digest of a route, or those that were too many at once. */
export function digestNotice(
  episodes: readonly EpisodeRow[],
  digest: { orgId: string; route: string; reason: string; at: number; suppressed: number },
): NoticeInput {
  const { orgId, route, reason, at, suppressed } = digest;
  const severity: AlertSeverity = episodes.some((each) => each.severity === 'critical') ? 'critical' : 'warning';
  const since = Math.min(at, ...episodes.map((each) => ms(each.since)));
  const range = new URLSearchParams({ from: String(since - HOUR_MS), to: String(at) });
  return {
    key: `digest/${orgId}/${route}`,
    episode: Math.max(1, Math.floor(at / 60_000)),
    kind: 'digest',
    severity,
    rule: 'shieldwatch-digest',
    title: `${String(episodes.length)} alerts (${route})`,
    summary:
      reason === 'storm'
        ? 'More alerts at once than are sent one by one.'
        : `Alerts that the route collects (${reason.replace('digest_', '')}).`,
    repository: null,
    organisation: orgId,
    labels: {},
    value: episodes.length,
    threshold: null,
    windowSeconds: null,
    since: new Date(since).toISOString(),
    until: new Date(at).toISOString(),
    suppressed,
    links: { board: `/boards/shieldwatch-fleet?${range.toString()}`, explain: '/v1/alerts?state=all', runbook: null },
    members: [...episodes]
      .sort(
        (a, b) => Number(a.severity !== 'critical') - Number(b.severity !== 'critical') || ms(a.since) - ms(b.since),
      )
      .slice(0, MAX_MEMBERS)
      .map((each) => ({
        title:
          each.ended_at === null ? each.title : `${each.state === 'resolved' ? 'Resolved' : 'Ended'}: ${each.title}`,
        repository: each.repository === '' ? null : each.repository,
        severity: each.severity,
        since: new Date(each.since).toISOString(),
        board: linksOf(each, at).board,
      })),
    more: Math.max(0, episodes.length - MAX_MEMBERS),
  };
}
