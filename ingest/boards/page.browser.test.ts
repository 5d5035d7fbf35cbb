import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, inject, it } from 'vitest';
import { packageRoot } from '#schemas/root.js';
import type { Board } from '#schemas/board.js';
import { mintToken } from '../auth/tokens.js';
import { startGateway, type TestGateway } from '../testing/gateway.js';
import { isBrowserMissing, TestBrowser } from '../testing/browser.js';
import { HOSTILE_TEXTS, writeSampleData } from '../testing/board-sample-data.js';
import { Seed } from '../testing/board-seed.js';

/** The board whose numbers these tests know. */
const BOARD = '/boards/shieldwatch-posture';

describe.skipIf(isBrowserMissing)(
  `boards page in a real browser${isBrowserMissing ? ' (NOT RUN: no chromium)' : ''}`,
  () => {
    let gateway: TestGateway;
    let gatewayUrl: string;
    let browser: TestBrowser;
    let page: Page;

    beforeAll(async () => {
      await promisify(execFile)(process.execPath, [join(packageRoot(), 'grafana/page/build.mjs')]);
      gateway = await startGateway(inject('clickhouseUrl'));
      gatewayUrl = await gateway.app.listen({ port: 0, host: '127.0.0.1' });
      browser = await TestBrowser.start(gatewayUrl);
      await browser.allowClipboard();
    });

    afterAll(async () => {
      await browser.close();
      await gateway.close();
    });

    afterEach(async () => {
      await browser.page.close();
      expect(browser.problems).toEqual([]);
    });

    async function open(path: string, expected?: RegExp): Promise<void> {
      await browser.open(path, expected);
      ({ page } = browser);
    }
    const loaded = (): Promise<void> => browser.loaded();
    const picture = (name: string): Promise<void> => browser.picture(name);
    const panel = (id: number) => browser.panel(id);

    async function rows(id: number, query: string): Promise<unknown[][]> {
      const answer = await gateway.app.inject({
        url: `/boards/api/boards/shieldwatch-posture/panels/${String(id)}?${query}`,
        headers: { authorization: `Bearer ${gateway.readToken}` },
      });
      return answer.json<{ rows: unknown[][] }>().rows;
    }

    it('shows the login page without a session', async () => {
      await open('/boards', /401/);
      await page.waitForURL('**/boards/login?refused=session');
      expect(await page.getByRole('alert').textContent()).toContain('This tab has no session');
      expect(await page.textContent('main')).toContain('one-time link');
      for (const colorScheme of ['dark', 'light'] as const) {
        await page.emulateMedia({ colorScheme });
        expect(await browser.faults()).toEqual([]);
        await picture(`login-${colorScheme}`);
      }
      await page.setViewportSize({ width: 390, height: 900 });
      expect(await page.evaluate('document.documentElement.scrollWidth - innerWidth')).toBeLessThanOrEqual(0);
      await picture('login-390');
    });

    it('shows first steps for an empty store, and the board when data arrives', async () => {
      await open(gateway.app.createLoginLink('org_a'));
      await page.getByText('npm run demo').waitFor();
      await page.getByRole('button', { name: 'Copy: Scan one of your repositories' }).click();
      expect(await page.evaluate('navigator.clipboard.readText()')).toContain(
        `export SHIELDWATCH_URL=${new URL(page.url()).origin}\nnpx --no shieldwatch scan`,
      );
      expect(await page.textContent('main')).toContain('shieldwatch scan');
      expect(await page.textContent('main')).toContain('shieldwatch hook');
      expect(await page.textContent('main')).toContain('CLAUDE_CODE_ENABLE_TELEMETRY');
      expect(await browser.faults()).toEqual([]);
      await picture('welcome');
      await writeSampleData(new Seed(gateway.store.client, 'org_a'));
      await loaded();
      // The initial range is short.
      expect(page.url()).toContain('from=now-15m');
    });

    it('shows the numbers of the API', async () => {
      await open(BOARD);
      await loaded();
      const query = 'from=now-6h&to=now';
      const [[rate]] = (await rows(2, query)) as [[number]];
      expect(await panel(2).locator('.stat-value').textContent()).toBe(`${(rate * 100).toFixed(1)} %`);
      const [[critical]] = (await rows(3, query)) as [[number]];
      expect(await panel(3).locator('.stat-value').textContent()).toBe(String(critical));
      const [[decisions]] = (await rows(4, query)) as [[number]];
      expect(await panel(4).locator('.stat-value').textContent()).toBe(String(decisions));

      const last = new Map((await rows(1, query)).map(([, line, score]) => [line, String(score)]));
      const names = await panel(1).locator('.stat-name').allTextContents();
      expect(names).toHaveLength(last.size);
      expect(await panel(1).locator('.stat-value').allTextContents()).toEqual(names.map((name) => last.get(name)));
      expect(await panel(9).locator('tbody tr').count()).toBe((await rows(9, query)).length);
      const legend = await panel(7).locator('.legend-name').allTextContents();
      expect(legend).toEqual([...new Set((await rows(7, query)).map(([, verdict]) => verdict))].sort());
      await picture('board-dark');
    });

    it('shows hostile strings as text', async () => {
      await open(`${BOARD}?from=now-6h`);
      await loaded();
      const cells = await panel(9).locator('tbody td').allTextContents();
      for (const text of HOSTILE_TEXTS) expect(cells).toContain(text);
      expect(await page.locator('main img, script:not([src])').count()).toBe(0);
      expect(await page.evaluate('globalThis.wasRun')).toBeUndefined();
    });

    it('keeps repository, range and refresh in the URL, and goes back', async () => {
      await open(BOARD);
      await loaded();
      await page.locator('summary', { hasText: 'Repository' }).click();
      await page.getByRole('checkbox', { name: 'acme/api' }).check();
      await page.keyboard.press('Escape');
      await expect.poll(() => panel(1).locator('.stat-name').allTextContents()).toEqual(['acme/api']);
      expect(page.url()).toContain('var-repo=acme%2Fapi');

      await page.getByLabel('Time range').selectOption('now-7d');
      await page.getByLabel('Refresh every').selectOption('');
      await loaded();
      expect(page.url()).toMatch(/from=now-7d.*refresh=(&|$)/);
      await page.reload();
      await loaded();
      expect(await page.getByLabel('Time range').inputValue()).toBe('now-7d');
      expect(await panel(1).locator('.stat-name').allTextContents()).toEqual(['acme/api']);

      await page.goBack();
      await page.goBack();
      await page.goBack();
      await expect.poll(async () => (await panel(1).locator('.stat-name').allTextContents()).length).toBeGreaterThan(1);
      expect(page.url()).not.toContain('var-repo=acme');
    });

    it('sorts a table by weight, and from the keyboard', async () => {
      await open(BOARD);
      await loaded();
      const severities = () => panel(9).locator('tbody td:first-child').allTextContents();
      const heading = panel(9).getByRole('button', { name: 'Severity' });
      await heading.focus();
      await page.keyboard.press('Enter');
      const ranked = ['critical', 'high', 'medium', 'low', 'info'];
      const ascending = await severities();
      expect(ascending).toEqual([...ascending].sort((a, b) => ranked.indexOf(a) - ranked.indexOf(b)));
      await page.keyboard.press('Enter');
      expect(await severities()).toEqual(ascending.toReversed());
      expect(await panel(9).locator('th').first().getAttribute('aria-sort')).toBe('descending');
    });

    it('hides a line from its legend, and zooms by dragging', async () => {
      await open(BOARD);
      await loaded();
      const button = panel(6).locator('.legend button').first();
      await button.click();
      expect(await button.getAttribute('aria-pressed')).toBe('false');
      await panel(6).locator('.u-over').scrollIntoViewIfNeeded();
      const box = await panel(6).locator('.u-over').boundingBox();
      if (box === null) throw new Error('the chart has no place on the page');
      await page.mouse.move(box.x + box.width * 0.3, box.y + 20);
      await page.mouse.down();
      await page.mouse.move(box.x + box.width * 0.6, box.y + 20, { steps: 4 });
      await page.mouse.up();
      await expect.poll(() => page.url()).toMatch(/from=\d{13}&to=\d{13}/);
      await loaded();
    });

    it("takes a range of one's own, and steps back from there", async () => {
      await open(`${BOARD}?from=now-1h&to=now`);
      await loaded();
      await page.getByLabel('Time range').selectOption('own');
      // Within the history that the plan shows.
      const start = (Math.floor(Date.now() / 86_400_000) - 10) * 86_400_000;
      const input = (time: number): string => new Date(time).toISOString().slice(0, 19);
      await page.getByLabel('From', { exact: true }).fill(input(start));
      await page.getByLabel('To', { exact: true }).fill(input(start + 86_400_000));
      await page.getByRole('button', { name: 'Apply' }).click();
      await expect.poll(() => page.url()).toContain(`from=${String(start)}&to=${String(start + 86_400_000)}`);
      await loaded();
      await page.getByRole('button', { name: 'Earlier' }).click();
      await expect.poll(() => page.url()).toContain(`from=${String(start - 43_200_000)}`);
      await loaded();
    });

    it('shows no board of another organisation, and links to the boards', async () => {
      for (const path of ['/boards/shieldwatch-posture?var-org=org_b', '/boards/nope']) {
        await open(path, /404/);
        await page.getByRole('heading', { name: 'there is no such board' }).waitFor();
        if (path !== '/boards/nope') await page.close();
      }
      await page.getByRole('link', { name: 'To the boards' }).click();
      await loaded();
    });

    describe('a session', () => {
      const newTab = async (path: string): Promise<Page> => {
        const tab = await page.context().newPage();
        await tab.goto(new URL(path, page.url()).href);
        return tab;
      };
      const title = (tab: Page) => tab.getByRole('heading', { name: 'Agent security posture' }).waitFor();
      const isRefused = (tab: Page) => tab.waitForURL('**/boards/login?refused=session');

      it('survives a reload and reaches a new tab only while another is open; a login returns to the address', async () => {
        await open(BOARD);
        await loaded();
        expect(page.url()).not.toContain('#');
        await page.reload();
        await loaded();
        const second = await newTab(`${BOARD}?from=now-7d`);
        await title(second);
        await page.close();
        // The second tab has its own key now.
        page = await second.context().newPage();
        await page.goto(second.url());
        await title(page);
        await second.close();
        await page.goto('about:blank');
        const late = await page.context().newPage();
        await late.goto(`${gatewayUrl}${BOARD}?from=now-7d`);
        await isRefused(late);
        await page.close();
        page = late;
        await page.getByLabel('Token').fill(gateway.readToken);
        await page.getByRole('button', { name: 'Log in' }).click();
        await title(page);
        expect(new URL(page.url()).search).toContain('from=now-7d');
      });

      it('opens by a token that is in no URL, storage or history afterwards, and shows what the token can read', async () => {
        const { token } = await mintToken(gateway.postgres, {
          orgId: 'org_a',
          name: 'bound',
          scopes: ['read'],
          repository: 'acme/api',
        });
        await open(`/boards/login`, /401/);
        await page.getByLabel('Token').fill('eccp_mistyped');
        await page.getByRole('button', { name: 'Log in' }).click();
        await page.waitForURL('**/boards/login?refused=token');
        expect(await page.getByRole('alert').textContent()).toContain('mistyped');
        await picture('login-refused');
        await page.getByLabel('Token').fill(token);
        await page.getByRole('button', { name: 'Log in' }).click();
        await loaded();
        const kept = await page.evaluate(
          'JSON.stringify([location.href, document.referrer, { ...sessionStorage }, { ...localStorage }, document.cookie])',
        );
        expect(kept).not.toContain(token);
        expect(JSON.stringify(await page.context().cookies())).not.toContain(token);
        await page.goBack();
        expect(await page.getByLabel('Token').inputValue()).toBe('');
        await page.goto(`${gatewayUrl}${BOARD}?from=now-7d&var-repo=acme%2Fweb`);
        await loaded();
        expect(await panel(1).locator('.stat-name').allTextContents()).toEqual(['acme/api']);
        expect(await page.textContent('body')).not.toMatch(/acme\/(?!api)/);
      });

      it('is displaced by that of another tab, with a message', async () => {
        await open(gateway.app.createLoginLink('org_a'));
        await loaded();
        const other = await newTab(gateway.app.createLoginLink('org_b'));
        await other.getByText('npm run demo').waitFor();
        await page.getByRole('heading', { name: 'Another tab of this browser logged in.' }).waitFor();
        expect(await page.locator('.panel').count()).toBe(0);
        await page.getByRole('button', { name: 'Try again' }).click();
        await page.getByText('npm run demo').waitFor();
        await other.close();
      });

      it('is closed to another server of this host that receives its cookie', async () => {
        await open(gateway.app.createLoginLink('org_a'));
        await loaded();
        const received: string[] = [];
        const other = createServer((request, response) => {
          received.push(request.headers.cookie ?? '');
          response.setHeader('content-type', 'text/html').end('<!doctype html><title>other</title>');
        });
        other.listen(0, '127.0.0.1');
        await once(other, 'listening');
        const tab = await page.context().newPage();
        try {
          await tab.goto(`http://127.0.0.1:${String((other.address() as AddressInfo).port)}/`);
          const cookie = received.find((each) => each.includes('shieldwatch_session=')) ?? '';
          expect(cookie).not.toBe('');
          for (const path of [
            '/boards/api/boards',
            `/boards/api${BOARD}/panels/1`,
            '/v1/repos',
            '/v1/org/org_a/fleet',
          ]) {
            expect([path, (await fetch(`${gatewayUrl}${path}`, { headers: { cookie } })).status]).toEqual([path, 401]);
          }
          // Pages of that server cannot get the key, or an answer, through the browser.
          const reached = await tab.evaluate(`(async () => {
          const gateway = ${JSON.stringify(gatewayUrl)};
          const received = await new Promise((resolve) => {
            const channel = new BroadcastChannel('shieldwatch-session');
            channel.onmessage = ({ data }) => resolve(JSON.stringify(data));
            channel.postMessage('ask');
            setTimeout(resolve, 500, 'nothing');
          });
          const read = (path, options) => fetch(gateway + path, { credentials: 'include', ...options }).then((answer) => answer.type + ' ' + answer.status, () => 'refused');
          return [sessionStorage.length, received,
            await read('/boards/api/boards'), await read('/boards/api/boards', { headers: { 'x-shieldwatch-session-key': 'x' } }), await read('/boards/api/boards', { mode: 'no-cors' }),
            await read('/boards/login', { method: 'POST', mode: 'no-cors', body: new URLSearchParams({ token: 'x' }) })];
        })()`);
          expect(reached).toEqual([0, 'nothing', 'refused', 'refused', 'refused', 'refused']);
        } finally {
          await tab.close();
          other.closeAllConnections();
          other.close();
        }
      });
    });

    it('refreshes at the interval in the URL', async () => {
      await open(`${BOARD}?refresh=1s`);
      await loaded();
      await page.waitForResponse((response) => response.url().includes('/panels/4'));
      await loaded();
    });

    it('states that a range has no data', async () => {
      await open(`${BOARD}?from=now-30d&to=now-29d`);
      await loaded();
      expect(await panel(2).locator('.no-data').textContent()).toBe('No decisions');
      expect(await panel(4).locator('.no-data').textContent()).toBe('No decisions');
      await picture('no-data');
    });

    it('draws every panel of every board, or its text for no data', async () => {
      const { boards } = (
        await gateway.app.inject({
          url: '/boards/api/boards',
          headers: { authorization: `Bearer ${gateway.readToken}` },
        })
      ).json<{ boards: { uid: string; title: string }[] }>();
      expect(boards.length).toBeGreaterThan(0);
      for (const { uid, title } of boards) {
        const board = (
          await gateway.app.inject({
            url: `/boards/api/boards/${uid}`,
            headers: { authorization: `Bearer ${gateway.readToken}` },
          })
        ).json<Board>();
        await open(`/boards/${uid}?refresh=`);
        await loaded();
        expect(await page.locator('h1').textContent(), uid).toBe(title);
        for (const summary of await page.locator('details.row:not([open]) > summary').all()) await summary.click();
        for (const each of board.panels.flatMap((one) => (one.type === 'row' ? (one.panels ?? []) : [one]))) {
          await panel(each.id).locator('.panel-body > *').first().waitFor({ state: 'attached' });
          expect(await panel(each.id).locator('.panel-note').textContent(), `${uid}: ${each.title ?? ''}`).toBe('');
          const empty = panel(each.id).locator('.no-data');
          if ((await empty.count()) > 0)
            expect(await empty.textContent(), `${uid}: ${each.title ?? ''}`).toBe(
              each.fieldConfig?.defaults.noValue ?? 'No data',
            );
        }
        expect(await browser.faults(), uid).toEqual([]);
        await picture(uid);
        await page.close();
        expect(browser.problems).toEqual([]);
      }
      await open(BOARD);
      await loaded();
    });

    it.each([
      ['light', 1280, 'now-7d'],
      ['dark', 390, 'now-6h'],
      ['light', 390, 'now-30d'],
    ] as const)('fits a %s window of %d pixels over %s', async (colorScheme, width, from) => {
      await open(`${BOARD}?from=${from}`);
      await page.emulateMedia({ colorScheme });
      await page.setViewportSize({ width, height: 900 });
      await loaded();
      expect(await page.evaluate('document.documentElement.scrollWidth - innerWidth')).toBeLessThanOrEqual(0);
      await picture(`board-${colorScheme}-${String(width)}`);
    });
  },
);
