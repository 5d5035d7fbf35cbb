import { expect, test } from 'vitest';
import { isBrowserMissing } from '#ingest/testing/browser.js';
import type { BenchReport, Figure } from '../figure.js';
import { bundleSize } from './bundle.js';
import { timeToLastPanel } from './last-panel.js';

type Measured = Omit<Figure, 'bench'>;

/** What a part reports; nothing is said about how fast this machine is. */
async function figuresOf(part: (report: BenchReport) => Promise<void>): Promise<Measured[]> {
  const figures: Measured[] = [];
  await part({ figure: (figure) => figures.push(figure), note: () => undefined });
  return figures;
}

test('bundle: stays below its limit', async () => {
  const [figure] = await figuresOf(bundleSize);
  expect(figure).toMatchObject({ metric: 'bundle_gzip_kb', better: 'lower', floor: 150, goal: 80 });
  expect(figure?.value).toBeGreaterThan(10);
  expect(figure?.value).toBeLessThan(80);
});

test.skipIf(isBrowserMissing)(
  `last-panel: draws every panel of the board over both ranges${isBrowserMissing ? ' (NOT RUN: no chromium)' : ''}`,
  async () => {
    const figures = await figuresOf((report) =>
      timeToLastPanel(report, { organisation: { events: 2_000, repositories: 4, scansPerDay: 1 }, repeats: 1 }),
    );
    expect(figures.map(({ metric, better, floor, goal }) => [metric, better, floor, goal])).toEqual([
      ['last_panel_s', 'lower', 2, 1],
      ['last_panel_90d_s', 'lower', 2, 1],
    ]);
  },
  600_000,
);
