import type { ClickHouseClient } from '#schemas/clickhouse/client.js';
import { ShieldwatchError } from '#schemas/errors.js';
import { readClear } from './read-clear.js';
import type { Signal } from '../request/signal.js';
import { acceptedAll, partialSuccess, type TelemetrySink } from './sink.js';
import { insertsOf } from '../work/large-work.js';
import type { Insert } from '../landing/insert.js';
import { storeRows, type RefusedRow } from '../landing/store-rows.js';
import type { LandingSettings } from '../landing/tenant.js';

/** Rows that an answer names one by one. */
const MAX_NAMES = 5;

/**
 * Does the collector's work where there is none: reads the request, deletes what only we may set, stamps the
 * tenant, takes secrets out, and writes the rows that the collector's exporter would write.
 *
 * A request is acknowledged when all its rows are stored. If some table failed the client is told to send it
 * again, and the rows that did get stored come twice: landing is at-least-once; fact tables deduplicate. Rows that the store will never take
 * are named in a partial success, and the others are stored; where it takes none of them the answer is 400.
 */
export function createLandingSink(clickhouse: ClickHouseClient, settings: LandingSettings): TelemetrySink {
  return {
    async deliver(request, caller) {
      const { signal, type, onEntries } = request;
      const { orgId } = caller;
      const inserts = await insertsOf(
        { kind: 'inserts', signal, type, body: await readClear(request, orgId), caller, settings },
        { orgId, onEntries },
      );
      const refused = await Promise.all(
        inserts.map(async (insert) => ({ insert, rows: await storeRows(clickhouse, insert) })),
      );
      const count = refused.reduce((sum, { rows }) => sum + rows.length, 0);
      if (count === 0) return acceptedAll(type);
      const rows = inserts.reduce((sum, insert) => sum + insert.rows, 0);
      const message = `the store refuses ${String(count)} of ${String(rows)} ${NOUNS[signal]} for what they hold: ${namesOf(refused)}`;
      if (count === rows) throw new ShieldwatchError('body_invalid', message);
      return partialSuccess(type, signal, count, message);
    },
  };
}

const NOUNS: Readonly<Record<Signal, string>> = { traces: 'spans', metrics: 'data points', logs: 'log records' };

/** Which rows were refused and by which of ClickHouse's error codes; never what they hold. */
function namesOf(refused: readonly { insert: Insert; rows: readonly RefusedRow[] }[]): string {
  const names = refused.flatMap(({ insert: { table }, rows }) =>
    rows.slice(0, MAX_NAMES).map(({ index, code }) => `number ${String(index + 1)} of ${table} (code ${code})`),
  );
  return names.length > MAX_NAMES ? `${names.slice(0, MAX_NAMES).join(', ')} ...` : names.join(', ');
}
