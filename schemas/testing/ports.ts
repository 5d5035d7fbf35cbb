import { once } from 'node:events';
import { createServer } from 'node:net';

/**
 * Below the ephemeral port range, from which the system could give a port to another process before our server listens.
 * Concurrent test files use separate ranges.
 */
let next = 10_000 + (Number(process.env['VITEST_POOL_ID'] ?? 0) % 8) * 2_500 + (process.pid % 2_000);

/** Returns a free port of this machine, each only once. */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = next++;
    const server = createServer().listen(port, '127.0.0.1');
    const isFree = await once(server, 'listening').then(
      () => true,
      () => false,
    );
    if (!isFree) continue;
    server.close();
    await once(server, 'close');
    return port;
  }
}
