import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { alertRoute, type AlertRoute } from '#schemas/http/alerts.js';
import {
  decide,
  digestDue,
  MAX_AT_ONCE,
  MAX_PER_DAY,
  MAX_PER_HOUR,
  type Decided,
  type Decision,
  type Undecided,
} from './decide.js';
import { matchesPattern } from './match.js';

const HOUR = 3_600_000;
const AT = Date.UTC(2026, 10, 20, 10, 20);

const route = (over: Partial<AlertRoute> = {}): AlertRoute =>
  alertRoute.parse({ name: 'all', destinations: ['one'], ...over });
const episode = (over: Partial<Undecided> = {}): Undecided => ({
  id: 'e1',
  key: 'k1',
  kind: 'rule',
  rule: 'shieldwatch-guard-passed',
  severity: 'critical',
  repository: 'acme/app',
  owners: [],
  isOpen: true,
  isResolved: false,
  since: AT,
  announcedAt: null,
  acknowledgedAt: null,
  isTicketWrong: false,
  decisions: [],
  ...over,
});
const run = (
  episodes: Undecided[],
  routes: AlertRoute[],
  over: { at?: number; mutes?: Map<string, number>; announced?: Map<string, number[]> } = {},
): Decided =>
  decide({
    at: AT,
    routes,
    destinations: new Map([
      ['one', 'd1'],
      ['two', 'd2'],
    ]),
    episodes,
    mutes: new Map(),
    announced: new Map(),
    ...over,
  });
const brief = ({ decisions }: Decided) =>
  decisions.map(({ destinationId, kind, outcome, reason }) => [destinationId, kind, outcome, reason].join(' '));

