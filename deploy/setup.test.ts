import { spawnSync } from 'node:child_process';
import { expect, it } from 'vitest';
import { collectorBinary, hasGo } from '#collector/binary.js';
import { areInstalled } from '#exporters/real-agents/install.js';
import { packageRoot } from '#schemas/root.js';

// `npm test` has run deploy/setup.mjs before.

it('setup makes `npx --no shieldwatch` the command of this checkout', () => {
  const { status, stdout } = spawnSync('npx', ['--no', 'shieldwatch', '--version'], {
    cwd: packageRoot(),
    encoding: 'utf8',
  });
  expect([status, stdout]).toEqual([0, expect.stringMatching(/^\d+\.\d+\.\d+\n$/)]);
});

it("setup for the tests installs the agents' clients and builds the collector", () => {
  expect(areInstalled()).toBe(true);
  expect(collectorBinary() !== undefined).toBe(hasGo());
});
