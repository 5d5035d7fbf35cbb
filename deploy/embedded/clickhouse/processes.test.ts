import { expect, test } from 'vitest';
import { Processes, type RunningQuery } from './processes.js';

test('a query is hung when it holds a place long past any time limit; one that waits or uploads is not', () => {
  const processes = new Processes();
  const startedAt = Date.UTC(2026, 10, 20);
  const eleven = startedAt + 11 * 60_000;
  const query: RunningQuery = {
    queryId: 'q',
    engineId: 'q#1',
    user: 'writer',
    startedAt,
    runsSince: undefined,
    kind: 'SELECT',
    state: 'waiting',
  };
  const { end } = processes.begin(query);
  expect(processes.hasHung(eleven + 1)).toBe(false);
  query.runsSince = startedAt;
  expect([eleven, eleven + 1].map((now) => processes.hasHung(now))).toEqual([false, true]);
  end();
  expect(processes.hasHung(eleven + 1)).toBe(false);
});
