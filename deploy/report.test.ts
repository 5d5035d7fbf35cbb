import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { isBrowserMissing, TestBrowser } from '#ingest/testing/browser.js';
import { writeSampleBoards } from '#ingest/testing/sample-boards.js';
import { HOSTILE_TEXTS, writeSampleData } from '#ingest/testing/board-sample-data.js';
import { Seed } from '#ingest/testing/board-seed.js';
import { startGateway, type TestGateway } from '#ingest/testing/gateway.js';
import { packageRoot } from '#schemas/root.js';
import { runReport, type ReportFlags } from './report.js';

const run = promisify(execFile);

let gateway: TestGateway;
let folder: string;
let url: string;

beforeAll(async () => {
  await run(process.execPath, [join(packageRoot(), 'grafana/page/build.mjs')]);
  folder = await mkdtemp(join(tmpdir(), 'shieldwatch-report-'));
  await writeSampleBoards(join(folder, 'boards'));
  gateway = await startGateway(inject('clickhouseUrl'), { boards: { folder: join(folder, 'boards') } });
  await writeSampleData(new Seed(gateway.store.client, 'org_a'));
  url = await gateway.app.listen({ port: 0, host: '127.0.0.1' });
});

afterAll(async () => {
  await gateway.close();
  await rm(folder, { recursive: true, force: true });
});

/** Runs the command and gives the names of what it wrote. */
async function report(flags: Partial<ReportFlags>): Promise<string[]> {
  const written: string[] = [];
  await runReport(
    { from: 'now-6h', to: 'now', url, token: gateway.readToken, output: join(folder, 'report.html'), ...flags },
    (line) => written.push(line),
  );
  return written;
}

describe('shieldwatch report', () => {
  it.skipIf(isBrowserMissing)(
    `writes one file that draws the boards' charts and makes no requests${isBrowserMissing ? ' (NOT RUN: no chromium)' : ''}`,
    async () => {
      const [file = ''] = await report({ board: ['sample-panels'] });
      const browser = await TestBrowser.start('http://never.test');
      try {
        await browser.open(pathToFileURL(file).href);
        const { page } = browser;
        await page.locator('html[data-loaded="true"]').waitFor();
        await browser.picture('report');
        expect(await page.locator('h1').textContent()).toBe('Every panel');
        expect(await page.locator('header p').first().textContent()).toMatch(/^Organisation org_a · 20/);
        expect(await browser.panel(4).locator('.stat-value').textContent()).toBe('Blocked');
        expect(await browser.panel(7).locator('.gauge-name').count()).toBe(5);
        expect(await browser.panel(1).locator('.mark').count()).toBeGreaterThan(3);
        // What is folded on the board lies open, and stays text.
        const cells = await browser.panel(14).locator('tbody td:first-child').allTextContents();
        for (const text of HOSTILE_TEXTS) expect(cells).toContain(text);
        expect(await page.evaluate('globalThis.wasRun')).toBeUndefined();
        expect(await page.locator('main a').count()).toBe(0);
        await page.close();
        expect(browser.problems).toEqual([]);
      } finally {
        await browser.close();
      }
    },
  );

  it.skipIf(isBrowserMissing)(`prints a PDF${isBrowserMissing ? ' (NOT RUN: no chromium)' : ''}`, async () => {
    const [, pdf = ''] = await report({ board: ['all'], repository: ['acme/api'], pdf: true });
    const bytes = await readFile(pdf);
    expect(bytes.subarray(0, 5).toString()).toBe('%PDF-');
    expect(bytes.byteLength).toBeGreaterThan(30_000);
  });

  it('contains nothing executable from data, and no secret of the request', async () => {
    const [file = ''] = await report({ board: ['all'] });
    const html = await readFile(file, 'utf8');
    expect(html.match(/<script/g)).toHaveLength(2);
    expect(html).not.toContain('<img src=x');
    expect(html).not.toContain(gateway.readToken);
    expect((await stat(file)).size).toBeLessThan(2_000_000);
  });

  it.each([
    [{ board: ['nope'] }, /there is no board nope; there are: sample-detail, sample-panels/],
    [{ org: 'org_b' }, /another organisation than org_b/],
    [{ from: 'soon' }, /--from: expected now, .*between 1970 and 2100/],
    [{ from: 'now', to: 'now-1h' }, /--from: expected a time before to/],
    [{ token: 'eccp_unknown' }, /the gateway answered 401/],
    [{ url: 'http://127.0.0.1:9' }, /does not answer/],
    [{ output: '/nonexistent/report.html' }, /cannot be written: ENOENT/],
  ] as [Partial<ReportFlags>, RegExp][])('%j is refused in one line', async (flags, message) => {
    await expect(report(flags)).rejects.toThrow(message);
  });

  it('is a command', async () => {
    const cli = join(packageRoot(), 'dist/deploy/cli.js');
    const output = join(folder, 'cli.html');
    const { stdout } = await run(
      process.execPath,
      [
        cli,
        'report',
        '--org',
        'org_a',
        '--from',
        new Date(Date.now() - 86_400_000).toISOString(),
        '--board',
        'sample-detail',
        '--output',
        output,
      ],
      {
        env: { ...process.env, SHIELDWATCH_URL: url, SHIELDWATCH_TOKEN: gateway.readToken },
      },
    );
    expect(stdout).toBe(`${output}\n`);
    expect(await readFile(output, 'utf8')).toContain('Decisions of ');
  });
});
