import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, afterEach, beforeAll, describe, expect, inject, it } from 'vitest';
import { packageRoot } from '#schemas/root.js';
import { startGateway, type TestGateway } from '../testing/gateway.js';
import { isBrowserMissing, TestBrowser } from '../testing/browser.js';
import { writeSampleBoards } from '../testing/sample-boards.js';
import { HOSTILE_TEXTS, writeSampleData } from '../testing/board-sample-data.js';
import { Seed } from '../testing/board-seed.js';

const BOARD = '/boards/sample-panels';

interface Rows {
  columns: { name: string }[];
  rows: (string | number | null)[][];
}

describe.skipIf(isBrowserMissing)(
  `every panel type in a real browser${isBrowserMissing ? ' (NOT RUN: no chromium)' : ''}`,
  () => {
    let gateway: TestGateway;
    let browser: TestBrowser;
    let folder: string;

    beforeAll(async () => {
      await promisify(execFile)(process.execPath, [join(packageRoot(), 'grafana/page/build.mjs')]);
      folder = await mkdtemp(join(tmpdir(), 'shieldwatch-boards-'));
      await writeSampleBoards(folder);
      gateway = await startGateway(inject('clickhouseUrl'), {
        boards: { folder, grafanaUrl: 'http://grafana.test:3000' },
      });
      await writeSampleData(new Seed(gateway.store.client, 'org_a'));
      const address = await gateway.app.listen({ port: 0, host: '127.0.0.1' });
      browser = await TestBrowser.start(address);
      await browser.open(gateway.app.createLoginLink('org_a'));
      await browser.page.close();
    });

    afterAll(async () => {
      await browser.close();
      await gateway.close();
      await rm(folder, { recursive: true, force: true });
    });

    afterEach(async () => {
      await browser.page.close();
      expect(browser.problems).toEqual([]);
    });

    /** Returns a panel's data from the API for a fixed range. */
    async function api(board: string, id: number, query: string): Promise<Rows> {
      const answer = await gateway.app.inject({
        url: `/boards/api/boards/${board}/panels/${String(id)}?${query}`,
        headers: { authorization: `Bearer ${gateway.readToken}` },
      });
      return answer.json<Rows>();
    }

    const fixed = (): string => {
      const now = Date.now();
      return `from=${String(now - 6 * 3_600_000)}&to=${String(now)}`;
    };

    it('each draws, with the numbers of the API', async () => {
      const range = fixed();
      await browser.open(`${BOARD}?${range}&refresh=`);
      await browser.loaded();
      const panel = browser.panel.bind(browser);
      await browser.picture('sample-dark');

      expect(await panel(4).locator('.stat-value').textContent()).toBe('Blocked');
      const scores = await api('sample-panels', 5, range);
      const last = new Map(scores.rows.map(([, repo, score]) => [repo, String(score)]));
      expect(await panel(5).locator('.stat-value').allTextContents()).toEqual(
        [...last.keys()].sort().map((repo) => last.get(repo)),
      );

      const tools = await api('sample-panels', 6, range);
      expect(await panel(6).locator('tbody td:first-child').allTextContents()).toEqual(
        tools.rows.map(([tool]) => tool),
      );
      expect(await panel(6).locator('tbody td:nth-child(2)').allTextContents()).toEqual(
        tools.rows.map(([, blocked]) => String(blocked)),
      );
      expect(await panel(6).locator('thead th').allTextContents()).toEqual([
        'Tool',
        'Blocked',
        'total',
        'rate',
        'Last',
      ]);

      const busiest = await api('sample-panels', 7, range);
      expect(await panel(7).locator('.gauge-name').allTextContents()).toEqual(busiest.rows.map(([tool]) => tool));
      expect(await panel(7).locator('.gauge-value').allTextContents()).toEqual(
        busiest.rows.map(([, count]) => String(count)),
      );

      const verdicts = await api('sample-panels', 8, range);
      expect(await panel(8).locator('.legend b').allTextContents()).toEqual(
        verdicts.rows.map(([, count]) => String(count)),
      );
      expect(await panel(8).locator('svg path').count()).toBe(verdicts.rows.length);

      const stacked = await api('sample-panels', 9, range);
      expect(await panel(9).locator('.bar-name').allTextContents()).toEqual(stacked.rows.map(([tool]) => tool));
      expect(await panel(9).locator('.bar').count()).toBe(stacked.rows.length * 2);
      const categories = await api('sample-panels', 10, range);
      expect(await panel(10).locator('.bar b').allTextContents()).toEqual(
        categories.rows.map(([, count]) => String(count)),
      );

      // For lines, the legend shows the numbers.
      const lines = await panel(1).locator('.legend-table tbody tr').allTextContents();
      const scan = await api('sample-panels', 1, range);
      const byRepo = new Map<string, number[]>();
      for (const [, repo, score] of scan.rows)
        byRepo.set(String(repo), [...(byRepo.get(String(repo)) ?? []), Number(score)]);
      expect(lines).toEqual(
        [...byRepo.keys()].sort().map((repo) => {
          const values = byRepo.get(repo) ?? [];
          return `${repo}${String(values.at(-1))}${String(Math.min(...values))}${String(Math.max(...values))}`;
        }),
      );
      expect(await panel(1).locator('h3').textContent()).toBe('Scores of All');
      expect(await panel(2).locator('.legend-name').allTextContents()).toEqual(['allow', 'ask', 'block', 'duration']);
      expect(await panel(3).locator('.plot').getAttribute('aria-label')).toContain('acme/api B');
      expect(await panel(3).locator('.legend-key').allTextContents()).toContain('F');

      expect(await panel(11).locator('h5, strong, td').allTextContents()).toEqual(['Grades', '90', 'A', '90']);
      expect(await panel(11).locator('a').allTextContents()).toEqual(['the detail board']);
      expect(await panel(11).textContent()).toContain('<img src=x');
      expect(await panel(12).locator('.no-data').textContent()).toBe('No finding of that kind: scan to be sure');
      expect(await panel(13).textContent()).toContain('drawn by Grafana only');
      expect(await panel(13).locator('a').getAttribute('href')).toMatch(
        /^http:\/\/grafana\.test:3000\/d\/sample-panels\?viewPanel=13&from=/,
      );
    });

    it('panels of a folded row load when it opens, and hostile strings stay text', async () => {
      await browser.open(BOARD);
      await browser.loaded();
      expect(await browser.panel(14).locator('td').count()).toBe(0);
      await browser.page.getByText('More', { exact: true }).click();
      await browser.panel(14).locator('td').first().waitFor();
      const cells = await browser.panel(14).locator('tbody td:first-child').allTextContents();
      for (const text of HOSTILE_TEXTS) expect(cells).toContain(text);
      expect(await browser.page.locator('main img, main script').count()).toBe(0);
      expect(await browser.page.evaluate('globalThis.wasRun')).toBeUndefined();
      for (const link of await browser.panel(14).locator('a').all())
        expect(await link.getAttribute('href')).toMatch(/^\/boards\/sample-detail\?var-find=[^<>"\s]*$/);
    });

    it('annotations stand on every chart over time, say what they are, and can be switched', async () => {
      const range = fixed();
      await browser.open(`${BOARD}?${range}&refresh=`);
      await browser.loaded();
      const marks = browser.panel(1).locator('.mark:not([hidden])');
      await expect.poll(() => marks.count()).toBe((await api('sample-panels', 1, range)).rows.length);
      await marks.first().focus();
      expect(await browser.panel(1).locator('.mark-note:not([hidden])').textContent()).toMatch(
        /^Scans · .*scanned: \d+grade-[A-F]$/,
      );
      expect(await browser.panel(4).locator('.mark').count()).toBe(0);

      await browser.page.getByText('Annotations', { exact: true }).click();
      await browser.page.getByRole('checkbox', { name: 'Silence' }).check();
      await expect.poll(() => browser.panel(3).locator('.mark[aria-label^="Silence"]').count()).toBe(1);
      await browser.page.getByRole('checkbox', { name: 'Scans' }).uncheck();
      await expect.poll(() => browser.panel(1).locator('.mark').count()).toBe(1);
      expect(browser.page.url()).toContain('without=Scans');
      await browser.page.reload();
      await browser.loaded();
      await expect.poll(() => browser.panel(1).locator('.mark').count()).toBe(1);
    });

    it('links lead to the board they name, with range and values, and back', async () => {
      await browser.open(`${BOARD}?from=now-7d&to=now&var-repo=acme%2Fapi&refresh=`);
      await browser.loaded();
      await browser.panel(5).getByRole('link').click();
      await browser.page.getByRole('heading', { name: 'Decisions of acme/api' }).waitFor();
      await browser.loaded();
      expect(browser.page.url()).toMatch(/\/boards\/sample-detail\?var-repo=acme%2Fapi$/);
      await browser.page.goBack();
      await browser.page.getByRole('heading', { name: 'Scores of acme/api' }).waitFor();
      await browser.loaded();
      expect(await browser.page.getByLabel('Time range').inputValue()).toBe('now-7d');

      // A line's links open with a click on the chart.
      await browser.panel(1).locator('.plot').focus();
      await browser.page.keyboard.press('End');
      await browser.page.keyboard.press('Enter');
      const link = browser.panel(1).locator('.tooltip a');
      expect(await link.getAttribute('href')).toBe('/boards/sample-detail?var-repo=acme%2Fapi&from=now-7d&to=now');
      const outside = browser.page.getByRole('link', { name: 'Handbook' });
      expect([await outside.getAttribute('href'), await outside.getAttribute('rel')]).toEqual([
        'https://example.com/handbook',
        'noopener noreferrer',
      ]);
    });

    it('variables that depend on others follow them', async () => {
      await browser.open('/boards/sample-detail');
      await browser.loaded();
      // Without a choice, the first option.
      await browser.page.getByRole('heading', { name: 'Decisions of acme/api' }).waitFor();
      const open = (label: string): Promise<void> => browser.page.locator('summary', { hasText: label }).click();
      await open('Tool');
      await browser.page.getByRole('checkbox', { name: 'Grep' }).check();
      await expect.poll(() => browser.page.url()).toContain('var-tool=Grep');
      const range = 'from=now-6h&to=now&var-top=5&var-find=';
      const [[grep]] = (await api('sample-detail', 1, `${range}&var-repo=acme/api&var-tool=Grep`)).rows as [[number]];
      await expect.poll(() => browser.panel(1).locator('.stat-value').textContent()).toBe(String(grep));

      // design-system has no guard and so no tools; the choice is reset.
      await open('Repository');
      await browser.page.getByRole('radio', { name: 'design-system' }).check();
      await expect.poll(() => browser.page.url()).toContain('var-repo=design-system');
      expect(browser.page.url()).not.toContain('var-tool=Grep');
      await expect.poll(() => browser.panel(1).locator('.stat-value').textContent()).toBe('0');
      expect(await browser.page.locator('summary', { hasText: 'Tool' }).textContent()).toContain('All');

      await browser.page.goBack();
      await expect.poll(() => browser.panel(1).locator('.stat-value').textContent()).toBe(String(grep));
      await browser.page.getByLabel('Reason has').fill('curl');
      await browser.page.keyboard.press('Tab');
      await expect
        .poll(async () => [...new Set(await browser.panel(2).locator('tbody td:nth-child(3)').allTextContents())])
        .toEqual(['curl to a host that is not allowed']);
      expect(await browser.panel(2).locator('tbody tr').count()).toBe(5);
      await open('Rows');
      await browser.page.getByRole('radio', { name: 'Fifty' }).check();
      await expect.poll(() => browser.panel(2).locator('tbody tr').count()).toBeGreaterThan(5);
    });

    it('every chart can be read as rows, and walked and zoomed by keys', async () => {
      const range = fixed();
      await browser.open(`${BOARD}?${range}&refresh=`);
      await browser.loaded();
      await browser
        .panel(1)
        .getByRole('button', { name: /^Rows as a table/ })
        .click();
      expect(await browser.panel(1).locator('tbody tr').count()).toBe(
        (await api('sample-panels', 1, range)).rows.length,
      );
      await browser
        .panel(1)
        .getByRole('button', { name: /^Rows as a table/ })
        .click();
      await browser.panel(2).locator('.plot').focus();
      await browser.page.keyboard.press('ArrowRight');
      expect(await browser.panel(2).locator('.tooltip').textContent()).toMatch(/\d\d:\d\d:\d\d.*duration\d+\.\d ms/);
      await browser.page.keyboard.press('+');
      await expect.poll(() => browser.page.url()).not.toContain(range);
      const [from = 0, to = 0] = (/from=(\d+)&to=(\d+)/.exec(browser.page.url()) ?? []).slice(1).map(Number);
      expect(to - from).toBe(3 * 3_600_000);
      await browser.loaded();
      await browser.page.getByRole('button', { name: 'Zoom out' }).click();
      await expect.poll(() => /from=(\d+)/.exec(browser.page.url())?.[1]).not.toBe(String(from));
      await browser.loaded();
    });

    it.each([
      ['dark', 1280],
      ['light', 1280],
      ['light', 390],
    ] as const)('%s at %i pixels has no serious fault of accessibility and fits', async (colorScheme, width) => {
      await browser.open(`${BOARD}?refresh=`);
      await browser.page.emulateMedia({ colorScheme });
      await browser.page.setViewportSize({ width, height: 900 });
      await browser.loaded();
      await browser.page.getByText('More', { exact: true }).click();
      await browser.panel(14).locator('td').first().waitFor();
      await browser.picture(`sample-${colorScheme}-${String(width)}`);
      expect(await browser.page.evaluate('document.documentElement.scrollWidth - innerWidth')).toBeLessThanOrEqual(0);
      expect(await browser.faults()).toEqual([]);
    });
  },
);
