import { setTimeout as pause } from 'node:timers/promises';
import type { FastifyInstance } from 'fastify';
import type { ClickHouseClient } from '#schemas/clickhouse/client.js';
import type { Postgres } from '#schemas/postgres/client.js';
import { readiness } from '../operations/readiness.js';
import type { CollectorSettings } from '../telemetry/collector-sink.js';

/** Milliseconds between looks for connections that became idle while the gateway closes. */
const IDLE_MS = 50;

declare module 'fastify' {
  interface FastifyInstance {
    /** From now on `/readyz` is 503, and for `ms` everything else goes on: whoever sends traffic here has time to stop. Then `close`. */
    drain(ms: number): Promise<void>;
  }
}

/**
 * `GET /healthz`: the process is up. `GET /readyz`: it can take traffic; 503 while it drains. Open to all. `setAside` is how many
 * files of telemetry wait that the store refused: somebody should look, and traffic can be taken all the same.
 */
export function healthRoutes(
  app: FastifyInstance,
  parts: {
    clickhouse: ClickHouseClient;
    postgres: Postgres;
    collector?: CollectorSettings | undefined;
    countSetAside?: (() => number) | undefined;
  },
): void {
  let isDraining = false;
  app.addHook('preClose', (done) => {
    isDraining = true;
    if (app.server.listening) {
      // Requests under way are answered; the connection they came by would be kept for the next one, and the process with it.
      const idle = setInterval(() => {
        app.server.closeIdleConnections();
      }, IDLE_MS);
      app.server.once('close', () => {
        clearInterval(idle);
      });
    }
    done();
  });

  app.decorate('drain', async (ms: number) => {
    isDraining = true;
    await pause(ms);
  });

  app.get('/healthz', () => ({ ok: true }));

  app.get('/readyz', async (_request, reply) => {
    const state = await readiness(parts);
    const ok = !isDraining && Object.values(state).every((part) => part);
    const setAside = parts.countSetAside?.() ?? 0;
    return reply.code(ok ? 200 : 503).send({ ok, ...state, ...(setAside === 0 ? {} : { setAside }) });
  });
}
