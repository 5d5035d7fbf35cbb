import type { ClickHouseClient } from '#schemas/clickhouse/client.js';
import { fromStore } from '../errors/from-store.js';
import { readClear } from '../telemetry/read-clear.js';
import { acceptedAll, type TelemetrySink } from '../telemetry/sink.js';
import { insertRows } from './insert.js';
import { insertsOf } from '../work/large-work.js';
import type { LandingSettings } from './tenant.js';

/**
 * Does the collector's work where there is none: reads the request, deletes what only we may set, stamps the
 * tenant, takes secrets out, and writes the rows that the collector's exporter would write.
 *
 * A request is acknowledged when all its rows are stored. If some table failed the client is told to send it
 * again, and the rows that did get stored come twice: landing may repeat, facts fold.
 */
export function createLandingSink(clickhouse: ClickHouseClient, settings: LandingSettings): TelemetrySink {
  return {
    async deliver(request, caller) {
      const { signal, type, onEntries } = request;
      const { orgId } = caller;
      const inserts = await insertsOf({ kind: 'inserts', signal, type, body: await readClear(request, orgId), caller, settings }, { orgId, onEntries });
      await fromStore(Promise.all(inserts.map((insert) => insertRows(clickhouse, insert))));
      return acceptedAll(type);
    },
  };
}
