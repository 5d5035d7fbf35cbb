import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { packageRoot } from '#schemas/root.js';
import { boardFiles } from './boards.js';

const folder = join(packageRoot(), 'grafana/generated');

describe('generated boards', () => {
  it('are what the code makes: run `npm run grafana:generate` after a change', async () => {
    for (const { name, text } of boardFiles()) {
      expect(await readFile(join(folder, name), 'utf8'), name).toBe(text);
    }
  });

  it('have no file that no code makes', async () => {
    expect((await readdir(folder)).sort()).toEqual(boardFiles().map(({ name }) => name).sort());
  });
});
