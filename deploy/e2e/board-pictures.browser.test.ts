import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { boardFiles } from '#grafana/boards.js';
import { isBrowserMissing, TestBrowser } from '#ingest/testing/browser.js';
import { startGateway, type TestGateway } from '#ingest/testing/gateway.js';
import { packageRoot } from '#schemas/root.js';
import { tellFleet } from '#deploy/pictures/fleet-story.js';

const UIDS = boardFiles().map(({ text }) => (JSON.parse(text) as { uid: string }).uid);

describe.skipIf(isBrowserMissing)(
  `every board in a real browser${isBrowserMissing ? ' (NOT RUN: no chromium)' : ''}`,
  () => {
    let gateway: TestGateway;
    let browser: TestBrowser;

    beforeAll(async () => {
      await promisify(execFile)(process.execPath, [join(packageRoot(), 'grafana/page/build.mjs')]);
      gateway = await startGateway(inject('clickhouseUrl'), {});
      await tellFleet(gateway.store.client, 'org_a');
      browser = await TestBrowser.start(await gateway.app.listen({ port: 0, host: '127.0.0.1' }));
      await browser.open(gateway.app.createLoginLink('org_a'));
      await browser.page.close();
    });

    afterAll(async () => {
      await browser.close();
      await gateway.close();
    });

    it.each(UIDS)('%s draws every panel without errors or overflow', async (uid) => {
      await browser.open(`/boards/${uid}?refresh=${uid === 'shieldwatch-repository' ? '&var-repo=acme/web' : ''}`);
      await browser.loaded();
      for (const colorScheme of ['dark', 'light'] as const) {
        await browser.page.emulateMedia({ colorScheme });
        await browser.picture(`${uid.replace('shieldwatch-', '')}-${colorScheme}`);
      }
      expect(await browser.page.evaluate('document.documentElement.scrollWidth')).toBeLessThanOrEqual(1280);
      expect(await browser.page.locator('.panel .no-data').allTextContents()).toEqual([]);
      expect((await browser.page.locator('.panel-note').allTextContents()).filter((text) => text !== '')).toEqual([]);
      expect(await browser.faults()).toEqual([]);
      await browser.page.close();
      expect(browser.problems).toEqual([]);
    });
  },
);
