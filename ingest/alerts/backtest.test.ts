import { describe, expect, it } from 'vitest';
import { alertRoute, type AlertRoute } from '#schemas/http/alerts.js';
import { replay, type PastEpisode } from './backtest.js';

const HOUR = 3_600_000;
const FROM = Date.UTC(2026, 10, 20, 10);
const past = (id: string, over: Partial<PastEpisode> = {}): PastEpisode => ({
  id,
  key: id,
  kind: 'rule',
  rule: 'shieldwatch-guard-passed',
  severity: 'critical',
  repository: 'acme/app',
  owners: [],
  since: FROM + 10 * 60_000,
  title: id,
  endedAt: null,
  isResolved: false,
  acknowledgedAt: null,
  ...over,
});
const route = (over: Partial<AlertRoute> = {}): AlertRoute =>
  alertRoute.parse({ name: 'all', destinations: ['one'], ...over });
const run = (episodes: PastEpisode[], routes: AlertRoute[]) =>
  replay(episodes, routes, { from: FROM, to: FROM + 24 * HOUR, destinations: new Set(['one', 'two']), mutes: [] });

describe('replay', () => {
  it('counts pages, tickets, digests and recoveries of the same alerts by different routes', () => {
    const episodes = [
      past('a', { endedAt: FROM + 2 * HOUR, isResolved: true }),
      past('b', { severity: 'warning' }),
      past('c', { severity: 'warning', since: FROM + 20 * 60_000 }),
    ];
    expect(run(episodes, [route()])).toMatchObject({ pages: 3, digests: 0, tickets: 0, recoveries: 1, suppressed: [] });
    expect(run(episodes, [route({ digest: 'hourly' })])).toMatchObject({ pages: 1, digests: 1, recoveries: 1 });
    expect(run(episodes, [route({ ticket: true })])).toMatchObject({ pages: 0, tickets: 3 });
    expect(run(episodes, [])).toMatchObject({
      pages: 0,
      suppressed: [
        { reason: 'no_route', count: 3 },
        { reason: 'not_announced', count: 1 },
      ],
    });
    const [digest] = run(episodes, [route({ digest: 'hourly' })]).notices.filter(({ notice }) => notice === 'digest');
    expect(digest).toMatchObject({ at: '2026-11-20T11:00:00.000Z', members: 2, destination: 'one' });
  });

  it('knows nothing of what came later: a prefix of history gives a prefix of the notices', () => {
    const episodes = Array.from({ length: 30 }, (_, index) =>
      past(String(index).padStart(2, '0'), {
        key: `k${String(index % 3)}`,
        since: FROM + index * 7 * 60_000,
        endedAt: FROM + index * 7 * 60_000 + 60_000,
        isResolved: true,
      }),
    );
    const whole = run(episodes, [route()]).notices;
    const end = FROM + 2 * HOUR;
    const before = replay(
      episodes.filter(({ since }) => since < end),
      [route()],
      { from: FROM, to: end, destinations: new Set(['one']), mutes: [] },
    ).notices;
    expect(before.length).toBeGreaterThan(3);
    expect(before).toEqual(whole.slice(0, before.length));
  });

  it('bounds what is listed, and says how many notices are not', () => {
    const many = Array.from({ length: 1_500 }, (_, index) =>
      past(`e${String(index)}`, { since: FROM + index * 50_000 }),
    );
    const { notices, more, pages } = run(many, [route()]);
    expect([notices.length, more > 0, pages]).toEqual([1_000, true, 1_500]);
  });
});
