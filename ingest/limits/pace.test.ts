import { describe, expect, it } from 'vitest';
import { FairQueue } from './fair-queue.js';
import { Pace } from './pace.js';
import { createTurns } from './turns.js';

describe('main-thread work', () => {
  it('is at most one unit and the rest of one piece per turn of the event loop, for any senders', async () => {
    const pace = new Pace();
    let turn = 0;
    let isCounting = true;
    const count = (): void => {
      turn += 1;
      if (isCounting) setImmediate(count);
    };
    setImmediate(count);
    const done: { org: string; turn: number }[] = [];
    const piece = async (org: string, cost: number): Promise<void> => {
      await pace.take(org, cost);
      done.push({ org, turn });
    };
    await Promise.all([...Array.from({ length: 20 }, () => piece('a', 0.5)), piece('b', 0.5), piece('b', 0.5)]);
    isCounting = false;
    const turns = [...new Set(done.map((each) => each.turn))];
    expect(Math.max(...turns.map((each) => done.filter((piece) => piece.turn === each).length))).toBeLessThanOrEqual(3);
    expect(turns.length).toBeGreaterThanOrEqual(8);
    // The other organisation came last and waits for two of the first one's pieces, not for twenty.
    expect(done.findLastIndex(({ org }) => org === 'b')).toBeLessThan(8);
  });

  it('small work runs at once', () => {
    const pace = new Pace();
    expect(Array.from({ length: 100 }, () => pace.take('a', 0.001))).toEqual(
      Array.from({ length: 100 }, () => undefined),
    );
  });
});

describe('turns', () => {
  it('alternate between organisations, for any queue of one of them', async () => {
    const take = createTurns(1);
    const order: string[] = [];
    const work = (name: string) => (): Promise<void> => {
      order.push(name);
      return Promise.resolve();
    };
    await Promise.all([
      ...Array.from({ length: 5 }, (_, n) => take('noisy', work(`noisy ${String(n)}`))),
      take('one', work('one')),
      take('other', work('other')),
    ]);
    expect(order).toEqual(['noisy 0', 'noisy 1', 'one', 'other', 'noisy 2', 'noisy 3', 'noisy 4']);
  });

  it('keep nothing of an organisation that no longer waits', () => {
    const queue = new FairQueue<number>();
    queue.push('a', 1);
    queue.push('b', 2);
    queue.push('a', 3);
    expect([queue.shift(), queue.shift(), queue.shift(), queue.shift(), queue.isEmpty]).toEqual([
      1,
      2,
      3,
      undefined,
      true,
    ]);
  });
});
