import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { unitFiles } from '#deploy/testing/unit-files.js';
import { packageRoot } from '#schemas/root.js';

/** Calls that start an engine, a program, a browser or a server, or use those of the run. */
const STARTS =
  /\b(inject|startGateway|startClickHouse|startTestServer|startStack\w*|startCollector\w*|freshDatabase|freshPostgres|openPostgres|spawn|spawnSync|fork|createServer|runShieldwatch|runProgramFile)\(|\bTestBrowser\.start\(/;

it('npm run test:unit runs files of the modules that start nothing, and no file that starts an engine', async () => {
  const root = packageRoot();
  const testFiles = ['schemas', 'exporters', 'collector', 'ingest', 'rollups', 'grafana', 'deploy'].flatMap((folder) =>
    readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
      .filter((file) => file.endsWith('.test.ts'))
      .map((file) => join(folder, file)),
  );
  const unit = await unitFiles(root, testFiles);
  expect(unit).toEqual(expect.arrayContaining(['schemas/redaction.test.ts', 'ingest/landing/scrubber.test.ts']));
  expect(unit.filter((file) => STARTS.test(readFileSync(join(root, file), 'utf8')))).toEqual([]);
  expect(testFiles.length - unit.length).toBeGreaterThan(50);
});
