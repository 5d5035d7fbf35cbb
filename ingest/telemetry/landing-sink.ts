import type { ClickHouseClient } from '#schemas/clickhouse/client.js';
import { ShieldwatchError } from '#schemas/errors.js';
import { readDecompressed } from './read-decompressed.js';
import type { Signal } from '../request/signal.js';
import { acceptedAll, partialSuccess, type TelemetrySink } from './sink.js';
import { insertsOf } from '../work/large-work.js';
import type { Insert } from '../landing/insert.js';
import { storeRows, type RefusedRow } from '../landing/store-rows.js';
import type { LandingSettings } from '../landing/tenant.js';

/** Maximum rows that an answer names. */
const MAX_NAMES = 5;

/**
 * Creates a sink that does the collector's work where there is none: decodes the request, deletes attributes that only
 * the gateway may set, stamps the tenant, redacts, and inserts the rows that the collector's exporter would.
 *
 * A request is acknowledged when all its rows are stored. If one table fails, the client is asked to retry and the
 * stored rows repeat: landing is at-least-once; fact tables deduplicate. Rows that the store will never accept are
 * reported in a partial success while the others are stored; if it accepts none, the answer is 400.
 */
export function createLandingSink(clickhouse: ClickHouseClient, settings: LandingSettings): TelemetrySink {
  return {
    async deliver(request, caller) {
      const { signal, type, onEntries } = request;
      const { orgId } = caller;
      const inserts = await insertsOf(
        { kind: 'inserts', signal, type, body: await readDecompressed(request, orgId), caller, settings },
        { orgId, onEntries },
      );
      const refused = await Promise.all(
        inserts.map(async (insert) => ({ insert, rows: await storeRows(clickhouse, insert) })),
      );
      const count = refused.reduce((sum, { rows }) => sum + rows.length, 0);
      if (count === 0) return acceptedAll(type);
      const rows = inserts.reduce((sum, insert) => sum + insert.rows, 0);
      const message = `the store rejects ${String(count)} of ${String(rows)} ${NOUNS[signal]} because of their content: ${namesOf(refused)}`;
      if (count === rows) throw new ShieldwatchError('body_invalid', message);
      return partialSuccess(type, signal, count, message);
    },
  };
}

const NOUNS: Readonly<Record<Signal, string>> = { traces: 'spans', metrics: 'data points', logs: 'log records' };

/** Lists rejected rows with ClickHouse's error codes, never their content. */
function namesOf(refused: readonly { insert: Insert; rows: readonly RefusedRow[] }[]): string {
  const names = refused.flatMap(({ insert: { table }, rows }) =>
    rows.slice(0, MAX_NAMES).map(({ index, code }) => `number ${String(index + 1)} of ${table} (code ${code})`),
  );
  return names.length > MAX_NAMES ? `${names.slice(0, MAX_NAMES).join(', ')} ...` : names.join(', ');
}
