import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { packageRoot } from '#schemas/root.js';
import { RUNBOOKS } from './alerts/provisioning.js';
import { boardFiles } from './boards.js';
import { generatedFiles } from './generated-files.js';

const module = join(packageRoot(), 'grafana');

describe('generated files', () => {
  it('are fresh: run `npm run grafana:generate` after a change', async () => {
    for (const { path, text } of generatedFiles()) {
      expect(await readFile(join(packageRoot(), path), 'utf8'), path).toBe(text);
    }
  });

  it('contain no file without a generator', async () => {
    expect((await readdir(join(module, 'generated'))).sort()).toEqual(
      boardFiles()
        .map(({ name }) => name)
        .sort(),
    );
    expect((await readdir(join(module, 'runbooks'))).sort()).toEqual(RUNBOOKS.map((name) => `${name}.md`).sort());
  });
});
