import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { beforeAll, describe, expect, it } from 'vitest';
import { packageRoot } from '#schemas/root.js';
import { buildCollector, hasGo } from './binary.js';

describe.skipIf(!hasGo())(`LICENCES.md ${hasGo() ? '' : '(NOT RUN: no Go)'}`, () => {
  beforeAll(() => buildCollector(), 900_000);

  it('names every module of the collector with a known licence', async () => {
    const { licenceList } = (await import(pathToFileURL(join(packageRoot(), 'collector', 'licences.mjs')).href)) as {
      licenceList: () => string;
    };
    expect(
      readFileSync(join(packageRoot(), 'collector', 'LICENCES.md'), 'utf8'),
      'run: node collector/licences.mjs',
    ).toBe(licenceList());
    expect(licenceList()).not.toContain('unknown');
  });
});

describe.skipIf(!hasGo())(`the build ${hasGo() ? '' : '(NOT RUN: no Go)'}`, () => {
  it('leaves no path of the build machine in the binary', async () => {
    const bytes = readFileSync(await buildCollector());
    expect(bytes.includes('replace')).toBe(true);
    for (const place of [packageRoot(), '/shieldwatch/collector/build-'])
      expect(bytes.includes(place), place).toBe(false);
  }, 900_000);
});
