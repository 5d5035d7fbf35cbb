import type { ClickHouseClient } from '#schemas/clickhouse/client.js';
import type { FastifyInstance } from 'fastify';
import type { Postgres } from '#schemas/postgres/client.js';

/** Milliseconds a store has to answer. */
const TIMEOUT_MS = 2_000;

/** `GET /healthz`: the process is up. `GET /readyz`: its stores answer. Open to all, so they say nothing more. */
export function healthRoutes(app: FastifyInstance, options: { clickhouse: ClickHouseClient; postgres: Postgres }): void {
  app.get('/healthz', () => ({ ok: true }));

  app.get('/readyz', async (_request, reply) => {
    const [clickhouse, postgres] = await Promise.all([
      answers(options.clickhouse.query({ query: 'SELECT 1', format: 'JSONEachRow' }).then((result) => result.json())),
      answers(options.postgres.query('SELECT 1')),
    ]);
    const ok = clickhouse && postgres;
    return reply.code(ok ? 200 : 503).send({ ok, clickhouse, postgres });
  });
}

async function answers(question: Promise<unknown>): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<boolean>((resolve) => {
    timer = setTimeout(() => {
      resolve(false);
    }, TIMEOUT_MS);
  });
  const answered = question.then(
    () => true,
    () => false,
  );
  return Promise.race([answered, late]).finally(() => {
    clearTimeout(timer);
  });
}
