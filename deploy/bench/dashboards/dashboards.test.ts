import { expect, test } from 'vitest';
import type { Figure } from '../figure.js';
import { ledgerLatency, panelLatency } from './panels.js';

test('panels: reports a figure per query, the slowest, and facts against series', { timeout: 600_000 }, async () => {
  const figures: Omit<Figure, 'bench'>[] = [];
  await panelLatency(
    { figure: (figure) => figures.push(figure), note: () => undefined },
    { organisation: { events: 2_000, repositories: 8, scansPerDay: 1 }, repeats: 1 },
  );
  expect(figures.length).toBeGreaterThan(60);
  expect(new Set(figures.map(({ metric }) => metric)).size).toBe(figures.length);
  for (const { value } of figures) expect(Number.isFinite(value)).toBe(true);
  expect(figures.slice(-2).map(({ metric, better, floor, goal }) => [metric, better, floor, goal])).toEqual([
    ['worst_panel_p95_ms', 'lower', 250, 100],
    ['raw_over_series_p95', 'higher', 5, 20],
  ]);
});

test('ledger: reports a figure per panel of its board, and the slowest', { timeout: 600_000 }, async () => {
  const figures: Omit<Figure, 'bench'>[] = [];
  await ledgerLatency(
    { figure: (figure) => figures.push(figure), note: () => undefined },
    { ledger: { calls: 9_000, repositories: 2 }, repeats: 1 },
  );
  expect(figures.filter(({ metric }) => /^enforcement_\d+_p95_ms$/.test(metric)).length).toBeGreaterThanOrEqual(14);
  for (const { value } of figures) expect(Number.isFinite(value)).toBe(true);
  expect(figures.at(-1)).toMatchObject({ metric: 'worst_ledger_panel_p95_ms', better: 'lower', floor: 250, goal: 100 });
});
