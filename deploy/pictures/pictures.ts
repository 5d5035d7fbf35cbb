import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createGateway } from '#ingest/app.js';
import { readBoards } from '#ingest/boards/board-library.js';
import { isBrowserMissing, TestBrowser } from '#ingest/testing/browser.js';
import { CommandError } from '#schemas/errors.js';
import { postgresWithOrg } from '../bench/boards/control-plane.js';
import { withServer } from '../bench/store/server.js';
import { tellFleet } from './fleet-story.js';

const ORG = 'org_sample';
/** Text alone, which is in the repository as text. */
const TEXT_BOARD = 'shieldwatch-runbooks';
const REPOSITORY_BOARD = 'shieldwatch-repository';
/** Bytes a picture in a README may have. */
const MAX_BYTES = 300_000;
/** Pixels of a board that are kept: what does not fit on two screens is not looked at in a README. */
const MAX_HEIGHT = 1_400;

/**
 * Draws every board on sample data, dark and 1280 pixels wide, into `folder`, one file a board.
 *
 * @returns the files written
 * @throws CommandError without Chromium, and if a board reports a problem or its picture is too large
 */
export async function drawPictures(folder: string): Promise<string[]> {
  if (isBrowserMissing) throw new CommandError('pictures need Chromium; name one with CHROMIUM_PATH');
  await mkdir(folder, { recursive: true });
  const files: string[] = [];
  await withServer(async ({ client }) => {
    await tellFleet(client, ORG);
    const postgres = await postgresWithOrg(ORG);
    const gateway = await createGateway({ clickhouse: client, postgres });
    const browser = await TestBrowser.start(await gateway.listen({ port: 0, host: '127.0.0.1' }));
    try {
      await browser.open(gateway.createLoginLink(ORG));
      await browser.page.close();
      for (const { uid } of (await readBoards()).all()) {
        if (uid === TEXT_BOARD) continue;
        await browser.open(`/boards/${uid}?refresh=${uid === REPOSITORY_BOARD ? '&var-repo=acme/web' : ''}`);
        await browser.loaded();
        const height = await browser.page.evaluate<number>(
          `(${heightOfWholePanels.toString()})(${String(MAX_HEIGHT)})`,
        );
        const picture = await browser.page.screenshot({ fullPage: true, clip: { x: 0, y: 0, width: 1280, height } });
        await browser.page.close();
        if (browser.problems.length > 0) throw new CommandError(`${uid}: ${browser.problems.join('; ')}`);
        if (picture.byteLength > MAX_BYTES)
          throw new CommandError(
            `${uid}: the picture has ${String(picture.byteLength)} bytes, more than ${String(MAX_BYTES)}`,
          );
        const file = join(folder, `${uid.replace(/^shieldwatch-/, '')}.png`);
        await writeFile(file, picture);
        files.push(file);
      }
    } finally {
      await browser.close();
      await gateway.close();
      await postgres.close();
    }
  });
  return files;
}

interface Box {
  top: number;
  bottom: number;
}

/** The largest height up to `most` that cuts through no panel; runs in the page. */
function heightOfWholePanels(most: number): number {
  const { document, scrollY } = globalThis as unknown as {
    document: { querySelectorAll(selector: string): Iterable<{ getBoundingClientRect(): Box }> };
    scrollY: number;
  };
  const boxes = [...document.querySelectorAll('.panel')].map((panel) => panel.getBoundingClientRect());
  const edges = boxes.map(({ bottom }) => Math.ceil(bottom + scrollY) + 8);
  const whole = edges.filter(
    (y) => y <= most && !boxes.some(({ top, bottom }) => top + scrollY < y && y < bottom + scrollY),
  );
  return whole.reduce((highest, y) => Math.max(highest, y), 0) || most;
}