describe('decide', () => {
  it('sends nothing without a route, and says so', () => {
    expect(brief(run([episode()], []))).toEqual([' firing suppressed no_route']);
  });

  it('sends one notice to each destination, even if several routes name it', () => {
    const routes = [route(), route({ name: 'second', destinations: ['one', 'two'] })];
    expect(brief(run([episode()], routes))).toEqual(['d1 firing queued routed', 'd2 firing queued routed']);
  });

  it('sends nothing again to a destination that was notified, and a new route to its destination only', () => {
    const first = run([episode()], [route()]);
    const known = episode({ announcedAt: AT, decisions: first.decisions });
    expect(brief(run([known], [route()]))).toEqual([]);
    expect(brief(run([known], [route({ destinations: ['one', 'two'] })]))).toEqual(['d2 firing queued routed']);
  });

  it('says that a route names a destination that does not exist', () => {
    expect(brief(run([episode()], [route({ destinations: ['gone'] })]))).toEqual([
      ' firing suppressed destination_missing',
    ]);
  });

  it.each([
    [{ severities: ['warning'] }, false],
    [{ severities: ['critical'] }, true],
    [{ rules: ['shieldwatch-silent'] }, false],
    [{ kinds: ['finding'] }, false],
    [{ repositories: ['acme/*'] }, true],
    [{ repositories: ['other/*'] }, false],
    [{ owners: ['acme'] }, true],
    [{ owners: ['app'] }, false],
    [{ kinds: ['rule'], owners: ['acme'], repositories: ['*pp'] }, true],
  ] as const)('matches %j: %s', (match, takes) => {
    const decided = run([episode()], [route({ match: match as never })]);
    expect(decided.decisions.some(({ outcome }) => outcome === 'queued')).toBe(takes);
  });

  it('collects warnings until the full hour or midnight; critical alerts and recoveries do not wait', () => {
    const hourly = [route({ digest: 'hourly' })];
    const [waiting] = run([episode({ severity: 'warning' })], hourly).decisions;
    expect(waiting).toMatchObject({ outcome: 'waiting', reason: 'digest_hourly', dueAt: Date.UTC(2026, 10, 20, 11) });
    expect(digestDue(AT, 'daily')).toBe(Date.UTC(2026, 10, 21));
    expect(brief(run([episode()], hourly))).toEqual(['d1 firing queued routed']);
    const sent: Decision[] = [{ ...(waiting as Decision), outcome: 'digested' }];
    const over = { severity: 'warning', isOpen: false, isResolved: true } as const;
    expect(brief(run([episode({ ...over, decisions: sent })], hourly))).toEqual(['d1 resolved queued follows']);
    expect(brief(run([episode({ ...over, decisions: [waiting as Decision] })], hourly))).toEqual([
      'd1 resolved suppressed not_announced_yet',
    ]);
  });

  it('sends a muted alert when the mute ends, if it still fires', () => {
    const muted = run([episode()], [route()], { mutes: new Map([['k1', AT + HOUR]]) });
    expect([brief(muted), muted.settled]).toEqual([[' firing suppressed muted'], []]);
    const later = run([episode({ decisions: muted.decisions })], [route()], {
      at: AT + HOUR,
      mutes: new Map([['k1', AT + HOUR]]),
    });
    expect(brief(later)).toEqual(['d1 firing queued routed']);
  });

  it(`announces at most ${String(MAX_PER_HOUR)} episodes of a key in an hour and ${String(MAX_PER_DAY)} in a day, for any flapping`, () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 90 }), { maxLength: 200 }), (gaps) => {
        const announced: number[] = [];
        let at = AT;
        for (const [index, minutes] of gaps.entries()) {
          at += minutes * 60_000;
          const decided = run([episode({ id: String(index) })], [route()], {
            at,
            announced: new Map([['k1', announced]]),
          });
          if (decided.announced.length > 0) announced.push(at);
          else expect(brief(decided)).toEqual([' firing suppressed flapping']);
        }
        for (const time of announced) {
          const within = (ms: number) => announced.filter((other) => other >= time && other - time < ms).length;
          expect(within(HOUR)).toBeLessThanOrEqual(MAX_PER_HOUR);
          expect(within(24 * HOUR)).toBeLessThanOrEqual(MAX_PER_DAY);
        }
      }),
    );
  });

  it('announces an episode that goes on firing after flapping', () => {
    const flapping = new Map([['k1', [AT - 1, AT - 2, AT - 3]]]);
    const first = run([episode()], [route()], { announced: flapping });
    expect([brief(first), first.settled]).toEqual([[' firing suppressed flapping'], []]);
    const later = run([episode({ decisions: first.decisions })], [route()], { at: AT + HOUR, announced: flapping });
    expect(brief(later)).toEqual(['d1 firing queued routed']);
  });

  it(`sends at most ${String(MAX_AT_ONCE)} notices at once to a destination, the critical ones first, and the others in a digest`, () => {
    const flood = Array.from({ length: 10_000 }, (_, index) =>
      episode({ id: `w${String(index)}`, key: `w${String(index)}`, severity: 'warning' }),
    );
    const { decisions } = run([...flood, episode({ since: AT + 1 })], [route()]);
    const queued = decisions.filter(({ outcome }) => outcome === 'queued');
    expect(queued).toHaveLength(MAX_AT_ONCE);
    expect(queued[0]?.episodeId).toBe('e1');
    expect(
      decisions.filter(({ outcome, reason, dueAt }) => outcome === 'waiting' && reason === 'storm' && dueAt === AT),
    ).toHaveLength(10_001 - MAX_AT_ONCE);
  });

  it('sends recoveries beyond the bound in the next evaluation', () => {
    const ended = Array.from({ length: MAX_AT_ONCE + 5 }, (_, index) => {
      const id = `e${String(index)}`;
      const firing = run([episode({ id, key: id })], [route()]).decisions;
      return episode({ id, key: id, isOpen: false, isResolved: true, decisions: firing });
    });
    const { decisions, settled } = run(ended, [route()]);
    expect([decisions.length, settled.length]).toEqual([MAX_AT_ONCE, MAX_AT_ONCE]);
  });

  it('sends a recovery only to destinations that were notified, and none of an episode that expired', () => {
    expect(brief(run([episode({ isOpen: false, isResolved: true })], [route()]))).toEqual([
      ' resolved suppressed not_announced',
    ]);
    const firing = run([episode()], [route()]).decisions;
    expect(brief(run([episode({ isOpen: false, decisions: firing })], [route()]))).toEqual([]);
  });

  it('leaves the rule about new secrets to the notices of each finding, where a route takes those too', () => {
    const secret = episode({ rule: 'shieldwatch-new-secret' });
    expect(brief(run([secret], [route()]))).toEqual([' firing suppressed each_finding_is_announced']);
    expect(brief(run([secret], [route({ match: { rules: ['shieldwatch-new-secret'] } })]))).toEqual([
      'd1 firing queued routed',
    ]);
  });

  it('reports once that an alert whose ticket was closed still fires', () => {
    const firing = run([episode()], [route()]).decisions;
    const closed = episode({ announcedAt: AT, isTicketWrong: true, decisions: firing });
    const again = run([closed], [route()]);
    expect(brief(again)).toEqual(['d1 still_firing queued follows']);
    expect(brief(run([{ ...closed, decisions: [...firing, ...again.decisions] }], [route()]))).toEqual([]);
  });
});

describe('matchesPattern', () => {
  it('decides as the same pattern written as a regular expression', () => {
    const short = fc.string({ unit: fc.constantFrom('a', 'b', '/', '.', '*'), maxLength: 8 });
    fc.assert(
      fc.property(short, fc.string({ unit: fc.constantFrom('a', 'b', '/', '.'), maxLength: 10 }), (pattern, name) => {
        const literal = pattern.split('*').map((part) => part.replaceAll(/[./]/g, '\\$&'));
        expect(matchesPattern(pattern, name)).toBe(new RegExp(`^${literal.join('.*')}$`, 's').test(name));
      }),
      { numRuns: 2_000 },
    );
  });
});
