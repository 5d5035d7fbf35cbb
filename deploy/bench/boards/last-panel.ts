import { createGateway } from '#ingest/app.js';
import { isBrowserMissing, TestBrowser } from '#ingest/testing/browser.js';
import { CommandError } from '#schemas/errors.js';
import type { BenchReport } from '../figure.js';
import { median } from '../measure.js';
import { withServer } from '../store/server.js';
import { postgresWithOrg } from './control-plane.js';
import { ORG, ORGANISATION, seedOrganisation, type OrganisationSize } from './seed.js';

export interface LastPanelSizes {
  organisation: OrganisationSize;
  /** Loads of each range, after one that is discarded. */
  repeats: number;
}

/** The fleet board: its queries cover the most data. */
const BOARD = '/boards/shieldwatch-fleet';

/** Time ranges to open the board with: its default, and the longest that a user would choose. */
const RANGES = { own: '', '90d': '?from=now-90d&to=now' } as const;

/**
 * Measures seconds from opening the board's address in Chromium until its last panel is drawn, for the fleet board,
 * over ninety days of an organisation. Whole page loads: bundle, variables and every panel.
 *
 * @throws CommandError without Chromium
 */
export async function timeToLastPanel(
  report: BenchReport,
  { organisation, repeats }: LastPanelSizes = { organisation: ORGANISATION, repeats: 7 },
): Promise<void> {
  if (isBrowserMissing) throw new CommandError('this part needs Chromium; name one with CHROMIUM_PATH');
  await withServer(async (server) => {
    report.note(`writing ${String(organisation.events)} events, and the series by their jobs`);
    await seedOrganisation(server, organisation);
    const postgres = await postgresWithOrg(ORG);
    const gateway = await createGateway({ clickhouse: server.client, postgres });
    const browser = await TestBrowser.start(await gateway.listen({ port: 0, host: '127.0.0.1' }));
    try {
      await browser.open(gateway.createLoginLink(ORG));
      await browser.loaded();
      report.note(`${browser.page.url()}: ${String(await browser.page.locator('.panel').count())} panels`);
      await browser.page.close();
      for (const [name, query] of Object.entries(RANGES)) {
        const seconds: number[] = [];
        for (let round = 0; round <= repeats; round += 1) {
          const value = await load(browser, `${BOARD}${query}`);
          if (round > 0) seconds.push(value);
        }
        report.note(`${name}: ${seconds.map((each) => each.toFixed(2)).join(' ')} s`);
        report.figure({
          metric: name === 'own' ? 'last_panel_s' : `last_panel_${name}_s`,
          value: median(seconds),
          better: 'lower',
          floor: 2,
          goal: 1,
        });
      }
    } finally {
      await browser.close();
      await gateway.close();
      await postgres.close();
    }
  });
}

/** Returns the seconds that one load takes, by the browser's clock, which starts with the navigation. */
async function load(browser: TestBrowser, path: string): Promise<number> {
  await browser.open(path);
  await browser.loaded();
  const milliseconds = await browser.page.evaluate<number>('performance.now()');
  await browser.page.close();
  if (browser.problems.length > 0) throw new Error(`the page reported problems: ${browser.problems.join('; ')}`);
  return milliseconds / 1_000;
}
