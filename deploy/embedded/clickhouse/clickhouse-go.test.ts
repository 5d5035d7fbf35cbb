import { execFile } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { hasGo } from '#collector/binary.js';
import { packageRoot } from '#schemas/root.js';
import { startTestServer, type TestServer } from '../../testing/clickhouse-server.js';

interface Check {
  name: string;
  ok: boolean;
  detail: string;
}

const run = promisify(execFile);

describe.skipIf(!hasGo())(`clickhouse-go over HTTP ${hasGo() ? '' : '(NOT RUN: no Go)'}`, () => {
  let server: TestServer;
  let program: string;
  beforeAll(async () => {
    const source = join(packageRoot(), 'deploy/testing/clients/clickhouse-go');
    const cache = join(tmpdir(), 'shieldwatch-clickhouse-go');
    mkdirSync(cache, { recursive: true });
    program = join(cache, 'client');
    await run('go', ['build', '-o', program, '.'], { cwd: source });
    server = await startTestServer();
  }, 300_000);
  afterAll(() => server.remove());

  // `lz4` is the default of the collector's exporter.
  describe.each(['compress=none', 'compress=lz4', 'compress=zstd', 'compress=gzip&enable_http_compression=1'])(
    'with %s',
    (compression) => {
      let checks: Check[] = [];
      beforeAll(async () => {
        await server.text('DROP TABLE IF EXISTS go_item');
        const { host, username, password } = new URL(server.clickhouse.url);
        const { stdout } = await run(program, [`http://${username}:${password}@${host}/shieldwatch?${compression}`]);
        checks = stdout
          .trim()
          .split('\n')
          .map((line) => JSON.parse(line) as Check);
      }, 120_000);

      test('every type family of the engine works, or is refused clearly', () => {
        const types = checks.filter((check) => check.name.startsWith('type '));
        expect(types.length).toBeGreaterThan(60);
        expect(types.filter((check) => !check.ok)).toEqual([]);
        expect(
          types
            .filter((check) => !check.detail.startsWith('works'))
            .map((check) => `${check.name.slice('type '.length)}: ${check.detail}`),
        ).toEqual(
          ['AggregateFunction', 'Dynamic', 'Geometry', 'QBit', 'Variant'].map(
            (name) => `${name}: refused by the server`,
          ),
        );
      });

      test.each([
        'batch',
        'parameters',
        'settings',
        'desc',
        'error unknown table',
        'error syntax',
        'error denied',
        'error in execution',
        'error in mid-stream',
        'error deadline',
      ])('%s', (name) => {
        expect(checks.find((check) => check.name === name)).toMatchObject({ ok: true });
      });
    },
  );
});
