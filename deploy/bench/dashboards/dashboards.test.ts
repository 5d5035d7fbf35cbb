import { expect, test } from 'vitest';
import type { Figure } from '../figure.js';
import { panelLatency } from './panels.js';

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
