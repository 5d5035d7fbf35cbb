/**
 * Runs the gateway in a process of its own, in front of the given collector, so that its CPU time can be read
 * separately.
 */
import { createGateway } from '#ingest/app.js';
import { ensureFirstTokens } from '#ingest/control/first-tokens.js';
import { createClickHouse } from '#schemas/clickhouse/client.js';
import { freshPostgres } from '#schemas/testing/postgres.js';
import { raiseHeapLimit } from '../../node-memory.js';

/** Message to the bench once the gateway listens. */
export interface GatewayReady {
  readonly url: string;
  readonly token: string;
}

raiseHeapLimit();
const [, , clickhouseUrl = '', collectorUrl = '', key = ''] = process.argv;
const postgres = await freshPostgres();
const tokens = await ensureFirstTokens(postgres);
const app = await createGateway({
  clickhouse: createClickHouse({ url: clickhouseUrl }),
  postgres,
  collector: { url: collectorUrl, key },
  logger: { level: 'error' },
});
await app.listen({ host: '127.0.0.1', port: 0 });
const address = app.server.address();
const ready: GatewayReady = {
  url: `http://127.0.0.1:${address !== null && typeof address === 'object' ? address.port : 0}`,
  token: tokens?.ingestToken ?? '',
};
process.send?.(ready);
process.on('disconnect', () => process.exit(0));
