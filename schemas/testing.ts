import { once } from 'node:events';
import { createServer } from 'node:net';

/**
 * Below the ports that a system gives to whoever asks for any: such a one can be given away again before its server
 * listens. Of two test files that run at once each has ports of its own.
 */
let next = 10_000 + (Number(process.env['VITEST_POOL_ID'] ?? 0) % 8) * 2_500 + (process.pid % 2_000);

/** A port of this machine nobody listens on just now; given out once. */
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
