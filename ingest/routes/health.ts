import type { FastifyInstance } from 'fastify';
import type { ClickHouseClient } from '#schemas/clickhouse/client.js';
import type { Postgres } from '#schemas/postgres/client.js';
import { readiness } from '../operations/readiness.js';
import type { CollectorSettings } from '../telemetry/collector-sink.js';

/** `GET /healthz`: the process is up. `GET /readyz`: it can take traffic; 503 while it drains. Open to all. */
export function healthRoutes(
  app: FastifyInstance,
  parts: { clickhouse: ClickHouseClient; postgres: Postgres; collector?: CollectorSettings | undefined },
): void {
  let isDraining = false;
  app.addHook('preClose', (done) => {
    isDraining = true;
    done();
  });

  app.get('/healthz', () => ({ ok: true }));

  app.get('/readyz', async (_request, reply) => {
    const state = await readiness(parts);
    const ok = !isDraining && Object.values(state).every((part) => part);
    return reply.code(ok ? 200 : 503).send({ ok, ...state });
  });
}
