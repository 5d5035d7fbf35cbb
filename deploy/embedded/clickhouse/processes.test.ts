import { expect, test } from 'vitest';
import { Processes, type RunningQuery } from './processes.js';

test('a query counts as hung if it holds a slot long past any time limit, but not while it waits or uploads', () => {
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
