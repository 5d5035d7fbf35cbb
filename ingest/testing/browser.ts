import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import axe from 'axe-core';
import { chromium, type BrowserContext, type Locator, type Page } from 'playwright-core';

const CHROMIUM = process.env['CHROMIUM_PATH'] ?? '/usr/bin/chromium';
export const isBrowserMissing = !existsSync(CHROMIUM);

const FLAGS = [
  '--headless',
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

/** A browser for tests against one server: UTC, dark, 1280 by 900 pixels. */
export class TestBrowser {
  /** Console errors and failed requests of the open page. */
  problems: string[] = [];
  page!: Page;
  readonly #context: BrowserContext;
  readonly #address: string;
  readonly #profile: string;
  /** Key of the session that was opened last; every tab needs it. */
  #key = '';

  private constructor(context: BrowserContext, address: string, profile: string) {
    this.#context = context;
    this.#address = address;
    this.#profile = profile;
  }

  static async start(address: string): Promise<TestBrowser> {
    const profile = await mkdtemp(join(tmpdir(), 'shieldwatch-browser-'));
    const context = await chromium.launchPersistentContext(profile, {
      executablePath: CHROMIUM,
      args: FLAGS,
      viewport: { width: 1280, height: 900 },
      colorScheme: 'dark',
      timezoneId: 'UTC',
    });
    return new TestBrowser(context, address, profile);
  }

  /**
   * Opens a path in a new tab. Console errors and failed requests that `expected` does not match are recorded as
   * problems.
   */
  async open(path: string, expected: RegExp = /^$/): Promise<void> {
    this.problems = [];
    this.page = await this.#context.newPage();
    const note = (problem: string): void => {
      if (!expected.test(problem)) this.problems.push(problem);
    };
    this.page.on('console', (message) => {
      if (['error', 'warning'].includes(message.type())) note(message.text());
    });
    this.page.on('pageerror', (error) => {
      note(error.message);
    });
    this.page.on('requestfailed', (request) => {
      const failure = request.failure()?.errorText ?? '';
      // Requests that the page aborted because a newer one replaced them.
      if (failure !== 'net::ERR_ABORTED') note(`${request.url()} ${failure}`);
    });
    this.page.on('request', (request) => {
      const isOwn = [this.#address, 'data:', 'file:'].some((start) => request.url().startsWith(start));
      if (!isOwn) note(`request to another origin: ${request.url()}`);
    });
    const [, key] = /#key=(.+)$/.exec(path) ?? [];
    if (key !== undefined) this.#key = key;
    const isBoard = key === undefined && this.#key !== '' && path.startsWith('/boards');
    await this.page.goto((path.includes('://') ? path : this.#address + path) + (isBoard ? `#key=${this.#key}` : ''));
  }

  /** Waits until every panel has been loaded. */
  async loaded(): Promise<void> {
    await this.page.locator('.toolbar[data-loaded="true"]').waitFor();
    await this.page.locator('.panel').first().waitFor();
  }

  panel(id: number): Locator {
    return this.page.locator(`[data-panel="${String(id)}"]`);
  }

  /** Saves a screenshot if `SHIELDWATCH_PICTURES` is set. */
  async picture(name: string): Promise<void> {
    const folder = process.env['SHIELDWATCH_PICTURES'];
    if (folder !== undefined) await this.page.screenshot({ path: join(folder, `${name}.png`), fullPage: true });
  }

  /**
   * Returns violations of impact serious or critical from axe-core, injected by the browser because the page's policy
   * allows no other script.
   */
  async faults(): Promise<string[]> {
    await this.page.evaluate(axe.source);
    return this.page.evaluate(`axe.run().then(({ violations }) => violations
      .filter(({ impact }) => impact === 'serious' || impact === 'critical')
      .flatMap(({ id, nodes }) => nodes.map(({ html, failureSummary }) => id + ': ' + html.slice(0, 200) + ' ' + failureSummary)))`);
  }

  /** Allows pages to read and write the clipboard. */
  async allowClipboard(): Promise<void> {
    await this.#context.grantPermissions(['clipboard-read', 'clipboard-write'], { origin: this.#address });
  }

  async close(): Promise<void> {
    await this.#context.close();
    await rm(this.#profile, { recursive: true, force: true });
  }
}
