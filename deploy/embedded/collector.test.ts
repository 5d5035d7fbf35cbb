import { once } from 'node:events';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { startCollector } from './collector.js';

describe('startCollector', () => {
  it('names the port that is in use, in one line', async () => {
    const other = createServer();
    other.listen(0, '127.0.0.1');
    await once(other, 'listening');
    const { port } = other.address() as AddressInfo;
    const started = startCollector({
      binary: 'never-run',
      dataDir: join(tmpdir(), 'shieldwatch-never'),
      port,
      clickhouseUrl: 'http://127.0.0.1:1',
      database: 'shieldwatch',
      key: 'key',
    });
    await expect(started).rejects.toThrow(
      /^port \d+ on 127\.0\.0\.1 is in use, so the collector cannot listen there; choose another with --collector-port/,
    );
    other.close();
  });
});
