import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { CommandError } from '#schemas/errors.js';

const NAMES = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable'];
const ELSEWHERE = [
  '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
  '/Applications/Chromium.app/Contents/MacOS/Chromium',
];
const PRINT_MS = 120_000;

/** Returns a Chromium of this machine: `CHROMIUM_PATH`, else one on PATH; undefined if there is none. */
export function findChromium(env: NodeJS.ProcessEnv): string | undefined {
  const named = env['CHROMIUM_PATH'];
  if (named !== undefined && named !== '') return existsSync(named) ? named : undefined;
  const folders = (env['PATH'] ?? '').split(delimiter);
  return [...folders.flatMap((folder) => NAMES.map((name) => join(folder, name))), ...ELSEWHERE].find((path) =>
    existsSync(path),
  );
}

/**
 * Prints one of our HTML files, in light colours.
 *
 * @throws CommandError if Chromium fails
 */
export async function printPdf(chromium: string, html: string, pdf: string): Promise<void> {
  const profile = await mkdtemp(join(tmpdir(), 'shieldwatch-print-'));
  const flags = [
    '--headless',
    // Chromium has no sandbox as root; the file is our own, and its policy forbids requests.
    ...(process.getuid?.() === 0 ? ['--no-sandbox'] : []),
    '--disable-gpu',
    '--no-first-run',
    '--disable-background-networking',
    '--disable-component-update',
    '--disable-sync',
    '--disable-extensions',
    `--user-data-dir=${profile}`,
    '--window-size=1280,905',
    '--hide-scrollbars',
    '--virtual-time-budget=20000',
    '--no-pdf-header-footer',
    `--print-to-pdf=${pdf}`,
    pathToFileURL(html).href,
  ];
  try {
    await promisify(execFile)(chromium, flags, { timeout: PRINT_MS });
  } catch {
    throw new CommandError(`${chromium} could not print ${html}`);
  } finally {
    await rm(profile, { recursive: true, force: true, maxRetries: 5 });
  }
  if (!existsSync(pdf)) throw new CommandError(`${chromium} could not print ${html}`);
}
