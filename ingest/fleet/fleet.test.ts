import { expect, it } from 'vitest';
import type { FleetEntry, ReviewItem } from '#schemas/http/fleet.js';
import { fleetOf } from './fleet.js';

const REPOSITORIES = 10_000;

it('reads at most 500 entries or review items of a fleet in a turn of the event loop', async () => {
  let turn = 0;
  const read = new Map<number, Set<string>>();
  /** Notes in which turn a row is read. */
  const watched = <T extends object>(row: T, name: string): T =>
    new Proxy(row, {
      get: (target, key): unknown => {
        read.set(turn, (read.get(turn) ?? new Set()).add(name));
        return Reflect.get(target, key);
      },
    });
  const numbers = Array.from({ length: REPOSITORIES }, (_, number) => number);
  const entries = numbers.map((number) => {
    const entry = {
      route: 'security-blocker',
      repository: `acme/r${String(number)}`,
      critical: 1,
      ok: true,
      errors: ['e'],
    };
    return watched(entry as unknown as FleetEntry, `entry ${String(number)}`);
  });
  const reviewItems = numbers.map((number) => {
    const item = {
      id: String(number),
      approvalId: `a${String(number)}`,
      status: number % 2 === 0 ? 'open' : 'approved',
    };
    return watched(item as unknown as ReviewItem, `item ${String(number)}`);
  });
  const isDone = { value: false };
  const count = (): void => {
    turn += 1;
    if (!isDone.value) setImmediate(count);
  };
  setImmediate(count);
  const fleet = await fleetOf({ entries, reviewItems, isCut: false }, { open: [], isEnforced: false });
  isDone.value = true;
  expect([fleet.summary.critical, fleet.summary.verifiedPacks, fleet.errors.length, fleet.routes.length]).toEqual(
    Array(4).fill(REPOSITORIES),
  );
  expect(fleet.operatorReadback.reviewItemCount).toBe(REPOSITORIES / 2);
  expect(Math.max(...[...read.values()].map((rows) => rows.size))).toBeLessThanOrEqual(500);
});
