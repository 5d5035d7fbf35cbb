import { setTimeout as pause } from 'node:timers/promises';
import type { FastifyInstance } from 'fastify';
import type { ClickHouseClient } from '#schemas/clickhouse/client.js';
import type { Postgres } from '#schemas/postgres/client.js';
import type { AskFailingSeries } from '../operations/failing-series.js';
import { readiness } from '../operations/readiness.js';
import type { CollectorSettings } from '../telemetry/collector-sink.js';

/** Milliseconds between checks for idle connections while the gateway closes. */
const IDLE_MS = 50;

declare module 'fastify' {
  interface FastifyInstance {
    /**
     * Makes `/readyz` answer 503 and serves everything else for `ms`, so that load balancers stop sending traffic. Then
     * call `close`.
     */
    drain(ms: number): Promise<void>;
  }
}

/**
 * Adds `GET /healthz` (the process is up) and `GET /readyz` (it accepts traffic; 503 while draining). Both are public.
 * `setAside` is the number of files with rejected telemetry, `failingSeries` names series with buckets that could not be
 * computed: these need attention but do not affect readiness.
 */
export function healthRoutes(
  app: FastifyInstance,
  parts: {
    clickhouse: ClickHouseClient;
    postgres: Postgres;
    collector?: CollectorSettings | undefined;
    countSetAside?: (() => number) | undefined;
    failingSeries: AskFailingSeries;
  },
): void {
  let isDraining = false;
  app.addHook('preClose', (done) => {
    isDraining = true;
    if (app.server.listening) {
      // Current requests are answered, but their keep-alive connections would keep the process running.
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
    const [state, failing] = await Promise.all([readiness(parts), parts.failingSeries()]);
    const ok = !isDraining && Object.values(state).every((part) => part);
    const setAside = parts.countSetAside?.() ?? 0;
    return reply.code(ok ? 200 : 503).send({
      ok,
      ...state,
      ...(setAside === 0 ? {} : { setAside }),
      ...(failing.length === 0 ? {} : { failingSeries: failing.map(({ series }) => series) }),
    });
  });
}
