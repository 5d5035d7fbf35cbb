import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { advance, INTERVAL_S, MAX_OPEN, type Advanced, type OpenEpisode, type Pending } from './advance.js';
import type { Observation } from './observation.js';

const MINUTE = 60_000;
const START = 1_800_000_000_000;

const observed = (over: Partial<Observation> = {}): Observation => ({
  key: 'rule/org/acme/app',
  rule: 'rule',
  kind: 'rule',
  severity: 'critical',
  repository: 'acme/app',
  owners: [],
  labels: {},
  title: 't',
  summary: 's',
  value: 2,
  threshold: 1,
  windowSeconds: null,
  isFiring: true,
  canOpen: true,
  occurrence: '',
  ...over,
});

/** Episodes as the store keeps them, one evaluation after the other. */
class History {
  open: OpenEpisode[] = [];
  pending: Pending[] = [];
  readonly events = new Set<string>();
  readonly log: string[] = [];
  private count = 0;

  step(
    at: number,
    observations: Observation[] | 'failed',
    reading: { forSeconds?: number; isComplete?: boolean } = {},
  ): Advanced {
    const readings =
      observations === 'failed'
        ? []
        : [{ rule: 'rule', forSeconds: reading.forSeconds ?? 0, isComplete: reading.isComplete ?? true, observations }];
    const result = advance(readings, { open: this.open, pending: this.pending, knownEvents: this.events }, at);
    for (const { id, state } of result.ended) {
      this.open = this.open.filter((episode) => episode.id !== id);
      this.log.push(state);
    }
    for (const change of result.changed)
      this.open = this.open.map((episode) => (episode.id === change.id ? { ...episode, ...change } : episode));
    this.pending = [
      ...this.pending.filter(
        ({ key }) => !result.settled.includes(key) && !result.pending.some((each) => each.key === key),
      ),
      ...result.pending,
    ];
    for (const { key, rule, occurrence } of result.opened) {
      this.count += 1;
      if (occurrence !== '') this.events.add(occurrence);
      this.open.push({
        id: String(this.count),
        key,
        rule,
        state: 'firing',
        since: at,
        observedAt: at,
        missingSince: null,
      });
      this.log.push('opened');
    }
    return result;
  }
}

describe('advance', () => {
  it('opens an episode when the value was above the threshold for the time of the rule, and not before', () => {
    const history = new History();
    const states = Array.from({ length: 4 }, (_, minute) => {
      history.step(START + minute * MINUTE, [observed()], { forSeconds: 180 });
      return history.open.length;
    });
    expect(states).toEqual([0, 0, 0, 1]);
    expect(history.pending).toEqual([]);
  });

  it('counts an outage, or a clock that jumps forward, as at most two intervals, and one that is turned back as none', () => {
    for (const jump of [6 * 60 * MINUTE, -6 * 60 * MINUTE]) {
      const history = new History();
      history.step(START, [observed()], { forSeconds: 900 });
      history.step(START + jump, [observed()], { forSeconds: 900 });
      expect(history.open).toEqual([]);
      expect(history.pending[0]?.heldSeconds).toBe(jump > 0 ? 2 * INTERVAL_S : 0);
    }
  });

  it('begins again if the value was below the threshold or missing in between', () => {
    for (const between of [[observed({ isFiring: false })], []]) {
      const history = new History();
      history.step(START, [observed()], { forSeconds: 120 });
      history.step(START + MINUTE, between, { forSeconds: 120 });
      history.step(START + 2 * MINUTE, [observed()], { forSeconds: 120 });
      expect(history.open).toEqual([]);
    }
  });

  it('resolves by a value below the threshold only: neither by no data, nor by a failed query, nor by a cut result', () => {
    const history = new History();
    history.step(START, [observed()]);
    history.step(START + MINUTE, 'failed');
    expect(history.open.map(({ state }) => state)).toEqual(['firing']);
    history.step(START + 2 * MINUTE, [], { isComplete: false });
    expect(history.open.map(({ state }) => state)).toEqual(['firing']);
    history.step(START + 3 * MINUTE, []);
    expect(history.open.map(({ state }) => state)).toEqual(['no_data']);
    history.step(START + 4 * MINUTE, [observed({ isFiring: false })]);
    expect(history.log).toEqual(['opened', 'resolved']);
  });

  it('continues an episode whose data was missing for less than an hour, and opens another after that', () => {
    const history = new History();
    history.step(START, [observed()]);
    history.step(START + MINUTE, []);
    history.step(START + 50 * MINUTE, [observed()]);
    expect(history.log).toEqual(['opened']);
    history.step(START + 51 * MINUTE, []);
    history.step(START + 120 * MINUTE, [observed()]);
    expect(history.log).toEqual(['opened', 'expired', 'opened']);
  });

  it('expires an episode without data after 30 days, and never calls it resolved', () => {
    const history = new History();
    history.step(START, [observed()]);
    history.step(START + MINUTE, []);
    history.step(START + 31 * 24 * 60 * MINUTE, []);
    expect(history.log).toEqual(['opened', 'expired']);
  });

  it('opens one episode for each event, however often it is seen, and supersedes the one before', () => {
    const history = new History();
    for (const event of ['a', 'a', 'b', 'a', 'b']) history.step(START, [observed({ occurrence: event })]);
    expect(history.log).toEqual(['opened', 'superseded', 'opened']);
  });

  it('opens nothing that is older than the evaluation, and still resolves what is open', () => {
    const history = new History();
    history.step(START, [observed({ canOpen: false })]);
    expect(history.open).toEqual([]);
    history.step(START, [observed()]);
    history.step(START + MINUTE, [observed({ canOpen: false, isFiring: false })]);
    expect(history.log).toEqual(['opened', 'resolved']);
  });

  it(`keeps at most ${String(MAX_OPEN)} episodes of a rule open, counts the others, and gives up those without data first`, () => {
    const history = new History();
    const many = (from: number, count: number) =>
      Array.from({ length: count }, (_, index) => observed({ key: `rule/${String(from + index)}` }));
    const { notOpened } = history.step(START, many(0, 10_000));
    expect([history.open.length, notOpened.get('rule')]).toEqual([MAX_OPEN, 10_000 - MAX_OPEN]);
    history.step(START + MINUTE, many(0, MAX_OPEN - 10));
    const next = history.step(START + 2 * MINUTE, [...many(0, MAX_OPEN - 10), ...many(20_000, 12)]);
    expect([history.open.length, next.ended.length, next.notOpened.get('rule')]).toEqual([MAX_OPEN, 10, 2]);
    expect(next.ended.every(({ state }) => state === 'expired')).toBe(true);
  });

  it('has at most one open episode of a key, and resolves only in an evaluation that saw it below, for any history', () => {
    const seen = fc.constantFrom('above', 'below', 'missing', 'failed', 'cut');
    fc.assert(
      fc.property(
        fc.array(fc.tuple(seen, fc.integer({ min: -120, max: 120 })), { maxLength: 60 }),
        fc.constantFrom(0, 120),
        (steps, forSeconds) => {
          const history = new History();
          let at = START;
          for (const [what, minutes] of steps) {
            at += minutes * MINUTE;
            const before = history.log.length;
            const observations =
              what === 'failed'
                ? 'failed'
                : what === 'above'
                  ? [observed()]
                  : what === 'below'
                    ? [observed({ isFiring: false })]
                    : [];
            history.step(at, observations, { forSeconds, isComplete: what !== 'cut' });
            expect(history.open.length).toBeLessThanOrEqual(1);
            if (history.log.slice(before).includes('resolved')) expect(what).toBe('below');
          }
        },
      ),
    );
  });
});
